package api

import (
	"net/url"

	"holdfast/actors"
	"holdfast/inventory"
	"holdfast/persistence"
)

// placeRoute is part of the fingerprint of every order's key: it must not change.
const placeRoute = "POST /api/orders"

// placement is what one order gives to the engine, with room for the usual one
// line.
type placement struct {
	request actors.PlaceOrder
	line    [1]inventory.Line
}

// placeOrder holds units for the caller. It is the path that a flash sale is
// made of: no reflection, no map, and little allocation.
func placeOrder(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	key, ok := x.requireKey()
	if !ok {
		return
	}
	body := x.ctx.Request.Body()
	p := &x.placement
	p.request = actors.PlaceOrder{Customer: x.principal.ID, Lines: p.line[:0],
		Key: keyFingerprint(x.principal.ID, placeRoute, key), BodyText: body}
	malformed, fields := decodeOrder(body, x.route.bodySchema, &p.request)
	if malformed != "" {
		x.fail(codeMalformed, malformed)
		return
	}
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	items := len(p.request.Lines)
	placed, refusal := engine.PlaceOrder(&p.request)
	if refusal.Refused() {
		x.refuseOrder(&refusal, items)
		return
	}
	x.answerPlaced(&placed)
}

// refuseOrder passes on a refusal of an order of so many items. The engine may have
// sorted and merged its lines, so what the items were is read from the body again:
// they are needed only here, and a flash sale's orders have one.
func (x *exchange) refuseOrder(refusal *inventory.Refusal, items int) {
	if items == 1 {
		x.refuseItems(refusal, []inventory.Line{{ProductID: refusal.ProductID}})
		return
	}
	var again actors.PlaceOrder
	_, _ = decodeOrder(x.ctx.Request.Body(), x.route.bodySchema, &again) // it was read before
	x.refuseItems(refusal, again.Lines)
}

// answerPlaced sends an order that was placed, now or by an earlier request with
// the same key.
func (x *exchange) answerPlaced(placed *actors.OrderReply) {
	header := &x.ctx.Response.Header
	if placed.Replayed {
		header.SetCanonical(headerReplayed, valueTrue)
	} else {
		x.server.pulse.placed.Add(1)
	}
	x.buffer = placed.Order.ID.AppendText(append(x.buffer[:0], "/api/orders/"...))
	header.SetCanonical(headerLocation, x.buffer)
	x.answerOrder(201, &placed.Order)
}

// answerOrder sends an order.
func (x *exchange) answerOrder(status int, order *inventory.Order) {
	x.buffer = appendOrder(x.buffer[:0], order, x.server.clock.Now())
	x.answer(status, x.buffer)
}

// listOrders lists the caller's orders, or everyone's for staff.
func listOrders(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	owner := x.ownerFilter()
	p, ok := x.page(owner.String(), "status", "product_id", "customer_id")
	if !ok {
		return
	}
	filter := persistence.OrderFilter{Customer: owner, Before: p.start.ID, Limit: p.limit + 1}
	if !x.orderFilters(&p, &filter) {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	found, refusal := engine.Orders(ctx, filter)
	if refusal.Refused() {
		x.refuse(refusal)
		return
	}
	more := len(found) > p.limit
	if more {
		found = found[:p.limit]
	}
	now := x.server.clock.Now()
	body := append(x.buffer[:0], `{"items":[`...)
	for i := range found {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendOrder(body, &found[i], now)
		if len(body) > pageBytesMax && i+1 < len(found) {
			found, more = found[:i+1], true
			break
		}
	}
	body = append(body, `],"next_cursor":`...)
	if more {
		body = appendText(body, x.next(&p, persistence.Place{ID: found[len(found)-1].ID}))
	} else {
		body = append(body, "null"...)
	}
	x.buffer = append(body, '}')
	x.answer(200, x.buffer)
}

// orderFilters reads the filters of the list of orders.
func (x *exchange) orderFilters(p *page, filter *persistence.OrderFilter) bool {
	filter.State, _ = inventory.ParseState(p.query.Get("status"))
	var invalid []fieldError
	for _, id := range []struct {
		name, detail string
		into         *inventory.ID
	}{
		{"product_id", "No product has this id.", &filter.Product},
		{"customer_id", "No customer whose orders you may see has this id.", &filter.Customer},
	} {
		if !p.query.Has(id.name) {
			continue
		}
		given, err := inventory.ParseID(p.query.Get(id.name))
		owner := x.ownerFilter()
		if err != nil || given.IsZero() || id.into == &filter.Customer && !owner.IsZero() && given != owner {
			invalid = append(invalid, fieldError{pointer: id.name, code: fieldInvalid, detail: id.detail})
			continue
		}
		*id.into = given
	}
	if len(invalid) > 0 {
		x.failFields(invalid...)
	}
	return len(invalid) == 0
}

// getOrder returns one order.
func getOrder(x *exchange) {
	id, ok := x.pathID("id")
	if !ok {
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	order, refusal := engine.Order(ctx, id, x.ownerFilter())
	if refusal.Refused() {
		x.refuse(refusal)
		return
	}
	x.answerOrder(200, &order)
}

// getOrderByKey returns what the caller placed with a key: the way to the truth
// after an unknown outcome, without placing anything.
func getOrderByKey(x *exchange) {
	text, _ := x.ctx.UserValue("key").(string)
	decoded, err := url.PathUnescape(text)
	if err != nil || !isKey([]byte(decoded)) {
		x.fail(codeKeyInvalid, "The last part of the path must be an Idempotency-Key of 16 to 128 visible characters.")
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	key := keyFingerprint(x.principal.ID, placeRoute, []byte(decoded))
	order, refusal := engine.OrderByKey(ctx, x.principal.ID, key)
	if refusal.Refused() {
		x.refuse(refusal)
		return
	}
	x.answerOrder(200, &order)
}
