package actors

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// retention deletes from SQL what is older than it is to be kept. The projector runs it
// between its transactions, while little is sold, or rarely.
//
// An order that goes must never be changed again: a record of an order that SQL does not
// have could be projected by nobody, and replayed by no start. An order actor may have
// decided a change that SQL does not know of yet, or have read the order and be about to.
// So deletion takes two steps:
//
//  1. Under the journal's append lock the floor is raised. From then on no append
//     continues an order that was settled before the floor: see [operation.Encode].
//  2. Once SQL has all that was appended before that, nothing is on its way to such an
//     order, and there never will be. Those that SQL has then are deleted.
//
// The second step names the position that SQL must have: a database that lost its last
// transactions, and gets them again, refuses.
type retention struct {
	engine *Engine
	// orders are those that are settled, and movements the ledger.
	orders, movements chore
	// floor is written under the append lock, by the projector alone.
	floor inventory.Instant
	// after is the sequence that SQL must have before orders are deleted.
	after uint64
}

// chore is the deletion of what is too old of one kind.
type chore struct {
	// kept is how long it is kept; zero is for ever.
	kept time.Duration
	// dueAt is when it is looked for more.
	dueAt inventory.Instant
	// failing says that the last attempt failed, which was told.
	failing bool
	// purged counts what was deleted.
	purged atomic.Uint64
}

// errSettledLongAgo is returned by Encode for a change of an order that may be deleted
// any moment.
var errSettledLongAgo = errors.New("the order was settled longer ago than orders are kept")

// newRetention returns what the options ask for, still without its engine.
func newRetention(options *Options) (*retention, error) {
	for what, kept := range map[string]time.Duration{"orders": options.OrderRetention, "movements": options.MovementRetention} {
		if kept != 0 && kept < RetentionMin {
			return nil, fmt.Errorf("%s cannot be kept for %s: it must be at least %s, or 0 for ever", what, kept, RetentionMin)
		}
	}
	return &retention{orders: chore{kept: options.OrderRetention}, movements: chore{kept: options.MovementRetention}}, nil
}

// on reports whether anything is ever deleted.
func (r *retention) on() bool { return r.orders.kept > 0 || r.movements.kept > 0 }

// dueAt returns when purge has something to do next.
func (r *retention) dueAt() inventory.Instant {
	switch {
	case r.movements.kept == 0:
		return r.orders.dueAt
	case r.orders.kept == 0:
		return r.movements.dueAt
	}
	return min(r.orders.dueAt, r.movements.dueAt)
}

// overdue reports whether purge has waited too long for others to be done.
func (r *retention) overdue() bool {
	return r.on() && r.engine.clock.Now() > r.dueAt().Add(inventory.Instant(purgePatience))
}

// refuses reports whether an order that was settled at a moment, if it was, must not be
// changed any more. It is called under the append lock.
func (r *retention) refuses(settled inventory.Instant) bool { return settled != 0 && settled < r.floor }

// raise raises the floor to what is too old now.
func (r *retention) raise(now inventory.Instant) {
	r.engine.journal.Hold(func(appended uint64) {
		r.floor, r.after = max(r.floor, now-inventory.Instant(r.orders.kept)), appended
	})
}

// purge deletes some of what is too old, when that is due. SQL is at a position, or the
// error says that it is not.
func (r *retention) purge(ctx context.Context, at persistence.Position) error {
	if r.engine.clockJumped() { // what is old by a clock that is wrong may be new
		r.orders.dueAt = r.engine.clock.Now().Add(inventory.Instant(purgeInterval))
		r.movements.dueAt = r.orders.dueAt
		return nil
	}
	if now := r.engine.clock.Now(); r.orders.due(now) && r.mayDelete(now, at.Sequence) {
		err := r.do(ctx, &r.orders, "orders", func(ctx context.Context) (int, error) {
			return r.engine.store.PurgeOrders(ctx, at, r.floor, purgeLinesMax)
		})
		if err != nil {
			return err
		}
		r.raise(now)
	}
	if now := r.engine.clock.Now(); r.movements.due(now) {
		return r.do(ctx, &r.movements, "movements", func(ctx context.Context) (int, error) {
			return r.engine.store.PurgeMovements(ctx, now-inventory.Instant(r.movements.kept), purgeMovementsMax)
		})
	}
	return nil
}

// mayDelete reports whether the second step can be done for the floor as it was raised
// before. If not, that is looked at again in a moment.
func (r *retention) mayDelete(now inventory.Instant, projected uint64) bool {
	if r.floor == 0 {
		r.raise(now)
	}
	if projected < r.after {
		r.orders.dueAt = now.Add(inventory.Instant(purgeRetryPause))
		return false
	}
	return true
}

// do does a part of a chore. It returns an error when SQL is not where it was, or ctx
// ended; others are told of once.
func (r *retention) do(ctx context.Context, c *chore, what string, purge func(context.Context) (int, error)) error {
	limited, cancel := context.WithTimeout(ctx, projectionTimeout)
	defer cancel()
	began := r.engine.clock.Now()
	purged, err := purge(limited)
	now := r.engine.clock.Now()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, persistence.ErrPositionMoved):
		return fmt.Errorf("delete old %s: %w", what, err)
	case err != nil && !c.failing:
		r.engine.log.Warn("what is too old could not be deleted and will be tried again", "what", what, "error", err)
	}
	c.failing = err != nil
	c.purged.Add(uint64(purged))
	c.dueAt = now.Add(inventory.Instant(purgeInterval))
	if purged > 0 {
		// There may be more, for which a tenth of the time has to do.
		c.dueAt = now.Add(projectionRestFactor * (now - began))
	}
	return nil
}

func (c *chore) due(now inventory.Instant) bool { return c.kept > 0 && now >= c.dueAt }

// purgeWhileIdle deletes what is too old while there is nothing to project, until there
// is, or ctx ended.
func (p *projector) purgeWhileIdle(ctx context.Context, at persistence.Position) error {
	r := p.engine.retention
	for r.on() && p.engine.journal.DurableSequence() <= at.Sequence {
		if !p.sleepUntil(ctx, r.dueAt(), at.Sequence) {
			return nil
		}
		if err := r.purge(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// sleepUntil reports whether a moment came before a record after the sequence did, or
// the journal or ctx ended.
func (p *projector) sleepUntil(ctx context.Context, moment inventory.Instant, sequence uint64) bool {
	pause := untilInstant(p.engine.clock.Now(), moment)
	if pause == 0 {
		return ctx.Err() == nil
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := p.engine.clock.AfterFunc(pause, cancel)
	defer timer.Stop()
	err := p.engine.journal.WaitDurable(limited, sequence+1)
	return err != nil && limited.Err() != nil && ctx.Err() == nil
}
