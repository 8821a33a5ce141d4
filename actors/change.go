package actors

import (
	"context"
	"errors"

	"holdfast/inventory"
	"holdfast/persistence"
)

// change confirms, cancels, extends, ships or takes back an order. When the change
// has a key, that comes first.
func (a *orderActor) change(op *operation) {
	if op.isAbandoned() {
		a.finish(op)
		return
	}
	if op.event.Key == (inventory.Fingerprint{}) || a.claimKey(op) {
		a.changeFresh(op)
	}
}

// changeFresh finds the order.
func (a *orderActor) changeFresh(op *operation) {
	if record := a.memory.orders.get(op.event.Order); record != nil {
		a.changeRecord(op, record)
		return
	}
	a.findOrder(op)
}

// findOrder asks SQL for an order that is not in memory, which the operation changes or
// repeats. Operations on the same order queue behind the first: nobody changes the order
// while it is read, so what is read is its last state.
func (a *orderActor) findOrder(op *operation) {
	id := op.event.Order
	if _, asked := a.lookups[id]; !asked && !a.askForOrder(id, op.tenure) {
		a.abandonFound(op, refusedStoreUnavailable)
		return
	}
	a.lookups[id] = append(a.lookups[id], op)
	a.letGo(op)
}

func (a *orderActor) askForOrder(id inventory.ID, tenure uint64) bool {
	return a.engine.lookUp(func(ctx context.Context, store persistence.Store, err error) {
		answer := a.engine.internal(stepOrderFound)
		answer.event.Order, answer.tenure = id, tenure
		answer.lookup = &lookupResult{err: err}
		if err == nil {
			answer.lookup.err = a.engine.fromStore(ctx, func() (err error) {
				answer.lookup.order, err = store.OrderByID(ctx, id)
				return err
			})
		}
		a.push(answer, false)
	})
}

// orderFound serves the operations that waited for an order, in their order. Those
// that are not served yet stay in the line, so that a panic leaves nobody behind.
func (a *orderActor) orderFound(answer *operation) {
	id, result := answer.event.Order, answer.lookup
	a.finish(answer)
	record := a.memory.make(&result.order, a.number)
	for len(a.lookups[id]) > 0 {
		a.hand = a.lookups[id][0]
		a.lookups[id] = a.lookups[id][1:]
		switch op := a.hand; {
		case errors.Is(result.err, persistence.ErrNotFound):
			a.abandonFound(op, refusedOrderUnknown)
		case result.err != nil:
			a.abandonFound(op, refusedStoreUnavailable)
		case op.replayed:
			a.repeatRecord(op, record)
		default:
			a.changeRecord(op, record)
		}
	}
	delete(a.lookups, id)
	if !record.held {
		a.memory.dismiss(record)
	}
}

// abandonFound refuses an operation whose order SQL was asked for.
func (a *orderActor) abandonFound(op *operation, refusal inventory.Refusal) {
	if op.replayed {
		a.abandonKey(op, refusal)
		return
	}
	a.abandonChange(op, refusal)
}

// changeRecord decides and appends. Units that come free reach their product
// after the append (A1).
func (a *orderActor) changeRecord(op *operation, record *heldOrder) {
	if !op.owner.IsZero() && op.owner != record.Customer {
		a.abandonChange(op, refusedOrderUnknown)
		return
	}
	now := a.engine.clock.Now()
	op.change.SaleEndsAt = a.engine.saleEnd(record.Lines)
	event, repeated, refusal := record.Decide(&op.change, now)
	if !refusal.Refused() && event.Kind == inventory.OrderExpired {
		// The money came before the timer: the hold ends first.
		if refusal = a.endHold(record, now); !refusal.Refused() {
			event, repeated, refusal = record.Decide(&op.change, now)
		}
	}
	switch {
	case refusal.Refused():
		a.abandonChange(op, refusal)
	case repeated:
		if op.change.Key != (inventory.Fingerprint{}) {
			a.engine.keys.delete(op.change.Key)
		}
		op.order, op.waitFor = record.Order, record.Sequence
		a.finish(op)
	default:
		op.event = event
		if err := a.appendChange(op, record); err != nil {
			a.abandonChange(op, a.refusalOfAppend(op, err))
		}
	}
}

// abandonChange refuses a change and forgets its key, if it has one.
func (a *orderActor) abandonChange(op *operation, refusal inventory.Refusal) {
	if op.change.Key == (inventory.Fingerprint{}) {
		a.refuseWith(op, refusal)
		return
	}
	op.event.Key = op.change.Key
	a.abandonKey(op, refusal)
}

// appendChange appends op.event of record. After an error nothing has changed.
func (a *orderActor) appendChange(op *operation, record *heldOrder) error {
	moved := op.event.Lines
	if op.event.Kind == inventory.OrderExtended {
		moved = record.FollowUp(inventory.OrderExtended, 0, inventory.ID{}).Lines
	}
	op.slip = a.engine.slipOf(op.oneSlip[:0], moved)
	return a.appendOrder(op, record)
}

// saleEnd returns when the first sale of the products ends of which there are units;
// zero is never.
func (e *Engine) saleEnd(lines []inventory.Line) (end inventory.Instant) {
	for i := range lines {
		if lines[i].Quantity == 0 {
			continue
		}
		product := e.shelf.get(lines[i].ProductID)
		if ends := product.rules.Load().SaleEndsAt; ends != 0 && (end == 0 || ends < end) {
			end = ends
		}
	}
	return end
}

var refusedOrderUnknown = inventory.Refusal{Code: inventory.CodeNotFound, Detail: "There is no such order."}
