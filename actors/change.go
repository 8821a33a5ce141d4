package actors

import (
	"context"
	"errors"

	"holdfast/inventory"
	"holdfast/persistence"
)

// change confirms or cancels an order.
func (a *orderActor) change(op *operation) {
	if record := a.memory.orders[op.event.Order]; record != nil {
		a.changeRecord(op, record)
		return
	}
	a.findOrder(op)
}

// findOrder asks SQL for an order that is not in memory. Operations on the same
// order queue behind the first: nobody changes the order while it is read, so
// what is read is its last state.
func (a *orderActor) findOrder(op *operation) {
	id := op.event.Order
	waiting, asked := a.lookups[id]
	a.lookups[id] = append(waiting, op)
	if asked {
		return
	}
	a.engine.lookUp(func(ctx context.Context, store persistence.Store) {
		answer := newOperation(a.engine, stepOrderFound)
		answer.begun, answer.unattended = true, true
		answer.event.Order = id
		answer.lookup.order, answer.lookup.err = store.OrderByID(ctx, id)
		a.push(answer, false)
	})
}

// orderFound serves the operations that waited for an order, in their order.
func (a *orderActor) orderFound(answer *operation) {
	id, result := answer.event.Order, answer.lookup
	waiting := a.lookups[id]
	delete(a.lookups, id)
	record := &heldOrder{Order: result.order}
	for _, op := range waiting {
		switch {
		case errors.Is(result.err, persistence.ErrNotFound):
			op.refuse(refusedOrderUnknown)
		case result.err != nil:
			op.refuse(refusedStoreUnavailable)
		default:
			a.changeRecord(op, record)
		}
	}
	answer.recycle()
}

// changeRecord decides and appends. Units that come free reach their product
// after the append (A1).
func (a *orderActor) changeRecord(op *operation, record *heldOrder) {
	if !op.owner.IsZero() && op.owner != record.Customer {
		op.refuse(refusedOrderUnknown)
		return
	}
	now := a.engine.clock.Now()
	repeated, refusal := decideChange(op.event.Kind, &record.Order, now)
	switch {
	case refusal.Refused():
		op.refuse(refusal)
	case repeated:
		op.order, op.waitFor = record.Order, record.Sequence
		op.finish()
	default:
		op.event = record.FollowUp(op.event.Kind, now, op.event.By)
		a.appendChange(op, record)
	}
}

func decideChange(kind inventory.Kind, order *inventory.Order, now inventory.Instant) (bool, inventory.Refusal) {
	if kind == inventory.OrderConfirmed {
		return order.DecideConfirm(now)
	}
	return order.DecideCancel()
}

// appendChange appends op.event of record and settles it with the products.
// When the append fails, the operation is refused and nothing has changed.
func (a *orderActor) appendChange(op *operation, record *heldOrder) bool {
	kind, from, lines := op.event.Kind, op.event.From, record.Lines
	op.products = a.engine.productsOf(op.oneProduct[:0], lines)
	if !a.appendOrder(op, record) {
		op.refuse(op.refusal)
		return false
	}
	a.memory.add(record)
	for i := range lines {
		a.engine.shelf.get(lines[i].ProductID).tell(a.engine, kind, from, lines[i].Quantity)
	}
	return true
}

var refusedOrderUnknown = inventory.Refusal{Code: inventory.CodeNotFound, Detail: "There is no such order."}
