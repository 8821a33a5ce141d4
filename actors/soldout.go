package actors

import "holdfast/inventory"

// refuseEarly answers an order that cannot be served before any actor is involved:
// a flash sale is mostly refusals. It returns no refusal when the order has to be
// tried.
//
// First the units are looked at, then the key. The key of an accepted order is in
// the table before its units count as decided, so a repeat of it that finds its
// product sold out finds its key too, and is answered with the order.
func (e *Engine) refuseEarly(op *operation) inventory.Refusal {
	if op.partial && len(op.slip) > 1 {
		return inventory.Refusal{}
	}
	now := e.clock.Now()
	for i := range op.slip {
		line, product := &op.event.Lines[i], op.slip[i].product
		refusal := product.rules.Load().RefuseAt(now)
		if !refusal.Refused() {
			refusal = product.refuseShort(line.Quantity, op.partial)
		}
		if !refusal.Refused() {
			continue
		}
		if e.mayKnowKey(op.event.Key) {
			return inventory.Refusal{}
		}
		e.refusedEarly.Add(1)
		return refusal
	}
	return inventory.Refusal{}
}

// refuseShort says why the product cannot serve the quantity even if all orders that
// are not decided fail.
func (p *productActor) refuseShort(quantity int64, partial bool) inventory.Refusal {
	free := p.free.Load()
	if free >= quantity || partial && free > 0 {
		return inventory.Refusal{}
	}
	stock := p.board.read()
	if p.engine.commits != nil && stock.Available() != free {
		return inventory.Refusal{} // SQL may be away for long: the actor knows what is held
	}
	stock.OnHand += free - stock.Available() // the board may lag behind
	return inventory.RefuseStock(p.rules.Load().ID, stock, quantity)
}

// mayKnowKey reports whether the key may stand for something: first the table, then
// the filter, which knows a key before the table forgets it.
func (e *Engine) mayKnowKey(key inventory.Fingerprint) bool {
	return e.keys.has(key) || e.keyFilter.mayContain(key)
}

// explain completes the refusal of an order for want of units: it names every line
// that the board shows short, and when held units may come free.
func (e *Engine) explain(refusal *inventory.Refusal, lines []inventory.Line) {
	switch refusal.Code {
	case inventory.CodeInsufficientStock, inventory.CodeSoldOut, inventory.CodeAllHeld:
	default:
		return
	}
	if refusal.Code == inventory.CodeAllHeld {
		refusal.At = e.shelf.get(refusal.ProductID).board.nextExpiry()
	}
	if len(lines) < 2 {
		return
	}
	for i := range lines {
		line := &lines[i]
		available := max(e.shelf.get(line.ProductID).board.read().Available(), 0)
		if line.ProductID == refusal.ProductID {
			available = refusal.Available
		} else if available >= line.Quantity {
			continue
		}
		refusal.Short = append(refusal.Short, inventory.Shortage{ProductID: line.ProductID,
			Requested: line.Quantity, Available: available})
	}
}
