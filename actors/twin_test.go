package actors

import (
	"holdfast/inventory"
)

// twin is what the engine does, naively: one thread, one map each, no actor, no
// journal, and nothing of the domain's decisions but its words. It is written from
// the design's description of states and codes, not from the engine.
type twin struct {
	now      inventory.Instant
	products map[inventory.ID]*twinProduct
	orders   []*twinOrder
}

type twinProduct struct {
	onHand, safety, limit int64
	starts, ends          inventory.Instant
	paused                bool
	sku                   string
}

type twinOrder struct {
	id            inventory.ID // the engine's
	customer      inventory.ID
	key, body     inventory.Fingerprint
	state         string
	expires, hold inventory.Instant
	extended      bool
	refund        int64
	lines         []*twinLine
	moves         map[inventory.Fingerprint]bool
}

type twinLine struct {
	product                                        inventory.ID
	quantity, dropped, released, shipped, returned int64
	droppedFor                                     inventory.Code
}

const twinPrice = 1000

// sums returns what is reserved and committed of a product.
func (w *twin) sums(product inventory.ID) (reserved, committed int64) {
	for _, order := range w.orders {
		for _, line := range order.lines {
			if line.product != product {
				continue
			}
			switch order.state {
			case "reserved":
				reserved += line.quantity
			case "confirmed", "partially_fulfilled":
				committed += line.quantity - line.shipped
			}
		}
	}
	return reserved, committed
}

func (w *twin) available(product inventory.ID) int64 {
	reserved, committed := w.sums(product)
	p := w.products[product]
	return p.onHand - p.safety - reserved - committed
}

// expire ends the holds that are over.
func (w *twin) expire() {
	for _, order := range w.orders {
		if order.state == "reserved" && w.now >= order.expires {
			order.state = "expired"
		}
	}
}

// offSale says why a product is not on sale.
func (w *twin) offSale(product inventory.ID) inventory.Code {
	p := w.products[product]
	switch {
	case p.paused:
		return inventory.CodePaused
	case p.starts != 0 && w.now < p.starts:
		return inventory.CodeSaleNotStarted
	case p.ends != 0 && w.now >= p.ends:
		return inventory.CodeSaleEnded
	}
	return ""
}

func (w *twin) shortOf(product inventory.ID, quantity int64) inventory.Code {
	available := w.available(product)
	reserved, _ := w.sums(product)
	switch {
	case available >= quantity:
		return ""
	case available > 0:
		return inventory.CodeInsufficientStock
	case reserved > 0:
		return inventory.CodeAllHeld
	}
	return inventory.CodeSoldOut
}

// bought counts what a customer has bought or holds since the sale began.
func (w *twin) bought(customer, product inventory.ID) (units int64) {
	for _, order := range w.orders {
		if order.customer != customer || order.state == "cancelled" || order.state == "expired" {
			continue
		}
		for _, line := range order.lines {
			if line.product == product {
				units += line.quantity
			}
		}
	}
	return units
}

// serve says how many units of a line there are for a customer, and why not all.
func (w *twin) serve(customer inventory.ID, product inventory.ID, quantity int64) (int64, inventory.Code) {
	if code := w.offSale(product); code != "" {
		return 0, code
	}
	granted, code := quantity, inventory.Code("")
	if limit := w.products[product].limit; limit > 0 && w.bought(customer, product)+granted > limit {
		granted, code = max(limit-w.bought(customer, product), 0), inventory.CodeQuantityLimitCustomer
	}
	if available := max(w.available(product), 0); granted > available {
		granted, code = available, w.shortOf(product, quantity)
	}
	return granted, code
}

// place returns the order that a key stands for, or a new one, or why there is none.
// lines are ascending by product.
func (w *twin) place(request *PlaceOrder) (*twinOrder, inventory.Code) {
	for _, order := range w.orders {
		if order.key == request.Key {
			if order.body != request.Body {
				return nil, inventory.CodeKeyReused
			}
			return order, ""
		}
	}
	order := &twinOrder{customer: request.Customer, key: request.Key, body: request.Body, state: "reserved",
		hold: 600 * inventory.Second, moves: map[inventory.Fingerprint]bool{}}
	order.expires = w.now + order.hold
	if code := w.refuseBeforeTrying(request); code != "" {
		return nil, code
	}
	first, units := inventory.Code(""), int64(0)
	for _, line := range request.Lines {
		granted, code := w.serve(request.Customer, line.ProductID, line.Quantity)
		if code != "" && !request.Partial {
			return nil, code
		}
		if first == "" {
			first = code
		}
		units += granted
		order.lines = append(order.lines, &twinLine{product: line.ProductID, quantity: granted,
			dropped: line.Quantity - granted, droppedFor: code})
	}
	if units == 0 {
		return nil, first
	}
	w.orders = append(w.orders, order)
	return order, ""
}

