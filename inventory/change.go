package inventory

import (
	"bytes"
	"fmt"
)

// Change asks for a change of an order.
type Change struct {
	// Kind is OrderConfirmed, OrderCancelled, OrderExtended, OrderFulfilled or
	// OrderReturned.
	Kind Kind
	// By is the account that asks.
	By ID
	// Paid says that the confirmation comes from a payment system, which has the
	// money already: for an order that has ended it is to be paid back.
	Paid bool
	// Lines name what is released, shipped or returned, ascending by product, each
	// once; none is all that there is. A Quantity of zero is all of the line that is
	// left; of a line that has nothing left that is nothing.
	Lines []Line
	// Restock says that returned units can be sold again.
	Restock bool
	// SaleEndsAt bounds the extension of a hold; zero is no bound.
	SaleEndsAt Instant
	Key, Body  Fingerprint
}

// Decide decides a change of the order at now. repeated means that the order is
// as it was asked for already, and there is nothing to record.
//
// The event may be of another kind than the change. A cancellation of some lines
// is an OrderReduced. A payment for an order that has ended is an OrderRefundDue;
// when its hold has ended and the timer has not fired, it is an OrderExpired, and
// after that the change is to be decided again.
func (o *Order) Decide(change *Change, now Instant) (event Event, repeated bool, refusal Refusal) {
	switch change.Kind {
	case OrderConfirmed:
		return o.decideConfirm(change, now)
	case OrderCancelled:
		return o.decideCancel(change, now)
	case OrderExtended:
		return o.decideExtend(change, now)
	case OrderFulfilled:
		return o.decideFulfil(change, now)
	case OrderReturned:
		return o.decideReturn(change, now)
	}
	return Event{}, false, Refusal{Code: CodeValidationFailed, Detail: "This is not a change of an order."}
}

func (o *Order) decideConfirm(change *Change, now Instant) (Event, bool, Refusal) {
	switch o.State {
	case Reserved:
		switch {
		case now < o.ExpiresAt:
			return o.FollowUp(OrderConfirmed, now, change.By), false, Refusal{}
		case change.Paid:
			return o.FollowUp(OrderExpired, now, ID{}), false, Refusal{}
		}
		return Event{}, false, o.refuseHoldExpired()
	case Cancelled, Expired:
		return o.decideLatePayment(change, now)
	}
	return Event{}, true, Refusal{}
}

// decideLatePayment: a payment for an order that has ended is noted once, and
// never takes stock again.
func (o *Order) decideLatePayment(change *Change, now Instant) (Event, bool, Refusal) {
	amount := o.Total().Minor
	switch {
	case !change.Paid && o.State == Expired:
		return Event{}, false, o.refuseHoldExpired()
	case !change.Paid:
		return Event{}, false, o.refuseTransition("confirmed")
	case o.RefundDue != 0 || amount == 0:
		return Event{}, true, Refusal{}
	}
	event := o.FollowUp(OrderRefundDue, now, change.By)
	event.Lines, event.Amount = nil, amount
	return event, false, Refusal{}
}

func (o *Order) refuseHoldExpired() Refusal {
	return Refusal{Code: CodeHoldExpired, At: o.ExpiresAt,
		Detail: "The hold of this order has ended and its units were given back. Place a new order."}
}

// decideCancel releases the lines that are named, or cancels when none is left.
func (o *Order) decideCancel(change *Change, now Instant) (Event, bool, Refusal) {
	if o.State == Cancelled {
		return Event{}, true, Refusal{}
	}
	if o.State != Reserved && o.State != Confirmed {
		return Event{}, false, o.refuseTransition("cancelled")
	}
	event := o.FollowUp(OrderCancelled, now, change.By)
	if len(change.Lines) == 0 {
		return event, false, Refusal{}
	}
	lines, refusal := o.nameLines(change.Lines, func(line *Line) int64 { return line.Quantity })
	switch {
	case refusal.Refused():
		return Event{}, false, refusal
	case len(lines) == 0:
		return Event{}, true, Refusal{}
	case unitsOf(lines) < unitsOf(event.Lines):
		event.Kind, event.Lines = OrderReduced, lines
	}
	return event, false, Refusal{}
}

func unitsOf(lines []Line) (units int64) {
	for i := range lines {
		units += lines[i].Quantity
	}
	return units
}

