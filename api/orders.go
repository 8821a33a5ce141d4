package api

import (
	"net/url"

	"holdfast/actors"
	"holdfast/inventory"
	"holdfast/persistence"
)

// placeRoute is part of the fingerprint of every order's key: it must not change.
const placeRoute = "POST /api/orders"

// placement is what one order gives to the engine. It is made anew for every
// request: after a timeout the engine may still be at work on it.
type placement struct {
	request actors.PlaceOrder
	lines   [productsPerOrderMax]inventory.Line
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
	p := &placement{request: actors.PlaceOrder{Customer: x.principal.ID,
		Key: keyFingerprint(x.principal.ID, placeRoute, key), Body: fingerprint(body)}}
	lines, malformed, fields := decodeOrder(body, x.route.bodySchema, p.lines[:0])
	if malformed != "" {
		x.fail(codeMalformed, malformed)
		return
	}
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	lines, invalid := mergeOrder(lines)
	if invalid != nil {
		x.failFields(*invalid)
		return
	}
	p.request.Lines = lines
	placed, refusal := engine.PlaceOrder(&p.request)
	if refusal.Refused() {
		x.refuseOrder(refusal)
		return
	}
	x.answerPlaced(&placed)
}

// answerPlaced sends an order that was placed, now or by an earlier request with
// the same key.
func (x *exchange) answerPlaced(placed *actors.OrderReply) {
	header := &x.ctx.Response.Header
	if placed.Replayed {
		header.SetCanonical(headerReplayed, valueTrue)
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

// refuseOrder passes on a refusal and names the items that are short. An order
// names one product, so its first item is the one.
func (x *exchange) refuseOrder(refusal inventory.Refusal) {
	p := problem{code: refusal.Code, detail: refusal.Detail, refusal: refusal}
	if isStock(refusal.Code) {
		p.fields = []fieldError{{pointer: "#/items/0/quantity", detail: refusal.Detail, code: refusal.Code,
			figures: true, requested: refusal.Requested, available: refusal.Available}}
	}
	x.answerProblem(&p)
}

// listOrders lists the caller's orders, or everyone's for staff.
func listOrders(x *exchange) {
	engine, ready := x.engine()
	if !ready {
		return
	}
	owner := x.ownerFilter()
	p, ok := x.page(owner.String(), "status", "product_id")
	if !ok {
		return
	}
	filter := persistence.OrderFilter{Customer: owner, Before: p.start, Limit: p.limit + 1}
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
	}
	body = append(body, `],"next_cursor":`...)
	if more {
		body = appendText(body, x.next(&p, found[len(found)-1].ID))
	} else {
		body = append(body, "null"...)
	}
	x.buffer = append(body, '}')
	x.answer(200, x.buffer)
}

// orderFilters reads the filters of the list of orders.
func (x *exchange) orderFilters(p *page, filter *persistence.OrderFilter) bool {
	var fields []fieldError
	if p.query.Has("status") {
		state, known := inventory.ParseState(p.query.Get("status"))
		if !known {
			fields = append(fields, fieldError{pointer: "status", code: fieldInvalid, detail: "There is no such status."})
		}
		filter.State = state
	}
	if p.query.Has("product_id") {
		product, err := inventory.ParseID(p.query.Get("product_id"))
		if err != nil || product.IsZero() {
			fields = append(fields, fieldError{pointer: "product_id", code: fieldInvalid, detail: "It must be a UUID."})
		}
		filter.Product = product
	}
	if len(fields) > 0 {
		x.failFields(fields...)
		return false
	}
	return true
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

// confirmOrder marks an order as paid.
func confirmOrder(x *exchange) {
	if x.server.options.OwnerConfirmOff && x.principal.Role == persistence.RoleCustomer {
		x.fail(codeForbidden, "Orders are confirmed by the payment system here.")
		return
	}
	x.changeOrder(actors.Facade.ConfirmOrder)
}

// cancelOrder gives an order's units back.
func cancelOrder(x *exchange) { x.changeOrder(actors.Facade.CancelOrder) }

func (x *exchange) changeOrder(change func(actors.Facade, actors.ChangeOrder) (inventory.Order, inventory.Refusal)) {
	id, ok := x.pathID("id")
	if !ok {
		return
	}
	if x.hasBody() && !x.decode(&emptyBody{}) {
		return
	}
	engine, ready := x.engine()
	if !ready {
		return
	}
	order, refusal := change(engine, actors.ChangeOrder{Order: id, Caller: x.principal.ID, Owner: x.ownerFilter()})
	if refusal.Refused() {
		x.refuse(refusal)
		return
	}
	x.answerOrder(200, &order)
}
