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
// all that is appended now, SQL has the last state of all of its orders.
func (a *orderActor) startRebuild() {
	if !a.rebuilding {
		a.engine.quarantined.Add(1)
	}
	a.rebuilding = true
	a.tenure++
	tenure := a.tenure + 1
	a.memory, a.lookups = newOrderMemory(), make(map[inventory.ID][]*operation)
	a.deadlines.clear()
	a.engine.rebuilds.Go(func() {
		memory, err := a.engine.loadMemory(a)
		if err != nil {
			return // the engine stops
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

// loadMemory reads the held orders of an actor from SQL, and tries until it can.
func (e *Engine) loadMemory(a *orderActor) (*orderMemory, error) {
	var appended uint64
	e.journal.Hold(func(last uint64) { appended = last })
	if err := e.projector.wait(e.life, appended); err != nil {
		return nil, err
	}
	owned := func(order *inventory.Order) bool { return e.actorOf(order.ID.Shard()) == a }
	for pause := projectionPauseMin; ; pause = min(pause*2, projectionPauseMax) {
		memory, err := readMemory(e.life, e.store, owned)
		if err == nil {
			return memory, nil
		}
		e.log.Warn("the memory of an order actor cannot be read and will be tried again", "actor", a.pid.ID, "error", err)
		select {
		case <-e.life.Done():
			return nil, e.life.Err()
		case <-time.After(pause):
		}
	}
}

func readMemory(ctx context.Context, store persistence.Store, owned func(*inventory.Order) bool) (*orderMemory, error) {
	memory := newOrderMemory()
	err := store.EachReservedOrder(ctx, func(order inventory.Order) error {
		if owned(&order) {
			memory.add(&heldOrder{Order: order})
		}
		return nil
	})
	return &memory, err
}

// install takes over a memory that was rebuilt.
func (a *orderActor) install(op *operation) {
	a.memory = *op.memory
	a.engine.keys.forget(a, a.engine.keyFilter)
	for _, record := range a.memory.orders {
		a.engine.keys.put(record.Key, keyEntry{body: record.Body, kind: inventory.OrderPlaced, record: record, owner: a})
		a.deadlines.follow(record)
	}
	a.rebuilding = false
	a.engine.quarantined.Add(-1)
	a.finish(op)
	a.post(stepExpire)
	a.engine.log.Info("an order actor was rebuilt", "actor", a.pid.ID, "orders_held", len(a.memory.orders))
}
