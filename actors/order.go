package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// orderActor owns the orders, keys and deadlines of a shard of the customers.
type orderActor struct {
	mailbox
	engine *Engine
	number actorNumber
	memory orderMemory
	// deadlines wakes the actor at the earliest end of a hold.
	deadlines deadlines
	// lookups are the operations that wait for an order that SQL is asked for.
	lookups map[inventory.ID][]*operation
	// discarded are the memories of orders that keys may still stand for, until there is a
	// new one.
	discarded []*orderAllocator
	// tenure counts the memories: what was begun with an earlier one ends.
	tenure uint64
	// rebuilding is set by a panic, which may leave the memory half changed, until
	// there is a new one.
	rebuilding bool
	// endRebuild ends the rebuild under way, if there is one.
	endRebuild context.CancelFunc
	// owed is what products have to be told of the last append.
	owed debt
	// toWake are products where somebody waits for what the last append decided.
	toWake []*productActor
}

// actorNumber tells the order actors of an engine apart.
type actorNumber uint16

func newOrderActor(e *Engine, number actorNumber) *orderActor {
	a := &orderActor{engine: e, number: number, memory: newOrderMemory(e.directory), lookups: make(map[inventory.ID][]*operation), endRebuild: func() {}}
	a.deadlines.wake = func() { a.post(stepExpire) }
	a.deadlines.clock = e.clock
	return a
}

// shardOf returns the shard that owns a customer's orders and keys.
func shardOf(customer inventory.ID) uint16 {
	return (uint16(customer[14])<<8 | uint16(customer[15])) & (inventory.ShardCount - 1)
}

// shardOfKey returns the shard that owns the key of a stock adjustment.
func shardOfKey(key inventory.Fingerprint) uint16 { return shardOf(inventory.ID(key)) }

// post sends the actor a step without a caller.
func (a *orderActor) post(do step) { a.push(a.engine.internal(do), false) }

func (a *orderActor) handle(op *operation) {
	switch {
	case a.rebuilding && op.step != stepRebuilt:
		a.giveUp(op)
		return
	case op.tenure == 0:
		op.orders, op.tenure = a, a.tenure+1
	case op.tenure != a.tenure+1:
		a.giveUp(op)
		return
	}
	switch op.step {
	case stepPlace:
		a.place(op)
	case stepTaken:
		a.taken(op)
	case stepChange:
		a.change(op)
	case stepAdjust:
		a.adjust(op)
	case stepAdjustTaken:
		a.adjustTaken(op)
	case stepKeyFound:
		a.keyFound(op)
	case stepOrderFound:
		a.orderFound(op)
	case stepRead:
		a.read(op)
	case stepReadByKey:
		a.readByKey(op)
	case stepList:
		a.list(op)
	case stepExpire:
		a.expire(op)
	case stepProjected:
		a.projected(op)
	case stepRebuilt:
		a.install(op)
	default:
		panic("BUG: an order actor cannot do this step")
	}
}

// giveUp ends an operation that belongs to a memory that is gone.
func (a *orderActor) giveUp(op *operation) {
	a.undo(op)
	a.discard(op)
	a.refuseWith(op, refusedRebuilt)
}

// place begins a new order: first its key is looked up, then its products are
// asked in turn.
func (a *orderActor) place(op *operation) {
	if op.isAbandoned() {
		a.finish(op)
		return
	}
	if a.claimKey(op) {
		a.placeFresh(op)
	}
}

// placeFresh prices an order whose key is claimed and sends it to its first product.
func (a *orderActor) placeFresh(op *operation) {
	var one [1]*inventory.Product
	rules := one[:0]
	for i := range op.slip {
		rules = append(rules, op.slip[i].product.rules.Load())
	}
	currency, refusal := inventory.DecidePlace(op.event.Lines, rules)
	if refusal.Refused() {
		a.abandonKey(op, refusal)
		return
	}
	now := a.engine.clock.Now()
	op.event.At, op.event.Currency = now, currency
	op.step, op.begun = stepTake, true
	a.forward(op, &op.slip[0].product.mailbox)
}

// holdEnd is when an order's hold ends: after the shortest time that a product of
// which there are units is held.
func holdEnd(op *operation) inventory.Instant {
	seconds := int32(inventory.HoldSecondsMax)
	for i := range op.slip {
		if op.slip[i].taken != nil {
			seconds = min(seconds, op.slip[i].product.rules.Load().HoldSeconds)
		}
	}
	return op.event.At.Add(inventory.Instant(seconds) * inventory.Second)
}

// taken appends the order when its products gave the units.
func (a *orderActor) taken(op *operation) {
	switch {
	case op.isAbandoned():
		op.refusal = refusedTimeout
	case op.partial && !op.refusal.Refused() && nothingTaken(op.slip):
		op.refusal = op.short
	}
	if !op.refusal.Refused() && a.appendPlaced(op) {
		return
	}
	a.undo(op)
	a.unclaim(op)
	a.finish(op)
}

