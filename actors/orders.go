package actors

import (
	"fmt"

	"holdfast/inventory"
)

// PlaceOrder implements [Facade].
func (e *Engine) PlaceOrder(request *PlaceOrder) (OrderReply, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return OrderReply{}, refusal
	}
	op := newOperation(e, stepPlace)
	op.partial = request.Partial
	op.event = inventory.Event{Kind: inventory.OrderPlaced, By: request.Customer, Customer: request.Customer,
		Key: request.Key, Body: request.Body}
	refusal := e.fillSlip(op, request.Lines)
	if !refusal.Refused() {
		refusal = e.refuseEarly(op)
	}
	if !refusal.Refused() && e.backlogged() {
		refusal = refusedBacklog
	}
	if refusal.Refused() {
		e.leave()
		e.explain(&refusal, op.event.Lines)
		op.recycle()
		return OrderReply{}, refusal
	}
	var one [1]inventory.Line
	lines := append(one[:0], op.event.Lines...)
	if refusal := e.do(op, e.actorOf(shardOf(request.Customer))); refusal.Refused() {
		e.explain(&refusal, lines)
		return OrderReply{}, refusal
	}
	reply := OrderReply{Order: op.order, Replayed: op.replayed}
	op.recycle()
	return reply, inventory.Refusal{}
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
	op.event = inventory.Event{Kind: request.Kind, By: request.By, Order: request.Order, Key: request.Key, Body: request.Body}
	if refusal := e.do(op, e.actorOf(request.Order.Shard())); refusal.Refused() {
		return OrderReply{}, refusal
	}
	reply := OrderReply{Order: op.order, Replayed: op.replayed}
	op.recycle()
	return reply, inventory.Refusal{}
}
