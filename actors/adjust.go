package actors

import (
	"slices"

	"holdfast/inventory"
)

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
	a.forward(op, &op.slip[0].product.mailbox)
}

// adjustTaken appends the adjustment. A positive delta reaches the product
// afterwards; a negative one is given back when the append fails (A1).
func (a *orderActor) adjustTaken(op *operation) {
	refusal := op.refusal
	if !refusal.Refused() {
		refusal = a.appendAdjustment(op)
	}
	if refusal.Refused() {
		a.undo(op)
		a.abandonKey(op, refusal)
	}
}

// appendAdjustment appends op.event. When it refuses, nothing has changed. After
// success the operation belongs to the journal.
func (a *orderActor) appendAdjustment(op *operation) inventory.Refusal {
	key, body := op.event.Key, op.event.Body
	if !op.event.Takes() {
		op.event.Lines = slices.Clone(op.event.Lines) // the operation's own memory is gone after the append
	}
	sequence, refusal := a.append(op)
	if refusal.Refused() {
		return refusal
	}
	a.engine.keys.put(key, keyEntry{body: body, kind: inventory.StockAdjusted, sequence: sequence, owner: a})
	a.memory.awaitProjection(sequence, nil, key)
	return inventory.Refusal{}
}
