package actors

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"holdfast/persistence"
)

// A database can lose transactions that it had committed: a standby took over that did not
// have them yet, or a snapshot was put back. With [AcknowledgeJournal] the projector gives
// them to it again. Until then it does not know orders and keys that memory has left to it,
// or knows them as they were: what it says of them must not be decided on.

// errLapsed is that of a read of a database that has lost transactions.
var errLapsed = errors.New("the database lacks transactions that it had committed, and gets them again")

// lapses is what the projector knows of transactions that SQL has lost.
type lapses struct {
	// count says how often SQL was found elsewhere than where it was left. It is raised
	// when the projector's position says so and SQL has got nothing again yet.
	count atomic.Uint64
	// furthest is the highest sequence that SQL ever had. Memory has forgotten nothing
	// after it.
	furthest atomic.Uint64
	// look, guarded by the projector's mutex, lets the projector look where SQL is.
	look context.CancelCauseFunc
}

// fromStore runs a read of SQL, and returns its error, or errLapsed when SQL may have
// lacked then what memory has forgotten. That is so when SQL is known to lack it before, or
// found to lack it afterwards; or when both became true in between, which count tells.
func (e *Engine) fromStore(ctx context.Context, read func() error) error {
	p := e.projector
	// The projector writes the position first, and then one of the others.
	count, furthest := p.lapses.count.Load(), p.lapses.furthest.Load()
	projected := p.position()
	if projected < furthest {
		return errLapsed
	}
	result := read()
	if result != nil && !errors.Is(result, persistence.ErrNotFound) {
		return result
	}
	position, err := p.readPosition(ctx)
	switch {
	case err != nil:
		return err
	case position.Sequence < projected:
		p.lookWhereSQLIs()
		return fmt.Errorf("%w: it is at %s and was at sequence %d", errLapsed, position, furthest)
	case p.lapses.count.Load() != count:
		return errLapsed
	}
	return result
}

// lookWhereSQLIs lets the projector, which may wait for records, find out what SQL lacks.
func (p *projector) lookWhereSQLIs() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.lapses.look(errLapsed)
}

// untilLapse returns a context for the projector's work that ends when somebody has seen
// that SQL is not where the projector thinks.
func (p *projector) untilLapse(ctx context.Context) (context.Context, context.CancelFunc) {
	working, cancel := context.WithCancelCause(ctx)
	p.mutex.Lock()
	p.lapses.look = cancel
	p.mutex.Unlock()
	return working, func() { cancel(nil) }
}

// lapse takes note that SQL is at another position of this journal than that where it was
// left, not by a transaction of ours. What it lost counts as backlog again. A position
// that the journal does not know is for its reader to refuse.
func (p *projector) lapse(from, position persistence.Position) error {
	p.sequence.Store(min(p.position(), position.Sequence))
	p.lapses.count.Add(1)
	p.engine.log.Warn("the database is not where it was left; it gets what it lacks", "left_at", from.Sequence, "is_at", position.Sequence)
	first, second, sign := position, from, int64(-1)
	if position.Sequence > from.Sequence {
		first, second, sign = from, position, 1
	}
	bytes, err := p.bytesBetween(first, second)
	if err != nil && !errors.Is(err, errNoBatchEnd) {
		return err
	}
	p.bytes.Add(sign * bytes)
	return nil
}