// refuseBeforeTrying is the part that looks at all lines before any is tried: what is
// wrong with a product for everyone comes before what is wrong for a customer.
func (w *twin) refuseBeforeTrying(request *PlaceOrder) inventory.Code {
	if request.Partial && len(request.Lines) > 1 {
		return ""
	}
	for _, line := range request.Lines {
		if code := w.offSale(line.ProductID); code != "" {
			return code
		}
		code := w.shortOf(line.ProductID, line.Quantity)
		if code != "" && !(request.Partial && w.available(line.ProductID) > 0) {
			return code
		}
	}
	return ""
}

func (o *twinOrder) total() (minor int64) {
	for _, line := range o.lines {
		minor += line.quantity * twinPrice
	}
	return minor
}

func (w *twin) confirm(o *twinOrder, service bool) inventory.Code {
	switch {
	case o.state == "reserved":
		o.state = "confirmed"
	case o.state != "expired" && o.state != "cancelled":
	case service:
		o.refund = o.total()
	case o.state == "expired":
		return inventory.CodeHoldExpired
	default:
		return inventory.CodeInvalidTransition
	}
	return ""
}

// cancel releases the lines of the products, or all without any.
func (w *twin) cancel(o *twinOrder, products ...inventory.ID) inventory.Code {
	if o.state == "cancelled" {
		return ""
	}
	if o.state != "reserved" && o.state != "confirmed" {
		return inventory.CodeInvalidTransition
	}
	var released []*twinLine
	left := 0
	for _, line := range o.lines {
		named := len(products) == 0
		for _, product := range products {
			named = named || product == line.product
		}
		if line.quantity > 0 && named {
			released = append(released, line)
		} else if line.quantity > 0 {
			left++
		}
	}
	if left == 0 {
		o.state = "cancelled"
		return ""
	}
	for _, line := range released {
		line.quantity, line.released = 0, line.released+line.quantity
	}
	return ""
}

func (w *twin) extend(o *twinOrder) inventory.Code {
	switch {
	case o.state == "expired":
		return inventory.CodeHoldExpired
	case o.state != "reserved":
		return inventory.CodeInvalidTransition
	case o.extended:
		return ""
	}
	until := o.expires + o.hold
	for _, line := range o.lines {
		if ends := w.products[line.product].ends; ends != 0 && line.quantity > 0 {
			until = min(until, ends)
		}
	}
	if until <= o.expires {
		return inventory.CodeSaleEnded
	}
	o.expires, o.extended = until, true
	return ""
}

// move ships (or takes back) units of one product, all that is left with zero.
func (w *twin) move(o *twinOrder, ship bool, key inventory.Fingerprint, product inventory.ID, units int64, restock bool) inventory.Code {
	if o.moves[key] {
		return ""
	}
	if ship && o.state != "confirmed" && o.state != "partially_fulfilled" ||
		!ship && o.state != "fulfilled" && o.state != "partially_returned" {
		return inventory.CodeInvalidTransition
	}
	left := func(line *twinLine) int64 {
		if ship {
			return line.quantity - line.shipped
		}
		return line.shipped - line.returned
	}
	var remaining, moved int64
	for _, line := range o.lines {
		if line.product == product {
			if units == 0 {
				units = left(line)
			}
			if units > left(line) || units == 0 {
				return inventory.CodeInvalidTransition
			}
			moved = units
			w.count(line, ship, units, restock)
		}
		remaining += left(line)
	}
	if moved == 0 {
		return inventory.CodeValidationFailed
	}
	o.moves[key] = true
	o.state = map[bool]map[bool]string{true: {true: "fulfilled", false: "partially_fulfilled"},
		false: {true: "returned", false: "partially_returned"}}[ship][remaining == 0]
	return ""
}

func (w *twin) count(line *twinLine, ship bool, units int64, restock bool) {
	if ship {
		line.shipped += units
		w.products[line.product].onHand -= units
		return
	}
	line.returned += units
	if restock {
		w.products[line.product].onHand += units
	}
}

func (w *twin) adjust(product inventory.ID, delta int64) inventory.Code {
	reserved, committed := w.sums(product)
	switch p := w.products[product]; {
	case delta == 0:
		return inventory.CodeValidationFailed
	case p.onHand+delta < reserved+committed:
		return inventory.CodeVersionConflict
	default:
		p.onHand += delta
	}
	return ""
}
