package actors

import (
	"errors"
	"runtime/debug"

	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// orderActor owns the orders, keys and deadlines of a shard of the customers.
type orderActor struct {
	mailbox
	engine *Engine
	memory orderMemory
	// deadlines wakes the actor at the earliest end of a hold.
	deadlines deadlines
	// lookups are the operations that wait for an order that SQL is asked for.
	lookups map[inventory.ID][]*operation
	// quarantined is set by a panic: the memory may be half changed.
	quarantined bool
}

func newOrderActor(e *Engine) *orderActor {
	a := &orderActor{engine: e, memory: newOrderMemory(), lookups: make(map[inventory.ID][]*operation)}
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
func (a *orderActor) post(do step) {
	op := newOperation(a.engine, do)
	op.begun, op.unattended = true, true
	a.push(op, false)
}

func (a *orderActor) handle(op *operation) {
	if a.quarantined {
		op.refuse(refusedQuarantined)
		return
	}
	op.orders = a
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
	default:
		panic("BUG: an order actor cannot do this step")
	}
}

// place begins a new order: first its key is looked up, then its products are
// asked in turn.
func (a *orderActor) place(op *operation) {
	if !a.claimKey(op) {
		return
	}
	a.placeFresh(op)
}

// placeFresh prices an order whose key is claimed and sends it to its product.
func (a *orderActor) placeFresh(op *operation) {
	var rules [OrderProductsMax]*inventory.Product
	for i, product := range op.products {
		rules[i] = product.rules.Load()
	}
	currency, refusal := inventory.DecidePlace(op.event.Lines, rules[:len(op.products)])
	if refusal.Refused() {
		a.abandonKey(op, refusal)
		return
	}
	now := a.engine.clock.Now()
	op.event.At, op.event.Currency = now, currency
	op.event.ExpiresAt = now.Add(inventory.Instant(rules[0].HoldSeconds) * inventory.Second)
	op.step, op.begun = stepTake, true
	op.products[op.at].push(op, true)
}

// taken appends the order when its product gave the units.
func (a *orderActor) taken(op *operation) {
	if op.refusal.Refused() {
		a.abandonKey(op, op.refusal)
		return
	}
	record := newHeldOrder(op.event.Lines)
	op.event.Lines = record.Lines
	op.event.Order = identifier.New(op.event.At, shardOf(op.event.Customer))
	if !a.appendOrder(op, record) {
		for i := range record.Lines {
			op.products[i].tell(a.engine, inventory.OrderExpired, inventory.Reserved, record.Lines[i].Quantity)
		}
		a.abandonKey(op, op.refusal)
	}
}

// appendOrder appends op.event, which makes or changes record, and brings record
// up to date. On failure it sets op.refusal and nothing has changed. After
// success the operation belongs to the journal.
func (a *orderActor) appendOrder(op *operation, record *heldOrder) bool {
	next := record.Order
	if err := next.Evolve(&op.event, 0); err != nil {
		panic(err)
	}
	op.order = next
	placed := op.event.Kind == inventory.OrderPlaced
	sequence, err := a.engine.journal.Append(op)
	if err != nil {
		op.refusal = refusalOfAppend(err)
		return false
	}
	next.Sequence = sequence
	record.Order = next
	if placed {
		record.placed = sequence
		a.memory.add(record)
		a.memory.keys[record.Key] = keyEntry{body: record.Body, record: record, kind: inventory.OrderPlaced, sequence: sequence}
		a.deadlines.add(record)
	} else {
		a.deadlines.remove(record)
	}
	a.memory.awaitProjection(sequence, record, inventory.Fingerprint{})
	return true
}

// refusalOfAppend says what an append that failed means for the caller.
func refusalOfAppend(err error) inventory.Refusal {
	switch {
	case errors.Is(err, persistence.ErrJournalFull):
		return inventory.Refusal{Code: inventory.CodeStorageFull, Detail: "The disk is full. Nothing was changed; try again later."}
	case errors.Is(err, persistence.ErrJournalBusy):
		return inventory.Refusal{Code: inventory.CodeOverloaded, Detail: "The disk is behind. Nothing was changed; try again later."}
	}
	return inventory.Refusal{Code: inventory.CodeStoreUnavailable, Detail: "The journal is closed. Nothing was changed; try again later."}
}

// failed answers the operation and puts the shard in quarantine.
func (a *orderActor) failed(op *operation, cause any) {
	a.quarantined = true
	a.engine.quarantined.Add(1)
	a.engine.log.Error("an order actor panicked and is in quarantine until the next start",
		"actor", a.pid.ID, "cause", cause, "stack", string(debug.Stack()))
	op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome, Detail: "The engine failed at this request."})
}

// refuse answers new work that the mailbox has no room for.
func (a *orderActor) refuse(op *operation) {
	a.engine.refused.Add(1)
	op.refuse(refusedOverloaded)
}

var refusedOverloaded = inventory.Refusal{Code: inventory.CodeOverloaded,
	Detail: "Too many requests are in flight. Nothing was changed; try again later."}
