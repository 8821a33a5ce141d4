package inventory

import (
	"bytes"
	"fmt"
	"slices"
)

// State is where an order is in its life. The numbers are in the journal.
type State uint8

// The states of an order. Cancelled, Expired and Returned are final.
const (
	Reserved           State = 1
	Confirmed          State = 2
	Cancelled          State = 3
	Expired            State = 4
	PartiallyFulfilled State = 5
	Fulfilled          State = 6
	PartiallyReturned  State = 7
	Returned           State = 8
)

var stateNames = [...]string{Reserved: "reserved", Confirmed: "confirmed", Cancelled: "cancelled", Expired: "expired",
	PartiallyFulfilled: "partially_fulfilled", Fulfilled: "fulfilled",
	PartiallyReturned: "partially_returned", Returned: "returned"}

// States returns all states.
func States() []State {
	return []State{Reserved, Confirmed, PartiallyFulfilled, Fulfilled, PartiallyReturned, Returned, Cancelled, Expired}
}

// String returns the state's word in the API.
func (s State) String() string {
	if s >= Reserved && int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state_%d", uint8(s))
}

// ParseState reads a word of the API.
func ParseState(text string) (State, bool) {
	i := slices.Index(stateNames[1:], text)
	return State(i + 1), i >= 0
}

// Final reports whether no event can move units of the order any more.
func (s State) Final() bool { return s == Cancelled || s == Expired || s == Returned }

// Settled reports whether nothing of the order is held or waits to be shipped.
// The retention of its idempotency key begins then.
func (s State) Settled() bool { return s.Final() || s == Fulfilled || s == PartiallyReturned }

// transitions is the order state machine: event kind -> the states that it may
// leave and those that it may lead to, of which the event says one. Without to
// the order stays in its state. OrderPlaced makes an order and leaves none.
var transitions = [...]struct{ from, to []State }{
	OrderPlaced:    {nil, []State{Reserved}},
	OrderConfirmed: {[]State{Reserved}, []State{Confirmed}},
	OrderCancelled: {[]State{Reserved, Confirmed}, []State{Cancelled}},
	OrderExpired:   {[]State{Reserved}, []State{Expired}},
	OrderFulfilled: {[]State{Confirmed, PartiallyFulfilled}, []State{PartiallyFulfilled, Fulfilled}},
	OrderReturned:  {[]State{Fulfilled, PartiallyReturned}, []State{PartiallyReturned, Returned}},
	OrderExtended:  {[]State{Reserved}, nil},
	OrderReduced:   {[]State{Reserved, Confirmed}, nil},
	OrderRefundDue: {[]State{Cancelled, Expired}, nil},
}

// Order is one order with its lines, ascending by product ID.
type Order struct {
	ID        ID
	Customer  ID
	State     State
	Currency  Currency
	PlacedAt  Instant
	ExpiresAt Instant
	// Extended says that the one extension of the hold was used.
	Extended bool
	// RefundDue is money that came after the order had ended and has to be paid
	// back, in minor units; 0 is none.
	RefundDue int64
	// UpdatedAt is when the last event was decided.
	UpdatedAt Instant
	Key, Body Fingerprint
	// Lines are replaced as a whole by events that change them, never written to.
	Lines []Line
	// Sequence is the journal sequence of the last event.
	Sequence uint64
}

// Total returns the sum of all lines. It cannot overflow: [DecidePlace] refused
// an order whose total does.
func (o *Order) Total() Money {
	var total int64
	for i := range o.Lines {
		total += o.Lines[i].Quantity * o.Lines[i].Price
	}
	return Money{Minor: total, Currency: o.Currency}
}

// Due reports whether the hold ended at or before now.
func (o *Order) Due(now Instant) bool { return o.State == Reserved && now >= o.ExpiresAt }

