package actors

import (
	"fmt"
	"slices"

	"holdfast/inventory"
)

// PlaceOrder implements [Facade]. An order is served from end to end on the stack of
// its caller, of whom there are thousands, each with a stack that has left the
// processor's cache meanwhile: so what is below [Engine.serve] takes little of it.
func (e *Engine) PlaceOrder(request *PlaceOrder) (reply OrderReply, refusal inventory.Refusal) {
	op := e.prepareOrder(request, &refusal)
	if op == nil {
		return reply, refusal
	}
	lines := linesToExplain(op)
	if !e.serve(op, e.actorOf(shardOf(request.Customer))) {
		return reply, refusedTimeout
	}
	if op.refusal.Refused() {
		refusal = op.refusal
		e.explain(&refusal, lines)
	} else {
		reply.Order, reply.Replayed = op.order, op.replayed
	}
	op.recycle()
	return reply, refusal
}

// prepareOrder returns the operation of an order that has to be tried, or nil and a
// refusal.
func (e *Engine) prepareOrder(request *PlaceOrder, refusal *inventory.Refusal) *operation {
	if *refusal = e.enter(); refusal.Refused() {
		return nil
	}
	op := newOperation(e, stepPlace)
	op.partial = request.Partial
	op.event.Kind, op.event.By, op.event.Customer = inventory.OrderPlaced, request.Customer, request.Customer
	op.event.Key = request.Key
	*refusal = e.fillSlip(op, request.Lines)
	if !refusal.Refused() {
		*refusal = e.refuseEarly(op)
	}
	// A repeat adds nothing to what waits for SQL. Whether one whose key the filter knows is
	// a repeat, its actor finds out.
	if !refusal.Refused() && e.backlogged() && !e.mayKnowKey(op.event.Key) {
		*refusal = refusedBacklog
	}
	if !refusal.Refused() {
		op.event.Body = request.bodyFingerprint()
		return op
	}
	e.leave()
	e.explain(refusal, op.event.Lines)
	op.recycle()
	return nil
}

func (r *PlaceOrder) bodyFingerprint() inventory.Fingerprint {
	if len(r.BodyText) == 0 {
		return r.Body
	}
	return inventory.FingerprintOf(r.BodyText)
}

// linesToExplain returns a copy of the lines as they were asked for, which a refusal of
// an order of several has to tell of.
func linesToExplain(op *operation) []inventory.Line {
	if len(op.event.Lines) < 2 {
		return nil
	}
	return slices.Clone(op.event.Lines)
}

// fillSlip merges the lines and finds their products.
func (e *Engine) fillSlip(op *operation, lines []inventory.Line) inventory.Refusal {
	merged, refusal := inventory.MergeLines(append(op.oneLine[:0], lines...))
	switch {
	case refusal.Refused():
		return refusal
	case len(merged) == 0 || len(merged) > OrderProductsMax:
		return inventory.Refusal{Code: inventory.CodeValidationFailed,
			Detail: fmt.Sprintf("An order names between 1 and %d products.", OrderProductsMax)}
	}
	op.event.Lines = merged
	op.slip = e.slipOf(op.oneSlip[:0], merged)
	for i := range op.slip {
		if op.slip[i].product == nil {
			refusal := refusedProductUnknown
			refusal.ProductID = merged[i].ProductID
			return refusal
		}
	}
	return inventory.Refusal{}
}

// ChangeOrder implements [Facade].
func (e *Engine) ChangeOrder(request *ChangeOrder) (OrderReply, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return OrderReply{}, refusal
	}
	op := newOperation(e, stepChange)
	op.change, op.owner = request.Change, request.Owner
	if !request.Kind.HasKey() {
		op.change.Key = inventory.Fingerprint{}
	}
	op.event = inventory.Event{Kind: request.Kind, By: request.By, Order: request.Order, Key: op.change.Key, Body: request.Body}
	if refusal := e.do(op, e.actorOf(request.Order.Shard())); refusal.Refused() {
		return OrderReply{}, refusal
	}
	reply := OrderReply{Order: op.order, Replayed: op.replayed}
	op.recycle()
	return reply, inventory.Refusal{}
}
