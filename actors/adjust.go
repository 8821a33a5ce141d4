package actors

import "holdfast/inventory"

// adjust begins a change of stock by the staff: its key is looked up first.
func (a *orderActor) adjust(op *operation) {
	if a.claimKey(op) {
		a.adjustFresh(op)
	}
}

// adjustFresh asks the product, which takes what a negative delta takes.
func (a *orderActor) adjustFresh(op *operation) {
	op.event.At = a.engine.clock.Now()
	op.step, op.begun = stepAdjustTake, true
	op.products[0].push(op, true)
}

// adjustTaken appends the adjustment. A positive delta reaches the product
// afterwards; a negative one is given back when the append fails (A1).
func (a *orderActor) adjustTaken(op *operation) {
	if op.refusal.Refused() {
		a.abandonKey(op, op.refusal)
		return
	}
	product, delta := op.products[0], op.event.Lines[0].Quantity
	entry := keyEntry{body: op.event.Body, kind: inventory.StockAdjusted, subject: op.event.Lines[0].ProductID}
	key := op.event.Key
	sequence, err := a.engine.journal.Append(op)
	if err != nil {
		if delta < 0 {
			product.tell(a.engine, inventory.StockAdjusted, 0, -delta)
		}
		a.abandonKey(op, refusalOfAppend(err))
		return
	}
	entry.sequence = sequence
	a.memory.keys[key] = entry
	a.memory.awaitProjection(sequence, nil, key)
	if delta > 0 {
		product.tell(a.engine, inventory.StockAdjusted, 0, delta)
	}
}
