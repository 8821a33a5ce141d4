package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// errDrained ends the writer when everything was written.
var errDrained = errors.New("nothing is left to write")

// currentSegment is the file that the writer writes.
type currentSegment struct {
	file File
	name string
	// offset is where the next frame begins; bytes is the size of the file.
	offset, bytes int64
}

// written is what a batch became.
type written struct {
	end   persistence.Position
	bytes int64
	// added is the segment that the batch began, if it rolled.
	added        *segment
	syncDuration time.Duration
}

// write is the writer: it makes batch after batch durable until the end.
func (j *Journal) write() {
	defer close(j.writerDone)
	records := 0 // of the batch before
	for {
		j.gather(records)
		b, next, err := j.take()
		if errors.Is(err, errDrained) {
			j.finish()
			return
		}
		if err != nil {
			j.fail(nil, err)
			return
		}
		records = len(b.entries)
		result, err := j.commit(b, next)
		if err != nil {
			j.fail(b, err)
			return
		}
		j.publish(b, result)
	}
}

const (
	// gatherRecordsMin is how many records the batch before must have had: then many
	// append, and others are worth to be waited for.
	gatherRecordsMin = 8
	// gatherYieldsMax bounds how often the writer lets others go first. After a time that
	// was longer than gatherYieldMax, which is about that of a sync, it does so no more:
	// whoever runs then does something else.
	gatherYieldsMax = 16
	gatherYieldMax  = 200 * time.Microsecond
)

// gather waits for a pending entry, a fault, or the end, and then, when many append, lets
// others go first as long as they do: what is ready to be appended comes into the same
// batch. A batch costs two system calls and a turn of the disk whatever its size, and
// while many append, those cost more than what they write. before is how many records
// the batch before had.
func (j *Journal) gather(before int) {
	waiting := j.awaitPending()
	if before < gatherRecordsMin {
		return
	}
	for range gatherYieldsMax {
		began := j.options.Clock.Now()
		runtime.Gosched()
		more := j.awaitPending()
		if more == waiting || time.Duration(j.options.Clock.Now()-began) > gatherYieldMax {
			return
		}
		waiting = more
	}
}

// awaitPending waits until there is something to do, and returns how many entries are
// pending.
func (j *Journal) awaitPending() int {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for len(j.pending.entries) == 0 && j.fault == nil && !j.closing {
		j.wake.Wait()
	}
	return len(j.pending.entries)
}

// take takes what is pending, with the prepared segment if the batch rolls into it.
func (j *Journal) take() (b *batch, next *preparedSegment, err error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.fault != nil {
		return nil, nil, j.fault
	}
	b = j.pending
	if len(b.entries) == 0 {
		return nil, nil, errDrained
	}
	j.pending, j.spare = j.spare, nil
	if b.rolls {
		next, j.prepared = j.prepared, nil
		j.tail, j.room = segmentHeaderBytes, next.bytes
	}
	j.tail += padded(b.frameBytes())
	j.statistics.WritingSince = j.options.Clock.Now()
	return b, next, nil
}

// commit makes the batch durable, with its segment's name if it begins one, and
// only then moves the watermark. Any error is the end of the journal.
func (j *Journal) commit(b *batch, next *preparedSegment) (written, error) {
	before := j.position
	before.Epoch = j.epoch
	result := written{end: b.seal(before)}
	result.bytes = b.frameBytes()
	data, offset := b.buffer[segmentHeaderBytes:], j.current.offset
	if next != nil {
		if err := j.leave(next); err != nil {
			return result, err
		}
		header := segmentHeader{journal: j.identity, epoch: j.epoch, first: b.first, previous: before.Hash, bytes: next.bytes}
		header.encode(b.buffer[:segmentHeaderBytes])
		data, offset = b.buffer, 0
		result.added = &segment{name: segmentName(b.first), before: header.before(), bytes: next.bytes}
	}
	if err := writeFull(j.current.file, data, offset); err != nil {
		return result, j.failed("write", b, err)
	}
	start := j.options.Clock.Now()
	if err := j.current.file.Sync(); err != nil {
		return result, j.failed("sync", b, err)
	}
	result.syncDuration = time.Duration(j.options.Clock.Now() - start)
	j.current.offset = offset + int64(len(data))
	if next != nil {
		if err := j.enter(result.added.name); err != nil {
			return result, j.failed("name the segment of", b, err)
		}
	}
	return result, j.watermark.write(result.end, false)
}