// appendPlaced makes the order of an operation whose products gave the units, or
// refuses and returns false.
func (a *orderActor) appendPlaced(op *operation) bool {
	record := op.record
	op.event.Lines, op.event.ExpiresAt = a.memory.keepLines(op.event.Lines), holdEnd(op)
	op.event.Order = identifier.New(op.event.At, shardOf(op.event.Customer))
	if err := a.appendOrder(op, record); err != nil {
		a.refuseAppend(op, err)
		return false
	}
	return true
}

// refuseAppend makes the error of an append the operation's refusal.
//
//go:noinline keeps what a refusal takes off the stack of the orders that are placed.
func (a *orderActor) refuseAppend(op *operation, err error) { op.refusal = a.refusalOfAppend(op, err) }

func nothingTaken(slip []slipLine) bool {
	for i := range slip {
		if slip[i].taken != nil {
			return false
		}
	}
	return true
}

// appendOrder appends op.event, which makes or changes record, and brings record
// up to date. After an error nothing has changed. After success the operation belongs
// to the journal.
func (a *orderActor) appendOrder(op *operation, record *heldOrder) error {
	op.order, op.heldUntil = record.Order, record.ExpiresAt
	if err := op.order.Evolve(&op.event, 0); err != nil {
		panic(err)
	}
	if op.event.Kind == inventory.OrderPlaced {
		op.heldUntil = op.order.ExpiresAt
	}
	if record.State.Settled() {
		op.settled = record.UpdatedAt
	}
	next, kind, key, entry := op.order, op.event.Kind, op.event.Key, op.entry
	sequence, err := a.append(op)
	if err != nil {
		return err
	}
	record.become(&next)
	record.Sequence = sequence
	if entry != nil {
		entry.settle(record, sequence)
	}
	if kind == inventory.OrderPlaced {
		record.placed = sequence
		key = inventory.Fingerprint{} // it stays as long as the order does
	}
	a.memory.add(record)
	a.deadlines.follow(record)
	a.memory.awaitProjection(sequence, record, key)
	return nil
}

// append gives op.event its place in the journal and tells its products. After
// success the operation belongs to the journal: see [operation.Encode].
func (a *orderActor) append(op *operation) (uint64, error) {
	sequence, err := a.engine.journal.Append(op)
	if err != nil {
		a.owed = debt{}
		return 0, err
	}
	a.settle()
	a.wakeWaiting()
	return sequence, nil
}

// refusalOfAppend says what an append that failed means for the caller.
func (a *orderActor) refusalOfAppend(op *operation, err error) inventory.Refusal {
	switch {
	case errors.Is(err, persistence.ErrJournalFull):
		return inventory.Refusal{Code: inventory.CodeStorageFull, Detail: "The disk is full. Nothing was changed; try again later."}
	case errors.Is(err, persistence.ErrJournalBusy):
		return inventory.Refusal{Code: inventory.CodeOverloaded, Detail: "The disk is behind. Nothing was changed; try again later."}
	case errors.Is(err, errForgotten):
		return refusedRebuilt
	case errors.Is(err, errSettledLongAgo):
		return inventory.Refusal{Code: inventory.CodeInvalidTransition,
			Detail: fmt.Sprintf("Nothing has happened to this order for %s, and so it can no longer be changed.", a.engine.retention.orders.kept)}
	case errors.Is(err, errTooMuch):
		return inventory.Refusal{Code: inventory.CodeValidationFailed,
			Detail: fmt.Sprintf("A product holds at most %d units.", int64(inventory.StockQuantityMax))}
	case errors.Is(err, inventory.ErrBound):
		return inventory.Refusal{Code: inventory.CodeValidationFailed, Detail: err.Error()}
	case errors.Is(err, errIllegal):
		a.engine.log.Error("an event was not recorded", "error", err, "kind", op.event.Kind.String(), "order", op.event.Order.String())
		return refusedRebuilt
	}
	return inventory.Refusal{Code: inventory.CodeStoreUnavailable, Detail: "The journal is closed. Nothing was changed; try again later."}
}

// failed answers what the actor had in hand and everyone who waits in its memory,
// and lets that be rebuilt.
func (a *orderActor) failed(op *operation, cause any) {
	a.engine.rebuilt.Add(1)
	a.engine.log.Error("an order actor panicked and is being rebuilt",
		"actor", a.pid.ID, "cause", cause, "stack", string(debug.Stack()))
	a.engine.checkFolded()
	a.settle()
	a.wakeWaiting()
	if op != nil {
		a.undo(op)
		a.discard(op)
		op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome, Detail: "The engine failed at this request."})
	}
	for _, waiting := range a.lookups {
		for _, op := range waiting {
			op.refuse(refusedRebuilt)
		}
	}
	a.startRebuild()
}

// refuse answers new work that the mailbox has no room for.
func (a *orderActor) refuse(op *operation) {
	a.engine.refused.Add(1)
	op.refuse(refusedOverloaded)
}

var refusedOverloaded = inventory.Refusal{Code: inventory.CodeOverloaded,
	Detail: "Too many requests are in flight. Nothing was changed; try again later."}
