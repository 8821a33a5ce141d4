package actors

import (
	"time"

	"holdfast/inventory"
)

// ProjectionState is a reading of how SQL follows the journal. All of it comes from the
// projection's own attempts: nothing is asked of the database for it.
type ProjectionState struct {
	// Acknowledge is when operations are answered.
	Acknowledge Acknowledgement
	// Projected is the last sequence that SQL has, Backlog the durable records that
	// it does not have yet, BacklogMax their bound.
	Projected, Backlog, BacklogMax uint64
	// BacklogBytes are the bytes of the records that it does not have yet, and
	// BacklogBytesMax their bound.
	BacklogBytes, BacklogBytesMax int64
	// Lag is the age of the oldest record that it does not have.
	Lag time.Duration
	// Failures counts the attempts in a row that failed, FailuresTotal all since the
	// start. Failure is the class of the last in a row, empty while all is well, and
	// AwaySince when the first of them was.
	Failures, FailuresTotal uint64
	Failure                 string
	AwaySince               inventory.Instant
}

// Away reports whether the last attempt to write to the database failed.
func (s *ProjectionState) Away() bool { return s.Failures > 0 }

// Projection implements [Facade].
func (e *Engine) Projection() ProjectionState {
	p := e.projector
	s := ProjectionState{
		Acknowledge: AcknowledgeJournal,
		Projected:   p.position(), BacklogMax: e.backlogRecordsMax, BacklogBytesMax: e.backlogBytesMax,
		FailuresTotal: p.outage.total.Load(),
	}
	if e.commits != nil {
		s.Acknowledge = AcknowledgeDatabase
	}
	if durable := e.journal.DurableSequence(); durable > s.Projected {
		s.Backlog = durable - s.Projected
		if oldest := p.oldest.Load(); oldest != 0 {
			s.Lag = time.Duration(max(e.clock.Now()-inventory.Instant(oldest), 0))
		}
	}
	s.BacklogBytes = max(e.appendedBytes.Load()-p.bytes.Load(), 0)
	s.Failures, s.AwaySince, s.Failure = p.outage.state()
	return s
}