func (j *Journal) failed(what string, b *batch, err error) error {
	return fmt.Errorf("%s the batch of records %d to %d in segment %s: %w", what, b.first, b.last(), j.current.name, err)
}

// leave goes from the full segment, whose batches are all synced, to the prepared
// one, which has no final name yet.
func (j *Journal) leave(next *preparedSegment) error {
	if err := j.current.file.Close(); err != nil {
		j.current.file = next.file
		return fmt.Errorf("close segment %s: %w", j.current.name, err)
	}
	j.current = currentSegment{file: next.file, name: next.name, bytes: next.bytes}
	return nil
}

// enter gives the current segment its name, durably, after its first batch is
// synced, and lets the preparer go on.
func (j *Journal) enter(name string) error {
	directory := j.options.Directory
	if err := j.options.FS.Rename(filepath.Join(directory, j.current.name), filepath.Join(directory, name)); err != nil {
		return err
	}
	j.current.name = name
	if err := j.options.FS.SyncDirectory(directory); err != nil {
		return err
	}
	select {
	case j.need <- struct{}{}:
	default:
	}
	return nil
}

// publish tells the entries of a durable batch, then everybody who waits. A fault
// of the preparer that came meanwhile is the end: nothing is told after it.
func (j *Journal) publish(b *batch, result written) {
	j.mutex.Lock()
	fault := j.fault
	j.mutex.Unlock()
	if fault != nil {
		j.fail(b, fault)
		return
	}
	b.tell(nil)
	records := len(b.entries)
	j.mutex.Lock()
	j.note(records, result)
	b.reset()
	j.spare = b
	j.durable.Store(result.end.Sequence)
	j.wakeWaiters()
	j.mutex.Unlock()
	if j.options.Published != nil {
		j.options.Published(result.end.Sequence)
	}
	if j.options.Observe != nil {
		j.options.Observe(records, result.bytes, result.syncDuration)
	}
}

// note needs the mutex.
func (j *Journal) note(records int, result written) {
	if result.added != nil {
		j.segments = append(j.segments, *result.added)
	}
	last := &j.segments[len(j.segments)-1]
	last.last, last.end = result.end.Sequence, j.current.offset
	j.position = result.end
	s := &j.statistics
	s.Batches++
	s.Records += int64(records)
	s.Bytes += result.bytes
	s.SyncDurationTotal += result.syncDuration
	s.SyncDurationLast = result.syncDuration
	s.WritingSince = inventory.Instant(0)
}

// finish notes that the journal was closed in order. Nothing was acknowledged that
// is not durable already.
func (j *Journal) finish() {
	err := j.watermark.write(j.position, true)
	if err == nil {
		if err = j.watermark.file.Sync(); err != nil {
			err = fmt.Errorf("sync the watermark: %w", err)
		}
	}
	if err != nil {
		j.fail(nil, err)
		return
	}
	j.end(persistence.ErrJournalClosed)
}

// end makes everybody hear err from now on.
func (j *Journal) end(err error) {
	j.stopNow()
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.ended = err
	j.wakeWaiters()
}

// fail ends the journal: the fate of the batch and of all that is pending is
// unknown, and no file is written or synced again.
func (j *Journal) fail(b *batch, err error) {
	j.options.Log.Error("the journal failed and takes no more records", "error", err)
	j.mutex.Lock()
	j.fault = err
	pending := j.pending
	j.mutex.Unlock()
	if b != nil {
		b.tell(err)
	}
	pending.tell(err)
	j.end(err)
	if j.options.Failed != nil {
		j.options.Failed(err)
	}
}
