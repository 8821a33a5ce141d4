package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Journal is a [persistence.Journal] in the files of one directory, which its
// process has for itself (see [LockDirectory]).
type Journal struct {
	options Options
	// identity and epoch do not change while the journal is open.
	identity inventory.ID
	epoch    uint32
	opening  Opening

	// durable is read for every order, and mutex taken: each has a line of the
	// processor's cache of its own.
	_       cpu.CacheLinePad
	durable atomic.Uint64
	_       cpu.CacheLinePad

	// mutex guards what follows. It is never held during I/O.
	mutex sync.Mutex
	// wake tells the writer that there is a pending entry, a fault, or the end.
	wake *sync.Cond
	// pending gathers entries; spare is the other of the two batches while the
	// writer does not have it.
	pending, spare *batch
	appended       uint64
	// tail is where the pending batch begins in the current segment, which has
	// room bytes, unless it rolls into prepared.
	tail, room int64
	prepared   *preparedSegment
	// reserve is the size of the reserve, which this start may have taken.
	reserve      int64
	reserveTaken bool
	full         bool
	// closing ends the writer when nothing is pending; fault at once. ended is what
	// the rest of the program hears after that.
	closing      bool
	fault, ended error
	segments     []segment
	position     persistence.Position
	statistics   Statistics
	// published is closed when DurableSequence was raised, or the journal ended; nil
	// while nobody waits.
	published chan struct{}

	// current and watermark belong to the writer.
	current   currentSegment
	watermark *watermark

	// stop ends the preparer; need tells it that the prepared segment was taken.
	stop                     context.Context
	stopNow                  context.CancelFunc
	need                     chan struct{}
	firstAttempt             chan struct{}
	writerDone, preparerDone chan struct{}

	releasing sync.Mutex
	closeOnce sync.Once
	closeErr  error
}

var _ persistence.Journal = (*Journal)(nil)

// Opening says what Open found.
type Opening struct {
	// Created tells that the journal is new.
	Created bool
	// Clean tells that the process before had closed the journal.
	Clean bool
	// Batches and Records were found, and TornBytes of a batch that no entry was told.
	Batches, Records, TornBytes int64
	// End is the position after the last record.
	End persistence.Position
}

// Open verifies the whole journal in the directory, or makes one, and copies its
// last segment into a new, synced file. It waits for the next segment to be prepared
// when the last one has little room. The error wraps persistence.ErrCorrupt when the
// history cannot be trusted; then no file was changed. A full disk is no error while
// there is the reserve, and wraps persistence.ErrJournalFull when there is none.
func Open(options Options) (*Journal, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	j := newJournal(options)
	if err := j.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal in %s: %w", options.Directory, err), j.closeFiles())
	}
	// After the reserve was taken, what the old segment gave back is for the next one.
	scarce := j.reserveTaken || j.room-j.tail < options.PendingBytesMax
	current := j.current.bytes
	go j.write()
	go j.prepare(current)
	if scarce {
		<-j.firstAttempt
	}
	return j, nil
}

func newJournal(options Options) *Journal {
	j := &Journal{
		options: options, pending: newBatch(), spare: newBatch(),
		need: make(chan struct{}, 1), firstAttempt: make(chan struct{}),
		writerDone: make(chan struct{}), preparerDone: make(chan struct{}),
	}
	j.wake = sync.NewCond(&j.mutex)
	j.stop, j.stopNow = context.WithCancel(context.Background())
	return j
}

// Identity returns the journal's id.
func (j *Journal) Identity() inventory.ID { return j.identity }

// Epoch returns the epoch of new batches.
func (j *Journal) Epoch() uint32 { return j.epoch }

// Opening returns what Open found.
func (j *Journal) Opening() Opening { return j.opening }

// Append implements [persistence.Journal]. Whatever can refuse the entry comes before
// Encode, but for the bound of a record: Encode may have effects.
func (j *Journal) Append(entry persistence.Entry) (uint64, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if err := j.admit(1); err != nil {
		return 0, err
	}
	return j.place(entry)
}