// Evolve applies an event of this order. The error starts with "BUG:" and means
// that the event is not a legal successor of the order's state (N6); then nothing
// has changed. An order without lines evolves too; its lines are somewhere else.
func (o *Order) Evolve(event *Event, sequence uint64) error {
	if !event.Kind.OfOrder() {
		return fmt.Errorf("BUG: %s is not an event of an order", event.Kind)
	}
	if event.Kind == OrderPlaced {
		*o = Order{ID: event.Order, Customer: event.Customer, Currency: event.Currency, State: Reserved,
			PlacedAt: event.At, ExpiresAt: event.ExpiresAt, UpdatedAt: event.At,
			Key: event.Key, Body: event.Body, Lines: event.Lines, Sequence: sequence}
		return nil
	}
	to, legal := o.successor(event)
	if !legal {
		return fmt.Errorf("BUG: %s of order %s cannot follow state %s of order %s",
			event.Kind, event.Order, o.State, o.ID)
	}
	lines, err := o.evolveLines(event)
	if err != nil {
		return err
	}
	switch event.Kind {
	case OrderExtended:
		o.ExpiresAt, o.Extended = event.ExpiresAt, true
	case OrderRefundDue:
		o.RefundDue = event.Amount
	}
	o.State, o.Lines, o.UpdatedAt, o.Sequence = to, lines, event.At, sequence
	return nil
}

// successor returns the state after the event.
func (o *Order) successor(event *Event) (State, bool) {
	transition := transitions[event.Kind]
	if o.ID != event.Order || !slices.Contains(transition.from, o.State) {
		return 0, false
	}
	if (event.Kind == OrderCancelled || event.Kind == OrderReduced) && event.From != o.State {
		return 0, false
	}
	switch len(transition.to) {
	case 0:
		return o.State, !o.happened(event)
	case 1:
		return transition.to[0], true
	}
	return event.To, slices.Contains(transition.to, event.To)
}

// happened reports whether the event is one that an order has only once, and has
// had.
func (o *Order) happened(event *Event) bool {
	return event.Kind == OrderExtended && o.Extended || event.Kind == OrderRefundDue && o.RefundDue != 0
}

// evolveLines returns the lines after the event. Both are ascending by product.
func (o *Order) evolveLines(event *Event) ([]Line, error) {
	switch {
	case len(o.Lines) == 0:
		return nil, nil
	case event.Kind != OrderFulfilled && event.Kind != OrderReturned && event.Kind != OrderReduced:
		return o.Lines, nil
	}
	lines := slices.Clone(o.Lines)
	for i := range event.Lines {
		moved := &event.Lines[i]
		line := findLine(lines, moved.ProductID)
		if line == nil || !line.evolve(event.Kind, moved.Quantity) {
			return nil, fmt.Errorf("BUG: %s of order %s moves %d units of product %s, which it does not have",
				event.Kind, event.Order, moved.Quantity, moved.ProductID)
		}
	}
	return lines, nil
}

// evolve counts units on a line and reports whether they were there.
func (l *Line) evolve(kind Kind, units int64) bool {
	if units < 1 || units > l.Quantity {
		return false
	}
	switch kind {
	case OrderFulfilled:
		l.Shipped += int32(units)
	case OrderReturned:
		l.Returned += int32(units)
	case OrderReduced:
		l.Quantity -= units
		l.Released += int32(units)
	}
	return l.Returned <= l.Shipped && int64(l.Shipped) <= l.Quantity
}

// findLine returns the line of the product, or nil. lines are ascending.
func findLine(lines []Line, product ID) *Line {
	i, found := slices.BinarySearchFunc(lines, product, func(line Line, product ID) int {
		return bytes.Compare(line.ProductID[:], product[:])
	})
	if !found {
		return nil
	}
	return &lines[i]
}

// FollowUp returns the event of the given kind that moves all lines of the
// order, decided at now by the given account.
func (o *Order) FollowUp(kind Kind, now Instant, by ID) Event {
	return Event{Kind: kind, At: now, By: by, Order: o.ID, Customer: o.Customer, From: o.State, Lines: o.linesLeft()}
}

// linesLeft returns the lines that still have units.
func (o *Order) linesLeft() []Line {
	gone := func(line Line) bool { return line.Quantity == 0 }
	if !slices.ContainsFunc(o.Lines, gone) {
		return o.Lines
	}
	return slices.DeleteFunc(slices.Clone(o.Lines), gone)
}
