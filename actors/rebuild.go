package actors

import (
	"context"
	"fmt"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// startRebuild throws the memory away and begins to make a new one. Until that is
// there, the actor refuses everything. It appends nothing meanwhile, so once SQL has
// all that is appended now, SQL has the last state of all of its orders. A rebuild that
// was under way ends: however often an actor panics, SQL is read for it once at a time.
func (a *orderActor) startRebuild() {
	if !a.rebuilding {
		a.engine.quarantined.Add(1)
	}
	a.rebuilding = true
	a.tenure++
	tenure := a.tenure + 1
	a.discarded = append(a.discarded, a.memory.allocator)
	a.memory, a.lookups = newOrderMemory(a.engine.directory), make(map[inventory.ID][]*operation)
	a.deadlines.clear()
	a.endRebuild()
	ctx, end := context.WithCancel(a.engine.life)
	a.endRebuild = end
	a.engine.rebuilds.Go(func() {
		defer end()
		memory, err := a.engine.loadMemory(ctx, a)
		if err != nil {
			return // the engine stops, or the next rebuild has begun
		}
		op := a.engine.internal(stepRebuilt)
		op.memory, op.tenure = memory, tenure
		a.push(op, false)
	})
}

// checkFolded stops the program when a panic has left an event half folded into the
// ledgers: then nothing can be rebuilt from them (P9).
func (e *Engine) checkFolded() {
	var half bool
	e.journal.Hold(func(uint64) { half = e.folding })
	if half {
		e.failed(fmt.Errorf("%w: an event is half folded into the stock", persistence.ErrCorrupt))
	}
}

// loadMemory reads the held orders of an actor from SQL, and tries until it can or ctx
// ends.
func (e *Engine) loadMemory(ctx context.Context, a *orderActor) (*orderMemory, error) {
	var appended uint64
	e.journal.Hold(func(last uint64) { appended = last })
	if err := e.projector.wait(ctx, appended); err != nil {
		return nil, err
	}
	owned := func(order *inventory.Order) bool { return e.actorOf(order.ID.Shard()) == a }
	for pause := projectionPauseMin; ; pause = min(pause*2, projectionPauseMax) {
		memory, err := e.readMemory(ctx, a, owned)
		switch {
		case err == nil:
			return memory, nil
		case ctx.Err() != nil:
			return nil, err
		}
		e.log.Warn("the memory of an order actor cannot be read and will be tried again", "actor", a.pid.ID, "error", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (e *Engine) readMemory(ctx context.Context, a *orderActor, owned func(*inventory.Order) bool) (*orderMemory, error) {
	memory := newOrderMemory(e.directory)
	err := e.fromStore(ctx, func() error {
		return e.store.EachReservedOrder(ctx, func(order inventory.Order) error {
			if owned(&order) {
				memory.add(memory.make(&order, a.number))
			}
			return nil
		})
	})
	if err != nil {
		e.directory.removeAll(memory.allocator)
	}
	return &memory, err
}

// discard lets go of a memory that was rebuilt and comes too late.
func (a *orderActor) discard(op *operation) {
	if op.memory != nil {
		a.engine.directory.removeAll(op.memory.allocator)
		op.memory = nil
	}
}

// install takes over a memory that was rebuilt.
func (a *orderActor) install(op *operation) {
	a.discarded = append(a.discarded, a.memory.allocator)
	a.memory, op.memory = *op.memory, nil
	a.engine.keys.forget(a.number, a.engine.keyFilter)
	for _, discarded := range a.discarded {
		a.engine.directory.removeAll(discarded)
	}
	a.discarded = nil
	a.memory.orders.each(func(record *heldOrder) {
		a.engine.keys.putOrder(record)
		a.deadlines.follow(record)
	})
	a.rebuilding = false
	a.engine.quarantined.Add(-1)
	a.finish(op)
	a.post(stepExpire)
	a.engine.log.Info("an order actor was rebuilt", "actor", a.pid.ID, "orders_held", a.memory.orders.length())
}
