package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	"holdfast/persistence"
)

// reader is a [persistence.Reader] over the segments of an open journal. It is for
// one goroutine.
type reader struct {
	journal *Journal
	// cursor.file is nil before the first batch and after Close.
	cursor cursor
	closed bool
}

// ReadFrom implements [persistence.Journal].
func (j *Journal) ReadFrom(position persistence.Position) (persistence.Reader, error) {
	if durable := j.Position(); position.Sequence > durable.Sequence {
		return nil, corrupt("", 0, position.Sequence, "the journal ends with sequence %d, before %s", durable.Sequence, position)
	}
	if position.Journal != j.identity && position != (persistence.Position{}) {
		return nil, corrupt("", 0, position.Sequence, "the journal is %s, not that of %s", j.identity, position)
	}
	r := &reader{journal: j}
	if err := r.seek(position); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// seek reads from the beginning of the segment to the position.
func (r *reader) seek(position persistence.Position) error {
	holder, ok := r.journal.segmentOf(position.Sequence + 1)
	if !ok {
		return fmt.Errorf("%w: %w", ErrReleased,
			corrupt("", 0, position.Sequence, "the journal begins after %s", position))
	}
	r.cursor.end = holder.before
	for r.cursor.end.Sequence < position.Sequence {
		if _, _, err := r.TryNext(); err != nil {
			return err
		}
	}
	if r.cursor.end.Sequence != position.Sequence || r.cursor.end.Hash != position.Hash {
		return corrupt(r.cursor.name, r.cursor.offset, position.Sequence,
			"the history differs: %s here, not %s", r.cursor.end, position)
	}
	return nil
}

func (j *Journal) segmentOf(sequence uint64) (segment, bool) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	after := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].before.Sequence >= sequence })
	if after == 0 {
		return segment{}, false
	}
	return j.segments[after-1], true
}

// Next implements [persistence.Reader].
func (r *reader) Next(ctx context.Context) (persistence.Batch, error) {
	for {
		batch, ok, err := r.TryNext()
		if ok || err != nil {
			return batch, err
		}
		if err := r.journal.WaitDurable(ctx, r.cursor.end.Sequence+1); err != nil {
			return persistence.Batch{}, err
		}
	}
}

// TryNext implements [persistence.Reader].
func (r *reader) TryNext() (persistence.Batch, bool, error) {
	if r.closed {
		return persistence.Batch{}, false, fmt.Errorf("read the journal: %w", persistence.ErrJournalClosed)
	}
	next := r.cursor.end.Sequence + 1
	if r.journal.DurableSequence() < next {
		return persistence.Batch{}, false, nil
	}
	holder, ok := r.journal.segmentOf(next)
	if !ok {
		return persistence.Batch{}, false, fmt.Errorf("%w: sequence %d", ErrReleased, next)
	}
	if r.cursor.name != holder.name {
		if err := r.open(holder); err != nil {
			return persistence.Batch{}, false, err
		}
	}
	r.cursor.limit = holder.end
	batch, err := r.cursor.next()
	if errors.Is(err, errEnd) {
		err = r.cursor.corrupt("a durable batch is missing")
	}
	return batch, err == nil, err
}

// open goes to the first frame of a segment.
func (r *reader) open(holder segment) error {
	if err := r.closeFile(); err != nil {
		return err
	}
	file, err := r.journal.options.FS.Open(filepath.Join(r.journal.options.Directory, holder.name))
	if err != nil {
		return fmt.Errorf("open segment %s: %w", holder.name, err)
	}
	header, err := readSegmentHeader(file, holder.name)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	got, want := header.before(), r.cursor.end
	if got.Journal != want.Journal || got.Sequence != want.Sequence || got.Hash != want.Hash {
		damage := corrupt(holder.name, 0, want.Sequence+1, "the segment continues %s, not %s", got, want)
		return errors.Join(damage, file.Close())
	}
	r.cursor.start(file, holder.name, header, holder.end)
	return nil
}

func (r *reader) closeFile() error {
	file := r.cursor.file
	r.cursor.file, r.cursor.name = nil, ""
	if file == nil {
		return nil
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("close a segment: %w", err)
	}
	return nil
}

// Close implements [persistence.Reader].
func (r *reader) Close() error {
	r.closed = true
	return r.closeFile()
}
