package actors

import (
	"runtime/debug"
	"sync/atomic"

	"holdfast/inventory"
)

// productActor owns what one product can sell. Its stock is the ledger's, less what
// it gave to orders that are not decided yet.
//
// What different processors write stands apart, in lines of the cache of their own:
// first what hardly ever changes, then what the actor writes, what whoever appends
// writes, and what the journal's writer writes.
type productActor struct {
	engine *Engine
	// rules are read by everyone and replaced as a whole.
	rules atomic.Pointer[inventory.Product]
	// tenure changes when the state is rebuilt, under the journal's append lock.
	tenure atomic.Pointer[tenure]
	// opening is the opening stock while its receipt is not recorded.
	opening atomic.Int64

	// Only the actor touches what follows once it runs.
	stock inventory.Stock
	mailbox
	purchases purchases
	// rebuiltAt is the last sequence that the state had when it was rebuilt: what
	// settles an event up to there is in it already.
	rebuiltAt uint64
	parking   parking

	// ledger is the appended stock, and free what it has available: what the actor
	// could sell if all undecided orders failed.
	ledger ledger
	free   atomic.Int64

	// board is the durable stock, for readers; marked says that the broadcast has to tell
	// what it shows. told is what it told last.
	board  boardCell
	marked atomic.Bool
	told   toldRules
}

func (p *productActor) handle(op *operation) {
	switch op.step {
	case stepTake:
		p.take(op)
	case stepAdjustTake:
		p.takeAdjustment(op)
	case stepSettle:
		p.settle(op)
	case stepUndo:
		p.undo(op)
	case stepWake:
		p.finish(op)
		p.serveParked()
	case stepParkedTooLong:
		p.parking.lot.timed = false
		p.finish(op)
		p.serveParked()
	case stepRules:
		p.setRules(op)
	default:
		panic("BUG: a product actor cannot do this step")
	}
}

// take serves an order, says why not, or lets it wait.
func (p *productActor) take(op *operation) {
	verdict := p.judge(op)
	if verdict.wait == waitNot && verdict.granted > 0 && p.parking.waitsForUnits() {
		verdict.wait = waitUnits // those who came before are served first
	}
	if verdict.wait != waitNot {
		p.park(op, verdict.wait)
	} else {
		p.serve(op, verdict)
	}
}

// verdict is what a product says to one line of an order.
type verdict struct {
	granted int64
	refusal inventory.Refusal
	// wait is what the order has to wait for.
	wait wait
}

// wait is what an order has to wait for before it can be served or refused.
type wait uint8

const (
	waitNot wait = iota
	// waitUnits is for units that orders have which are not decided yet.
	waitUnits
	// waitLimit is for orders of the same customer that are not decided yet and use up
	// its limit.
	waitLimit
)

// judge decides about the operation's line as things are now.
func (p *productActor) judge(op *operation) verdict {
	line, rules := &op.event.Lines[op.at], p.rules.Load()
	take := inventory.Take{Quantity: line.Quantity, At: op.event.At, Partial: op.partial}
	if rules.PurchaseLimit > 0 {
		take.Had = p.purchases[op.event.Customer]
	}
	var v verdict
	v.granted, v.refusal = inventory.DecideTake(rules, p.stock, take)
	if v.refusal.Refused() {
		v.wait, v.refusal = p.weigh(op.event.Customer, take, v.refusal)
	}
	return v
}

// weigh looks at a refusal in terms of what is decided. When the order could be served
// if those that are undecided failed, it has to wait: what it wants is not gone, and to
// say so would be a lie. Else the refusal is final, and tells of what is decided only.
// Each figure is read once, since others change it.
func (p *productActor) weigh(customer inventory.ID, take inventory.Take, refusal inventory.Refusal) (wait, inventory.Refusal) {
	switch refusal.Code {
	case inventory.CodeQuantityLimitCustomer:
		limit, decided := p.rules.Load().PurchaseLimit, p.ledger.purchased(customer)
		switch {
		case decided >= take.Had:
		case take.Partial || decided+take.Quantity <= limit:
			return waitLimit, refusal
		default:
			refusal.Remaining = max(limit-decided, 0)
		}
	case inventory.CodeInsufficientStock, inventory.CodeSoldOut, inventory.CodeAllHeld:
		free, stock := p.free.Load(), p.stock
		undecided := free - stock.Available()
		switch {
		case undecided <= 0:
		case take.Partial || free >= take.Quantity:
			return waitUnits, refusal
		default:
			held := min(undecided, stock.Reserved)
			stock.Reserved -= held
			stock.OnHand += undecided - held // units that were given and are not back yet
			refusal = inventory.RefuseStock(refusal.ProductID, stock, take.Quantity)
		}
	}
	return waitNot, refusal
}

// serve gives the units that were granted and sends the order on, or back when its
// way ends here.
func (p *productActor) serve(op *operation, v verdict) {
	line := &op.event.Lines[op.at]
	if v.granted > 0 {
		p.give(op, line, v.granted)
	}
	if v.refusal.Refused() {
		if !op.partial {
			op.refusal = v.refusal
			p.sendBack(op)
			return
		}
		if !op.short.Refused() {
			op.short = v.refusal
		}
		line.Dropped, line.DroppedFor = int32(line.Quantity-v.granted), inventory.DropReasonOf(v.refusal.Code)
		line.Quantity = v.granted
	}
	if op.at++; op.at == len(op.slip) {
		p.sendBack(op)
		return
	}
	p.forward(op, &op.slip[op.at].product.mailbox)
}

