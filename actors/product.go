package actors

import (
	"runtime/debug"
	"sync/atomic"

	"holdfast/inventory"
)

// productActor owns what one product can sell. It is a leaf: it answers order
// actors and asks nobody.
type productActor struct {
	mailbox
	// rules are read by everyone and replaced as a whole.
	rules atomic.Pointer[inventory.Product]
	// board is the durable stock, for readers.
	board boardCell

	// stock runs ahead of the journal by the takes that are not decided yet. Only
	// the actor touches it once it runs.
	stock inventory.Stock
	// quarantined is set by a panic: the stock may be half changed.
	quarantined bool
}

var refusedQuarantined = inventory.Refusal{Code: inventory.CodeQuarantined,
	Detail: "This part of the engine failed and stands still until it is restarted. Nothing was changed."}

func (p *productActor) handle(op *operation) {
	switch op.step {
	case stepTake:
		p.take(op)
	case stepAdjustTake:
		p.takeAdjustment(op)
	case stepSettle:
		p.settle(op)
	default:
		panic("BUG: a product actor cannot do this step")
	}
}

// take holds the units of the operation's line, or says why not.
func (p *productActor) take(op *operation) {
	line := &op.event.Lines[op.at]
	if p.quarantined {
		op.refusal = refusedQuarantined
	} else {
		op.refusal = inventory.DecideTake(p.rules.Load(), p.stock, line.Quantity, op.event.At)
	}
	if !op.refusal.Refused() {
		p.evolve(&op.event, line)
	}
	op.step = stepTaken
	op.orders.push(op, false)
}

// takeAdjustment checks an adjustment and, when it lowers the stock, takes the
// units at once. What raises the stock comes back with settle.
func (p *productActor) takeAdjustment(op *operation) {
	line := &op.event.Lines[0]
	if p.quarantined {
		op.refusal = refusedQuarantined
	} else {
		op.refusal = inventory.DecideAdjust(p.rules.Load(), p.stock, line.Quantity)
	}
	if !op.refusal.Refused() && line.Quantity < 0 {
		p.evolve(&op.event, line)
	}
	op.step = stepAdjustTaken
	op.orders.push(op, false)
}

// settle applies what the stock does not have yet: an event that is appended, or
// the inverse of a take whose event was not.
func (p *productActor) settle(op *operation) {
	if !p.quarantined {
		p.evolve(&op.event, &op.oneLine[0])
	}
	op.recycle()
}

func (p *productActor) evolve(event *inventory.Event, line *inventory.Line) {
	if err := p.stock.Evolve(event, line); err != nil {
		panic(err)
	}
}

// tell makes the product settle an event of the given kind about product and
// quantity of line.
func (p *productActor) tell(e *Engine, kind inventory.Kind, from inventory.State, quantity int64) {
	op := newOperation(e, stepSettle)
	op.begun, op.unattended = true, true
	op.event.Kind, op.event.From = kind, from
	op.oneLine[0].Quantity = quantity
	p.push(op, true)
}

// failed puts the product in quarantine and hands the operation back.
func (p *productActor) failed(op *operation, cause any) {
	p.quarantined = true
	op.engine.quarantined.Add(1)
	op.engine.log.Error("a product actor panicked and is in quarantine until the next start",
		"product", p.rules.Load().ID.String(), "cause", cause, "stack", string(debug.Stack()))
	switch op.step {
	case stepTake:
		op.refusal, op.step = refusedQuarantined, stepTaken
		op.orders.push(op, false)
	case stepAdjustTake:
		op.refusal, op.step = refusedQuarantined, stepAdjustTaken
		op.orders.push(op, false)
	default:
		op.recycle()
	}
}

// refuse is never needed: all that products are sent is work already begun.
func (p *productActor) refuse(op *operation) {
	panic("BUG: new work was sent to a product actor")
}
