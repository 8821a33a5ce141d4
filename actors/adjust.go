package actors

import "slices"

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
		err := a.appendAdjustment(op)
		if err == nil {
			return
		}
		refusal = a.refusalOfAppend(op, err)
	}
	a.undo(op)
	a.abandonKey(op, refusal)
}

// appendAdjustment appends op.event. After an error nothing has changed. After success
// the operation belongs to the journal.
func (a *orderActor) appendAdjustment(op *operation) error {
	key, entry := op.event.Key, op.entry
	if !op.event.Takes() {
		op.event.Lines = slices.Clone(op.event.Lines) // the operation's own memory is gone after the append
	}
	sequence, err := a.append(op)
	if err != nil {
		return err
	}
	entry.settle(nil, sequence)
	a.memory.awaitProjection(sequence, nil, key)
	return nil
}
