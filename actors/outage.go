package actors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Why a transaction of the projection failed. The names are labels of metrics.
const (
	// FailureTimeout means that the database did not answer in time.
	FailureTimeout = "timeout"
	// FailureMoved means that the position in the database was not the expected one.
	FailureMoved = "position_moved"
	// FailureCorrupt means data that cannot be verified: the program ends.
	FailureCorrupt = "corrupt"
	// FailureStore is everything else that the database, or the way to it, says.
	FailureStore = "store"
)

// FailureClasses returns every class.
func FailureClasses() []string {
	return []string{FailureTimeout, FailureMoved, FailureCorrupt, FailureStore}
}

// classOf returns the class of an error.
func classOf(err error) string {
	switch {
	case errors.Is(err, persistence.ErrPositionMoved):
		return FailureMoved
	case errors.Is(err, persistence.ErrCorrupt):
		return FailureCorrupt
	case errors.Is(err, context.DeadlineExceeded):
		return FailureTimeout
	}
	return FailureStore
}

// outage is what the projector knows of a database that does not take what it is
// given. Only the projector writes; anyone reads.
type outage struct {
	// total counts the failures since the start.
	total atomic.Uint64

	mutex sync.Mutex
	// since is when the first of failures that followed each other was; zero while all
	// is well.
	since    inventory.Instant
	failures uint64
	class    string
	// pause is the longest that the next pause can be.
	pause time.Duration
}

// note counts a failure, and reports whether it is the first, or of another class than
// the one before it.
func (o *outage) note(err error, now inventory.Instant) (changed bool) {
	o.total.Add(1)
	o.mutex.Lock()
	defer o.mutex.Unlock()
	class := classOf(err)
	if changed = o.failures == 0 || o.class != class; o.failures == 0 {
		o.since = now
	}
	o.failures++
	o.class = class
	return changed
}

// over forgets the outage, and returns how many failures it had and when it began.
func (o *outage) over() (failures uint64, since inventory.Instant) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	failures, since = o.failures, o.since
	o.failures, o.since, o.class, o.pause = 0, 0, "", 0
	return failures, since
}

// state returns how many failures there were in a row, since when, and the last class.
func (o *outage) state() (failures uint64, since inventory.Instant, class string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.failures, o.since, o.class
}

// nextPause returns how long to wait before the next attempt: a random part of what
// doubles with every attempt, from half of it on, so that servers which lost the same
// database do not come back to it in step.
func (o *outage) nextPause(longest time.Duration) time.Duration {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.pause = min(max(2*o.pause, projectionPauseMin), longest)
	return o.pause/2 + rand.N(o.pause/2+1)
}

// failed takes notice of an attempt that failed. It is logged when that is news.
func (p *projector) failed(err error) {
	p.behind = true
	if p.outage.note(err, p.engine.clock.Now()) {
		p.engine.log.Warn("the projection failed and will be tried again until the database takes it", "class", classOf(err), "error", err)
	}
}

// succeeded takes notice of a transaction that was committed.
func (p *projector) succeeded() {
	if failures, since := p.outage.over(); failures > 0 {
		p.engine.log.Info("the projection goes on", "failures", failures, "duration", time.Duration(p.engine.clock.Now()-since))
	}
}

// rest waits before the next attempt, and returns an error when ctx ended. While
// answers wait for SQL, it is never long.
func (p *projector) rest(ctx context.Context) error {
	longest := projectionPauseMax
	if p.engine.commits != nil {
		longest = commitPauseMax
	}
	timer := time.NewTimer(p.outage.nextPause(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// findPosition finds out where SQL is after a failure, which may have been one of the
// answer only, and waits until it may be tried again. from is where SQL was before. As
// soon as SQL turns out to have done what was tried, or answers after a pause, it is
// tried again.
func (p *projector) findPosition(ctx context.Context, from persistence.Position) (persistence.Position, error) {
	for rested := false; ; rested = true {
		position, err := p.readPosition(ctx)
		switch {
		case ctx.Err() != nil:
			return from, ctx.Err()
		case err != nil:
			p.failed(err)
		case position != from:
			return p.accept(from, position)
		case rested:
			return from, nil
		}
		if err := p.rest(ctx); err != nil {
			return from, err
		}
	}
}

func (p *projector) readPosition(ctx context.Context) (persistence.Position, error) {
	limited, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	position, err := p.engine.store.Position(limited)
	if err != nil {
		return position, fmt.Errorf("read the projection's position: %w", err)
	}
	return position, nil
}

// accept decides what it means that SQL is not where it was. When it is where one of
// our transactions would have brought it, that was committed, although it failed. Else
// somebody else has moved it: whoever answers for SQL must not go on then (P9). While
// answers rest on the journal, the projection follows wherever that knows the way:
// a database that was restored, or lost its last transactions, gets them again.
func (p *projector) accept(from, position persistence.Position) (persistence.Position, error) {
	ours := position.Sequence > from.Sequence && position.Sequence <= p.tried.Sequence
	if ours {
		bytes, err := p.bytesBetween(from, position)
		if err == nil {
			p.bytes.Add(bytes)
			return position, nil
		}
		if !errors.Is(err, errNoBatchEnd) {
			return from, err
		}
	}
	if p.engine.commits != nil {
		return from, fmt.Errorf("%w: the database is at %s and was left at %s: somebody else writes to it",
			persistence.ErrPositionMoved, position, from)
	}
	return position, p.lapse(from, position)
}

// errNoBatchEnd means that a position is not one of this journal's history.
var errNoBatchEnd = errors.New("no batch of the journal ends there")

// bytesBetween returns the bytes of the records between two positions, of which the
// second is not before the first.
func (p *projector) bytesBetween(from, to persistence.Position) (bytes int64, err error) {
	reader, err := p.engine.journal.ReadFrom(from)
	if err != nil {
		return 0, fmt.Errorf("read the journal after %s: %w", from, err)
	}
	defer reader.Close()
	for at := from; at != to; {
		if at.Sequence >= to.Sequence {
			return 0, fmt.Errorf("%w: %s", errNoBatchEnd, to)
		}
		batch, ok, err := reader.TryNext()
		if err != nil {
			return 0, fmt.Errorf("read the journal: %w", err)
		}
		if !ok {
			return 0, fmt.Errorf("%w: %s", errNoBatchEnd, to)
		}
		at, bytes = batch.End, bytes+recordBytes(&batch)
	}
	return bytes, nil
}
