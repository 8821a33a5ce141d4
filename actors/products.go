package actors

import (
	"holdfast/inventory"
	"holdfast/persistence"
)

// SetProduct implements [Facade].
func (e *Engine) SetProduct(product inventory.Product) inventory.Refusal {
	p := e.shelf.get(product.ID)
	if p == nil {
		return refusedProductUnknown
	}
	rules := e.texts.keep(&product)
	if needsRecount(p.rules.Load(), rules) {
		return e.setCounted(p, rules)
	}
	return e.setRules(p, rules, nil)
}

// setRules lets the product's actor put rules in force, with what was counted for them, if
// anything was.
func (e *Engine) setRules(p *productActor, rules *inventory.Product, counted *recount) inventory.Refusal {
	if refusal := e.enter(); refusal.Refused() {
		return refusal
	}
	op := newOperation(e, stepRules)
	op.begun, op.rules, op.recount = true, rules, counted
	p.push(op, true)
	if !op.await(e.requestTimeout) {
		return refusedTimeout
	}
	op.stopTimer()
	refusal := op.refusal
	op.recycle()
	return refusal
}

// AdjustStock implements [Facade].
func (e *Engine) AdjustStock(request *AdjustStock) (StockReply, inventory.Refusal) {
	product := e.shelf.get(request.Product)
	if product == nil {
		return StockReply{}, refusedProductUnknown
	}
	if refusal := e.receiveOpening(product); refusal.Refused() {
		return StockReply{}, refusal
	}
	return e.adjustStock(request, product)
}

func (e *Engine) adjustStock(request *AdjustStock, product *productActor) (StockReply, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return StockReply{}, refusal
	}
	op := newOperation(e, stepAdjust)
	op.oneLine[0] = inventory.Line{ProductID: request.Product, Quantity: request.Delta}
	op.oneSlip[0].product = product
	op.slip = op.oneSlip[:]
	op.event = inventory.Event{Kind: inventory.StockAdjusted, By: request.Caller, Reason: request.Reason,
		Note: request.Note, Key: request.Key, Body: request.Body, Lines: op.oneLine[:]}
	if refusal := e.do(op, e.actorOf(shardOfKey(request.Key))); refusal.Refused() {
		return StockReply{}, refusal
	}
	reply := StockReply{Stock: op.stock, Replayed: op.replayed}
	op.recycle()
	return reply, inventory.Refusal{}
}

// Stock implements [Facade].
func (e *Engine) Stock(product inventory.ID) (inventory.Stock, bool) {
	p := e.shelf.get(product)
	if p == nil {
		return inventory.Stock{}, false
	}
	return p.board.read(), true
}

// Sale implements [Facade].
func (e *Engine) Sale(product inventory.ID) (*inventory.Product, inventory.Stock, bool) {
	p := e.shelf.get(product)
	if p == nil {
		return nil, inventory.Stock{}, false
	}
	return p.rules.Load(), p.board.read(), true
}

// Epoch implements [Facade].
func (e *Engine) Epoch() uint32 { return e.journal.Epoch() }

// openingReason is the reason of the receipt that brings a product's first stock.
const openingReason = "opening"

// AddProduct implements [Facade].
func (e *Engine) AddProduct(product persistence.CatalogueProduct) inventory.Refusal {
	p, err := e.shelve(&product.Product, product.OpeningStock, inventory.Stock{Safety: product.Safety})
	if err != nil {
		e.log.Error("a product could not be put on sale", "product", product.ID.String(), "error", err)
		return refusedOverloaded
	}
	return e.receiveOpening(p)
}

// shelve returns the product's actor, and makes it when there is none. The actor keeps the
// rules, and not what may surround them.
func (e *Engine) shelve(product *inventory.Product, opening int64, stock inventory.Stock) (*productActor, error) {
	e.shelving.Lock()
	defer e.shelving.Unlock()
	if p := e.shelf.get(product.ID); p != nil {
		return p, nil
	}
	p := &productActor{engine: e, stock: stock}
	p.rules.Store(e.texts.keep(product))
	if stock.Version == 0 {
		p.opening.Store(opening)
	}
	p.board.stock, p.ledger.stock = stock, stock
	p.free.Store(stock.Available())
	p.tenure.Store(&tenure{})
	if err := p.spawn(e.hollywood, "product", product.ID.String(), mailboxMax, p); err != nil {
		return nil, err
	}
	e.shelf.put(product.ID, p)
	e.ruleChanges.note(product.ID)
	e.broadcast.mark(p)
	return p, nil
}

// receiveOpening brings a product's opening stock, unless it is there. The receipt
// carries the product's ID as its key, so it happens once, whoever asks how often;
// and it comes before every other adjustment, so that the first stock version is
// always the opening's.
func (e *Engine) receiveOpening(p *productActor) inventory.Refusal {
	units := p.opening.Load()
	if units == 0 {
		return inventory.Refusal{}
	}
	id := p.rules.Load().ID
	_, refusal := e.adjustStock(&AdjustStock{Product: id, Delta: units, Reason: openingReason, Key: inventory.Fingerprint(id)}, p)
	if !refusal.Refused() {
		p.opening.Store(0)
	}
	return refusal
}