// give takes units out of what can be sold, for an order that is not decided yet.
func (p *productActor) give(op *operation, line *inventory.Line, units int64) {
	moved := *line
	moved.Quantity = units
	p.evolve(&op.event, &moved)
	if p.rules.Load().PurchaseLimit > 0 {
		p.purchases.apply(&op.event, &moved)
	}
	op.slip[op.at].taken = p.tenure.Load()
}

func (p *productActor) sendBack(op *operation) {
	op.step = stepTaken
	p.forward(op, &op.orders.mailbox)
}

// takeAdjustment checks an adjustment and, when it lowers the stock, takes the
// units at once. What raises the stock comes back with settle.
func (p *productActor) takeAdjustment(op *operation) {
	line, rules := &op.event.Lines[0], p.rules.Load()
	op.refusal = inventory.DecideAdjust(rules, p.stock, line.Quantity)
	if op.refusal.Code == inventory.CodeVersionConflict && p.free.Load() > p.stock.Available() {
		op.refusal = refusedUndecided
	}
	if !op.refusal.Refused() && line.Quantity < 0 {
		p.evolve(&op.event, line)
		op.slip[0].taken = p.tenure.Load()
	}
	op.step = stepAdjustTaken
	p.forward(op, &op.orders.mailbox)
}

// settle applies what an appended event gives, unless the state has it already.
func (p *productActor) settle(op *operation) {
	if op.sequence > p.rebuiltAt {
		line := &op.oneLine[0]
		p.evolve(&op.event, line)
		if op.event.Kind.OfOrder() && p.rules.Load().CountsForLimit(op.order.PlacedAt) {
			p.purchases.apply(&op.event, line)
		}
	}
	p.finish(op)
	p.serveParked()
}

// undo takes back units whose order failed, unless they are forgotten.
func (p *productActor) undo(op *operation) {
	if op.oneSlip[0].taken == p.tenure.Load() {
		line := &op.oneLine[0]
		p.evolve(&op.event, line)
		if op.event.Kind == inventory.OrderExpired && p.rules.Load().PurchaseLimit > 0 {
			p.purchases.apply(&op.event, line)
		}
	}
	p.finish(op)
	p.serveParked()
}

// setRules puts new rules in force. Safety is part of the stock, so actor and ledger
// change in one moment, and so do the counts for a limit.
func (p *productActor) setRules(op *operation) {
	rules, r := op.rules, op.recount
	p.engine.journal.Hold(func(appended uint64) {
		switch {
		case r != nil && (p.engine.recount != r || r.full), // it was given up
			r == nil && needsRecount(p.rules.Load(), rules): // the rules were changed since
			op.refusal = refusedRecounting
			return
		case r != nil:
			p.ledger.replacePurchases(r.total())
		case rules.PurchaseLimit == 0:
			p.ledger.replacePurchases(nil)
			p.purchases = nil
		}
		p.rules.Store(rules)
		p.ledger.stock.Safety = rules.Safety
		p.free.Store(p.ledger.stock.Available())
		p.stock.Safety = rules.Safety
		if r != nil {
			p.renew(appended)
		}
	})
	if !op.refusal.Refused() {
		p.board.setSafety(rules.Safety)
		p.engine.ruleChanges.note(rules.ID)
		p.engine.broadcast.mark(p)
	}
	p.finish(op)
	p.serveParked()
}

func (p *productActor) evolve(event *inventory.Event, line *inventory.Line) {
	if err := p.stock.Evolve(event, line); err != nil {
		panic(err)
	}
}

// failed forgets the state, which may be half changed, and rebuilds it from the
// ledger under a new tenure: what is appended by now is in it, and no order that
// was given units before can be appended any more. Who waits is answered.
func (p *productActor) failed(op *operation, cause any) {
	p.engine.rebuilt.Add(1)
	p.engine.log.Error("a product actor panicked and was rebuilt", "product", p.rules.Load().ID.String(),
		"cause", cause, "stack", string(debug.Stack()))
	p.rebuild()
	if op != nil {
		p.answerFailed(op)
	}
	for _, queue := range p.parking.queues() {
		for queue.length() > 0 {
			p.answerFailed(p.parking.leave(queue))
		}
	}
}

// answerFailed sends back what the actor had in hand, or what waited, when it
// panicked.
func (p *productActor) answerFailed(op *operation) {
	op.refusal = refusedRebuilt
	switch op.step {
	case stepTake:
		p.sendBack(op)
	case stepAdjustTake:
		op.step = stepAdjustTaken
		p.forward(op, &op.orders.mailbox)
	default:
		op.finish()
	}
}

// rebuild replaces the state by the ledger's.
func (p *productActor) rebuild() {
	p.engine.journal.Hold(p.renew)
}

// renew replaces the state by the ledger's, while nothing can be appended.
func (p *productActor) renew(appended uint64) {
	p.tenure.Store(&tenure{p.tenure.Load().number + 1})
	p.stock, p.rebuiltAt = p.ledger.stock, appended
	p.purchases = p.ledger.copyPurchases()
}

// refuse is never needed: all that products are sent is work already begun.
func (p *productActor) refuse(*operation) {
	panic("BUG: new work was sent to a product actor")
}

var (
	refusedRebuilt = inventory.Refusal{Code: inventory.CodeQuarantined,
		Detail: "This part of the engine was restarted, after a failure or for new rules. Nothing was changed; try again."}
	refusedUndecided = inventory.Refusal{Code: inventory.CodeOverloaded,
		Detail: "Orders that want these units are being decided. Nothing was changed; try again."}
)
