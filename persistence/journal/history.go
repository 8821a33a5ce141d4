package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

// segment is one file of the history.
type segment struct {
	name string
	// before is the position that the segment begins after.
	before persistence.Position
	// last is the sequence of its last durable record.
	last uint64
	// end is the offset after its last durable frame; bytes is the size of the file.
	end, bytes int64
}

// history is what the files hold.
type history struct {
	journal  inventory.ID
	segments []segment
	// begin and end are the positions before the first record and after the last.
	begin, end       persistence.Position
	batches, records int64
	// tornBytes is how much follows the last batch that is not zero.
	tornBytes int64
	watermark note
}

// mark is a position that the history has to contain.
type mark struct {
	// holder says who knows the position, for messages.
	holder   string
	position persistence.Position
}

// holderDatabase is the holder of the position that the database has.
const holderDatabase = "the database"

// inspector reads a whole directory, verifies every byte that matters, and
// changes nothing.
type inspector struct {
	fs        FS
	directory string
	marks     []mark
	// visit is called for every batch; nil is nothing.
	visit func(persistence.Batch) error

	history history
	cursor  cursor
	// suspect is what ended a segment before the last, if it was not zeros. It is
	// harmless when the next segment continues there.
	suspect *Corruption
}

// inspect returns the history in the directory. The error wraps
// persistence.ErrCorrupt when there is no history that can be trusted.
func inspect(fs FS, directory string, projected persistence.Position, visit func(persistence.Batch) error) (history, error) {
	i := inspector{fs: fs, directory: directory, visit: visit}
	names, err := segmentNames(fs, directory)
	if err != nil {
		return i.history, err
	}
	if i.history.watermark, err = readWatermark(fs, directory); err != nil {
		return i.history, err
	}
	if i.history.watermark.valid {
		i.marks = append(i.marks, mark{"the watermark of acknowledged records", i.history.watermark.position})
	}
	if projected != (persistence.Position{}) {
		i.marks = append(i.marks, mark{holderDatabase, projected})
	}
	for at, name := range names {
		if err := i.segment(name, at == len(names)-1); err != nil {
			return i.history, err
		}
	}
	return i.history, i.finish()
}

func segmentNames(fs FS, directory string) ([]string, error) {
	all, err := fs.List(directory)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", directory, err)
	}
	var names []string
	for _, name := range all {
		if strings.HasSuffix(name, segmentSuffix) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (i *inspector) segment(name string, last bool) error {
	file, err := i.fs.Open(filepath.Join(i.directory, name))
	if err != nil {
		return fmt.Errorf("open segment %s: %w", name, err)
	}
	defer file.Close()
	header, err := readSegmentHeader(file, name)
	if err != nil {
		return err
	}
	if err := i.link(name, header); err != nil {
		return err
	}
	size, err := file.Size()
	if err != nil {
		return fmt.Errorf("read the size of segment %s: %w", name, err)
	}
	i.cursor.start(file, name, header, min(size, header.bytes))
	cause, err := i.batches()
	if err != nil {
		return err
	}
	i.history.segments = append(i.history.segments, segment{
		name: name, before: header.before(), last: i.cursor.end.Sequence, end: i.cursor.offset, bytes: header.bytes,
	})
	i.history.end = i.cursor.end
	i.suspect = cause
	if last {
		return i.tail(cause)
	}
	return nil
}

// link checks that a segment continues the one before.
func (i *inspector) link(name string, header segmentHeader) error {
	before := header.before()
	if len(i.history.segments) == 0 {
		i.history.journal, i.history.begin, i.history.end = header.journal, before, before
		return i.pass(name, before.Sequence, before)
	}
	end := i.history.end
	var reason string
	switch {
	case header.journal != end.Journal:
		reason = fmt.Sprintf("the segment belongs to the journal %s, not %s", header.journal, end.Journal)
	case before.Sequence != end.Sequence:
		reason = fmt.Sprintf("the segment begins with sequence %d, and the one before ends with %d", header.first, end.Sequence)
	case before.Hash != end.Hash:
		reason = "the segment continues another history: the hash before it differs"
	case before.Epoch < end.Epoch:
		reason = fmt.Sprintf("the epoch of the segment is %d, and that before it %d", before.Epoch, end.Epoch)
	default:
		return nil
	}
	if i.suspect != nil {
		return i.suspect
	}
	return corrupt(name, 0, end.Sequence+1, "%s", reason)
}

// batches walks the batches of the segment at the cursor. The cause is what is
// wrong with the bytes where they end, nil for zeros.
func (i *inspector) batches() (cause *Corruption, err error) {
	for {
		offset := i.cursor.offset
		batch, err := i.cursor.next()
		if errors.Is(err, errEnd) {
			return nil, nil
		}
		if errors.As(err, &cause) {
			return cause, nil
		}
		if err != nil {
			return nil, err
		}
		if err := i.pass(i.cursor.name, batch.First, batch.End); err != nil {
			return nil, err
		}
		i.history.batches++
		i.history.records += int64(len(batch.Records))
		if i.visit == nil {
			continue
		}
		if err := i.visit(batch); err != nil {
			return nil, fmt.Errorf("batch at offset %d of segment %s: %w", offset, i.cursor.name, err)
		}
	}
}

// pass checks the marks between the first sequence of a batch and its end.
func (i *inspector) pass(name string, first uint64, end persistence.Position) error {
	for _, mark := range i.marks {
		sequence := mark.position.Sequence
		if sequence < first || sequence > end.Sequence {
			continue
		}
		// The hash covers the epoch.
		same := sequence == end.Sequence && mark.position.Hash == end.Hash
		if !same || mark.position.Journal != end.Journal {
			return corrupt(name, i.cursor.offset, sequence,
				"the history differs from what %s holds: %s there, %s here", mark.holder, mark.position, end)
		}
	}
	return nil
}

// finish checks what can be said only about the whole history.
func (i *inspector) finish() error {
	h := &i.history
	next := h.end.Sequence + 1
	name, offset := "", int64(0)
	if n := len(h.segments); n > 0 {
		name, offset = h.segments[n-1].name, h.segments[n-1].end
	}
	for _, mark := range i.marks {
		if mark.position.Sequence <= h.end.Sequence {
			continue
		}
		if i.suspect != nil {
			return corrupt(name, offset, next, "%s, and %s holds records up to %d", i.suspect.Reason, mark.holder, mark.position.Sequence)
		}
		shorter := corrupt(name, offset, next, "the history ends here, and %s holds records up to %d", mark.holder, mark.position.Sequence)
		if mark.holder == holderDatabase {
			shorter.Remedy = remedyLostJournal
		}
		return shorter
	}
	for _, mark := range i.marks {
		if len(h.segments) > 0 && !mark.position.Journal.IsZero() && mark.position.Journal != h.journal {
			return corrupt(name, offset, mark.position.Sequence, "the journal is %s, and %s holds %s", h.journal, mark.holder, mark.position)
		}
	}
	return nil
}

// follows checks that no record is missing between what SQL holds and the first one.
func (h *history) follows(projected persistence.Position) error {
	if h.begin.Sequence > projected.Sequence {
		return corrupt(h.segments[0].name, 0, projected.Sequence+1,
			"the journal begins with sequence %d, and the database holds records up to %d: those between are missing",
			h.begin.Sequence+1, projected.Sequence).curable(remedyOlderDatabase)
	}
	if len(h.segments) == 0 && projected != (persistence.Position{}) {
		return corrupt("", 0, projected.Sequence+1, "there are no segments, and the database holds %s", projected).curable(remedyLostJournal)
	}
	return nil
}
