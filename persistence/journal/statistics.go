package journal

import (
	"time"

	"holdfast/inventory"
)

// Statistics are counters since Open, and the state of the moment.
type Statistics struct {
	// Batches, Records and Bytes became durable; Bytes are those in the files.
	Batches, Records, Bytes int64
	// SyncDurationTotal is the time in all syncs of batches, SyncDurationLast that
	// of the last one.
	SyncDurationTotal, SyncDurationLast time.Duration
	// WritingSince is when the batch that is being written was taken, zero when
	// there is none. An old value means that the disk stalls.
	WritingSince inventory.Instant
	// PendingBytes wait for the batch that is being written.
	PendingBytes int64
	// AppendedSequence and DurableSequence are the last of each.
	AppendedSequence, DurableSequence uint64
	// Full tells that the disk has no room for another segment.
	Full bool
	// Segments counts the files, and DiskBytes what they take, with the prepared one
	// and the reserve.
	Segments  int
	DiskBytes int64
}

// Statistics returns a consistent copy.
func (j *Journal) Statistics() Statistics {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	s := j.statistics
	s.PendingBytes = j.pending.payloadBytes()
	s.AppendedSequence, s.DurableSequence = j.appended, j.durable.Load()
	s.Full = j.full
	s.Segments = len(j.segments)
	s.DiskBytes = j.reserve
	for i := range j.segments {
		s.DiskBytes += j.segments[i].bytes
	}
	if j.prepared != nil {
		s.DiskBytes += j.prepared.bytes
	}
	return s
}