// decideExtend gives a hold its first duration once more, but not past the end of
// the sale.
func (o *Order) decideExtend(change *Change, now Instant) (Event, bool, Refusal) {
	switch {
	case o.State == Expired || o.Due(now):
		return Event{}, false, o.refuseHoldExpired()
	case o.State != Reserved:
		return Event{}, false, o.refuseTransition("extended")
	case o.Extended:
		return Event{}, true, Refusal{}
	}
	until := o.ExpiresAt + (o.ExpiresAt - o.PlacedAt)
	if change.SaleEndsAt != 0 {
		until = min(until, change.SaleEndsAt)
	}
	if until <= o.ExpiresAt {
		return Event{}, false, Refusal{Code: CodeSaleEnded, At: change.SaleEndsAt,
			Detail: "The hold lasts until the end of the sale and cannot be extended."}
	}
	event := o.FollowUp(OrderExtended, now, change.By)
	event.Lines, event.ExpiresAt = nil, until
	return event, false, Refusal{}
}

func (o *Order) decideFulfil(change *Change, now Instant) (Event, bool, Refusal) {
	if o.State != Confirmed && o.State != PartiallyFulfilled {
		return Event{}, false, o.refuseTransition("fulfilled")
	}
	return o.decideMove(change, now, PartiallyFulfilled, Fulfilled,
		func(line *Line) int64 { return line.Quantity - int64(line.Shipped) })
}

func (o *Order) decideReturn(change *Change, now Instant) (Event, bool, Refusal) {
	if o.State != Fulfilled && o.State != PartiallyReturned {
		return Event{}, false, o.refuseTransition("returned")
	}
	return o.decideMove(change, now, PartiallyReturned, Returned,
		func(line *Line) int64 { return int64(line.Shipped - line.Returned) })
}

// decideMove ships or returns units: left says how many of a line can be. The
// order is in state whole when none is left after it, else in state partial.
func (o *Order) decideMove(change *Change, now Instant, partial, whole State, left func(*Line) int64) (Event, bool, Refusal) {
	all := o.allLines(left)
	lines, refusal := all, Refusal{}
	if len(change.Lines) > 0 {
		lines, refusal = o.nameLines(change.Lines, left)
	}
	if !refusal.Refused() && len(lines) == 0 {
		refusal = Refusal{Code: CodeInvalidTransition, Detail: "Nothing of these lines is left to be moved."}
	}
	if refusal.Refused() {
		return Event{}, false, refusal
	}
	event := Event{Kind: change.Kind, At: now, By: change.By, Order: o.ID, Customer: o.Customer, To: partial,
		Restock: change.Restock, Key: change.Key, Body: change.Body, Lines: lines}
	if unitsOf(lines) == unitsOf(all) {
		event.To = whole
	}
	return event, false, Refusal{}
}

// allLines returns the units of all lines that have some left.
func (o *Order) allLines(left func(*Line) int64) []Line {
	lines := make([]Line, 0, len(o.Lines))
	for i := range o.Lines {
		if units := left(&o.Lines[i]); units > 0 {
			lines = append(lines, Line{ProductID: o.Lines[i].ProductID, Quantity: units})
		}
	}
	return lines
}

// nameLines returns the units of the named lines that have some left, ascending by
// product as the named are.
func (o *Order) nameLines(named []Line, left func(*Line) int64) ([]Line, Refusal) {
	lines := make([]Line, 0, len(named))
	for i := range named {
		product, units := named[i].ProductID, named[i].Quantity
		line := findLine(o.Lines, product)
		switch {
		case i > 0 && bytes.Compare(named[i-1].ProductID[:], product[:]) >= 0:
			return nil, Refusal{Code: CodeValidationFailed, ProductID: product,
				Detail: "The lines name a product twice or are not in ascending order."}
		case line == nil:
			return nil, Refusal{Code: CodeValidationFailed, ProductID: product,
				Detail: "The order has no line of this product."}
		case units < 0:
			return nil, Refusal{Code: CodeValidationFailed, ProductID: product, Requested: units,
				Detail: "The units of a line cannot be negative."}
		case units > left(line):
			return nil, Refusal{Code: CodeInvalidTransition, ProductID: product, Requested: units, Available: left(line),
				Detail: fmt.Sprintf("Only %d units of this line are left.", left(line))}
		case units == 0:
			units = left(line)
		}
		if units > 0 {
			lines = append(lines, Line{ProductID: product, Quantity: units})
		}
	}
	return lines, Refusal{}
}

func (o *Order) refuseTransition(to string) Refusal {
	return Refusal{Code: CodeInvalidTransition,
		Detail: "An order that is " + o.State.String() + " cannot be " + to + "."}
}
