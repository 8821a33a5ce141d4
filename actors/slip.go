package actors

import "holdfast/inventory"

// slipOf returns the routing slip for lines, whose products must exist. dst is used
// when it has room.
func (e *Engine) slipOf(dst []slipLine, lines []inventory.Line) []slipLine {
	for i := range lines {
		dst = append(dst, slipLine{product: e.shelf.get(lines[i].ProductID)})
	}
	return dst
}

// undo sends each product the units back that it gave to an order that failed.
func (a *orderActor) undo(op *operation) {
	for i := range op.slip {
		stop := &op.slip[i]
		if stop.taken == nil {
			continue
		}
		back := a.engine.internal(stepUndo)
		back.oneSlip[0].taken = stop.taken
		stop.taken = nil
		line := &op.event.Lines[i]
		back.event.Kind, back.event.Customer = inventory.OrderExpired, op.event.Customer
		back.oneLine[0].Quantity = line.Quantity
		if op.event.Kind == inventory.StockAdjusted {
			back.event.Kind, back.oneLine[0].Quantity = inventory.StockAdjusted, -line.Quantity
		}
		a.forward(back, &stop.product.mailbox)
	}
}

// debt is what the products have not been told yet of an appended event.
type debt struct {
	event    inventory.Event
	placed   inventory.Instant
	sequence uint64
	// next is the first line that is not told.
	next int
}

// settle tells the products of an appended event what it gives or moves. It comes
// first after an append, and a panic on the way does not end it: units that an event
// gave may not be lost.
func (a *orderActor) settle() {
	for owed := &a.owed; owed.next < len(owed.event.Lines); {
		line := &owed.event.Lines[owed.next]
		owed.next++
		if line.Quantity == 0 {
			continue
		}
		op := a.engine.internal(stepSettle)
		op.event.Kind, op.event.From, op.event.Restock, op.event.Customer =
			owed.event.Kind, owed.event.From, owed.event.Restock, owed.event.Customer
		op.order.PlacedAt, op.sequence = owed.placed, owed.sequence
		op.oneLine[0].Quantity = line.Quantity
		a.forward(op, &a.engine.shelf.get(line.ProductID).mailbox)
	}
	a.owed = debt{}
}

// wakeWaiting makes the products look at who waits there for what was decided.
func (a *orderActor) wakeWaiting() {
	for i, product := range a.toWake {
		a.toWake[i] = nil
		a.forward(a.engine.internal(stepWake), &product.mailbox)
	}
	a.toWake = a.toWake[:0]
}

// internal returns an operation without a caller, which no mailbox refuses.
func (e *Engine) internal(do step) *operation {
	op := newOperation(e, do)
	op.begun, op.unattended = true, true
	return op
}