// place gives the entry its place. It needs the mutex, and room for the record.
func (j *Journal) place(entry persistence.Entry) (uint64, error) {
	b, sequence := j.pending, j.appended+1
	start := len(b.buffer)
	buffer, err := entry.Encode(append(b.buffer, 0, 0, 0, 0), sequence)
	if err != nil {
		return 0, err
	}
	length := len(buffer) - start - recordHeaderBytes
	if length > j.options.RecordBytesMax {
		return 0, fmt.Errorf("%w: %d bytes, the bound is %d", ErrTooLarge, length, j.options.RecordBytesMax)
	}
	binary.LittleEndian.PutUint32(buffer[start:], uint32(length))
	b.buffer = buffer
	b.entries = append(b.entries, entry)
	if j.tail+padded(b.frameBytes()) > j.room {
		b.rolls = true
	}
	j.appended = sequence
	if len(b.entries) == 1 {
		b.first = sequence
		j.wake.Signal()
	}
	return sequence, nil
}

// Hold implements [persistence.Journal].
func (j *Journal) Hold(visit func(appended uint64)) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	visit(j.appended)
}

// admit refuses unless so many of the largest records have a place: in the current
// segment, or in the prepared one, together with all that is pending. A prepared
// segment takes every batch within PendingBytesMax.
func (j *Journal) admit(records int) error {
	if j.closing || j.fault != nil || j.ended != nil {
		return persistence.ErrJournalClosed
	}
	bytes := j.pending.frameBytes() + int64(records)*j.recordRoom()
	switch {
	case bytes > j.options.PendingBytesMax:
		return persistence.ErrJournalBusy
	case j.prepared != nil || j.tail+padded(bytes) <= j.room:
		return nil
	case j.full:
		return persistence.ErrJournalFull
	default:
		return persistence.ErrJournalBusy
	}
}

// DurableSequence implements [persistence.Journal].
func (j *Journal) DurableSequence() uint64 { return j.durable.Load() }

// Position returns the position at DurableSequence.
func (j *Journal) Position() persistence.Position {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.position
}

// WaitDurable implements [persistence.Journal].
func (j *Journal) WaitDurable(ctx context.Context, sequence uint64) error {
	for {
		published, err := j.awaiting(sequence)
		if published == nil {
			return err
		}
		select {
		case <-published:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaiting returns nil when there is nothing to wait for, or else a channel that is
// closed when that may have changed.
func (j *Journal) awaiting(sequence uint64) (<-chan struct{}, error) {
	if j.DurableSequence() >= sequence {
		return nil, nil
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.DurableSequence() >= sequence {
		return nil, nil
	}
	if j.ended != nil {
		return nil, j.ended
	}
	if j.published == nil {
		j.published = make(chan struct{})
	}
	return j.published, nil
}

// wakeWaiters needs the mutex.
func (j *Journal) wakeWaiters() {
	if j.published != nil {
		close(j.published)
		j.published = nil
	}
}

// Close implements [persistence.Journal]. It must not be called by an entry or by
// Options.Failed, because it waits for the writer.
func (j *Journal) Close() error {
	j.closeOnce.Do(func() { j.closeErr = j.shutDown() })
	return j.closeErr
}

func (j *Journal) shutDown() error {
	j.mutex.Lock()
	j.closing = true
	j.wake.Signal()
	j.mutex.Unlock()
	<-j.writerDone
	j.stopNow()
	<-j.preparerDone
	err := errors.Join(j.discardPrepared(), j.closeFiles())
	if !errors.Is(j.ended, persistence.ErrJournalClosed) {
		return errors.Join(j.ended, err)
	}
	return err
}

func (j *Journal) closeFiles() error {
	var errs []error
	if j.current.file != nil {
		errs = append(errs, j.current.file.Close())
	}
	if j.watermark != nil {
		errs = append(errs, j.watermark.file.Close())
	}
	return errors.Join(errs...)
}
