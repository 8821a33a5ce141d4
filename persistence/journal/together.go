package journal

import (
	"fmt"

	"holdfast/persistence"
)

// recordRoom is the room that a record may need in a batch.
func (j *Journal) recordRoom() int64 { return recordHeaderBytes + int64(j.options.RecordBytesMax) }

// AppendTogether implements [persistence.Journal]. The mutex is held until the last
// entry has its place, so the writer takes all of them or none.
func (j *Journal) AppendTogether(entries []persistence.Entry) (last uint64, err error) {
	if most := (j.options.PendingBytesMax - frameHeaderBytes) / j.recordRoom(); int64(len(entries)) > most {
		return 0, fmt.Errorf("%w: %d records do not fit in one batch, which takes %d", ErrTooLarge, len(entries), most)
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if err := j.admit(len(entries)); err != nil {
		return 0, err
	}
	placed := j.markPending()
	defer func() {
		if placed != nil { // an entry has refused, or panicked
			j.withdraw(placed)
		}
	}()
	for _, entry := range entries {
		if last, err = j.place(entry); err != nil {
			return 0, err
		}
	}
	placed = nil
	return last, nil
}

// pendingMark is a place in the pending batch.
type pendingMark struct {
	bytes, entries int
	rolls          bool
	appended       uint64
}

func (j *Journal) markPending() *pendingMark {
	b := j.pending
	return &pendingMark{bytes: len(b.buffer), entries: len(b.entries), rolls: b.rolls, appended: j.appended}
}

// withdraw takes back what was placed after the mark.
func (j *Journal) withdraw(to *pendingMark) {
	b := j.pending
	clear(b.entries[to.entries:])
	b.buffer, b.entries, b.rolls = b.buffer[:to.bytes], b.entries[:to.entries], to.rolls
	j.appended = to.appended
}
