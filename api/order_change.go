package api

import (
	"bytes"
	"slices"

	"holdfast/actors"
	"holdfast/inventory"
	"holdfast/persistence"
)

// confirmOrder marks an order as paid. A service account speaks for a payment
// system, which has the money already.
func confirmOrder(x *exchange) {
	if x.server.options.OwnerConfirmOff && x.principal.Role == persistence.RoleCustomer {
		x.fail(codeForbidden, "Orders are confirmed by the payment system here.")
		return
	}
	x.changeOrder(inventory.OrderConfirmed, &emptyBody{}, func(c *orderChange) {
		c.request.Paid = x.principal.Role == persistence.RoleService
	})
}

// cancelOrder gives an order's units back, or those of some lines.
func cancelOrder(x *exchange) {
	var body cancelBody
	x.changeOrder(inventory.OrderCancelled, &body, func(c *orderChange) {
		for i := range body.Items {
			id, _ := inventory.ParseID(body.Items[i].ProductID) // the schema has checked it
			c.items = append(c.items, inventory.Line{ProductID: id})
		}
	})
}

// extendOrder gives a hold more time, once.
func extendOrder(x *exchange) {
	x.changeOrder(inventory.OrderExtended, &emptyBody{}, func(*orderChange) {})
}

// fulfillOrder ships an order's units, or some of them.
func fulfillOrder(x *exchange) {
	var body fulfillBody
	x.changeOrder(inventory.OrderFulfilled, &body, func(c *orderChange) {
		c.items = appendItems(nil, body.Items)
	})
}

// returnOrder takes shipped units back.
func returnOrder(x *exchange) {
	body := returnBody{Restock: true}
	x.changeOrder(inventory.OrderReturned, &body, func(c *orderChange) {
		c.items, c.request.Restock = appendItems(nil, body.Items), body.Restock
	})
}

// orderChange is a change of an order on its way to the engine.
type orderChange struct {
	request actors.ChangeOrder
	// items are the lines that the body names, in its order; none means all.
	items []inventory.Line
}

// changeOrder reads a request for a change of the given kind and answers it. The
// body is read into body, and fill takes over what it says.
func (x *exchange) changeOrder(kind inventory.Kind, body any, fill func(*orderChange)) {
	id, ok := x.pathID("id")
	if !ok {
		return
	}
	c := &orderChange{request: actors.ChangeOrder{Order: id, Owner: x.ownerFilter(),
		Change: inventory.Change{Kind: kind, By: x.principal.ID}}}
	if kind.HasKey() && !x.keyOfChange(c) {
		return
	}
	if x.hasBody() && !x.decode(body) {
		return
	}
	fill(c)
	engine, ready := x.engine()
	if !ready {
		return
	}
	lines, refusal := mergeItems(kind, c.items)
	if refusal.Refused() {
		x.refuseItems(&refusal, c.items)
		return
	}
	c.request.Lines = lines
	changed, refusal := engine.ChangeOrder(&c.request)
	if refusal.Refused() {
		x.refuseItems(&refusal, c.items)
		return
	}
	if changed.Replayed {
		x.ctx.Response.Header.SetCanonical(headerReplayed, valueTrue)
	}
	x.answerOrder(200, &changed.Order)
}

// keyOfChange reads the key of a change that needs one. The same key for another
// order or another kind of change is another key. No body is the same as {}.
func (x *exchange) keyOfChange(c *orderChange) bool {
	key, ok := x.requireKey()
	if !ok {
		return false
	}
	body := []byte("{}")
	if x.hasBody() {
		body = x.ctx.Request.Body()
	}
	c.request.Key = keyFingerprint(x.principal.ID, changeRoute(c.request.Order, c.request.Kind), key)
	c.request.Body = inventory.FingerprintOf(body)
	return true
}

// changeRoute is part of the fingerprint of every change's key: it must not change.
func changeRoute(order inventory.ID, kind inventory.Kind) string {
	action := "/fulfill"
	if kind == inventory.OrderReturned {
		action = "/return"
	}
	return placeRoute + "/" + order.String() + action
}

// mergeItems returns items as the engine takes them: ascending by product, each
// product once. items stay as they are.
func mergeItems(kind inventory.Kind, items []inventory.Line) ([]inventory.Line, inventory.Refusal) {
	lines := slices.Clone(items)
	if kind != inventory.OrderCancelled {
		return inventory.MergeLines(lines)
	}
	// Whole lines have no quantity to add up: one that is named twice is named.
	slices.SortFunc(lines, func(a, b inventory.Line) int { return bytes.Compare(a.ProductID[:], b.ProductID[:]) })
	return slices.CompactFunc(lines, func(a, b inventory.Line) bool { return a.ProductID == b.ProductID }), inventory.Refusal{}
}
