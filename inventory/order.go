package inventory

import (
	"bytes"
	"fmt"
	"slices"
)

// State is where an order is in its life. The numbers are in the journal.
type State uint8

// The states of an order. Cancelled and Expired are final.
const (
	Reserved  State = 1
	Confirmed State = 2
	Cancelled State = 3
	Expired   State = 4
)

var stateNames = [...]string{Reserved: "reserved", Confirmed: "confirmed", Cancelled: "cancelled", Expired: "expired"}

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

// Final reports whether no event can follow.
func (s State) Final() bool { return s == Cancelled || s == Expired }

// transitions is the order state machine: event kind -> states it may leave,
// and the state it leads to. OrderPlaced makes an order and leaves none.
var transitions = [...]struct {
	from []State
	to   State
}{
	OrderPlaced:    {nil, Reserved},
	OrderConfirmed: {[]State{Reserved}, Confirmed},
	OrderCancelled: {[]State{Reserved, Confirmed}, Cancelled},
	OrderExpired:   {[]State{Reserved}, Expired},
}

// Order is one order with its lines, ascending by product ID.
type Order struct {
	ID        ID
	Customer  ID
	State     State
	Currency  Currency
	PlacedAt  Instant
	ExpiresAt Instant
	// UpdatedAt is when the last event was decided.
	UpdatedAt Instant
	Key, Body Fingerprint
	Lines     []Line
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

// MergeLines sorts lines by product ID in place and merges those of the same
// product, so that every line of the result is a different product.
// Quantities must be between 1 and [LineQuantityMax] each; their sums may not
// exceed it.
func MergeLines(lines []Line) ([]Line, Refusal) {
	slices.SortFunc(lines, func(a, b Line) int { return bytes.Compare(a.ProductID[:], b.ProductID[:]) })
	merged := lines[:0]
	for _, line := range lines {
		if line.Quantity < 1 || line.Quantity > LineQuantityMax {
			return nil, lineQuantityRefusal(line.ProductID)
		}
		last := len(merged) - 1
		if last < 0 || merged[last].ProductID != line.ProductID {
			merged = append(merged, line)
			continue
		}
		merged[last].Quantity += line.Quantity
		if merged[last].Quantity > LineQuantityMax {
			return nil, lineQuantityRefusal(line.ProductID)
		}
	}
	return merged, Refusal{}
}

func lineQuantityRefusal(product ID) Refusal {
	return Refusal{Code: CodeValidationFailed, ProductID: product,
		Detail: fmt.Sprintf("An order takes between 1 and %d units of a product.", LineQuantityMax)}
}

// DecidePlace checks what does not depend on stock: that the order has lines,
// one currency, and a total in range. It prices each line from products, which
// are in the order of lines, and returns the currency.
func DecidePlace(lines []Line, products []*Product) (Currency, Refusal) {
	if len(lines) == 0 || len(lines) > OrderLinesMax {
		return Currency{}, Refusal{Code: CodeValidationFailed,
			Detail: fmt.Sprintf("An order has between 1 and %d lines.", OrderLinesMax)}
	}
	total := Money{Currency: products[0].Price.Currency}
	for i, product := range products {
		lines[i].Price, lines[i].SKU = product.Price.Minor, product.SKU
		amount, err := product.Price.Multiply(lines[i].Quantity)
		if err == nil {
			total, err = total.Add(amount)
		}
		if err != nil {
			return Currency{}, Refusal{Code: CodeValidationFailed, ProductID: product.ID, Detail: err.Error()}
		}
	}
	return total.Currency, Refusal{}
}

// DecideConfirm decides whether the order may be paid at now. repeated is true
// when it is paid already, and then there is nothing to record.
func (o *Order) DecideConfirm(now Instant) (repeated bool, refusal Refusal) {
	switch {
	case o.State == Confirmed:
		return true, Refusal{}
	case o.State == Expired, o.State == Reserved && now >= o.ExpiresAt:
		return false, Refusal{Code: CodeHoldExpired, At: o.ExpiresAt,
			Detail: "The hold of this order has ended and its units were given back. Place a new order."}
	case o.State != Reserved:
		return false, o.refuseTransition("confirmed")
	}
	return false, Refusal{}
}

// DecideCancel decides whether the order may be cancelled. repeated is true when
// it is cancelled already.
func (o *Order) DecideCancel() (repeated bool, refusal Refusal) {
	switch o.State {
	case Cancelled:
		return true, Refusal{}
	case Reserved, Confirmed:
		return false, Refusal{}
	}
	return false, o.refuseTransition("cancelled")
}

func (o *Order) refuseTransition(to string) Refusal {
	return Refusal{Code: CodeInvalidTransition,
		Detail: "An order that is " + o.State.String() + " cannot be " + to + "."}
}

// Due reports whether the hold ended at or before now.
func (o *Order) Due(now Instant) bool { return o.State == Reserved && now >= o.ExpiresAt }

// Evolve applies an event of this order. The error starts with "BUG:" and means
// that the event is not a legal successor of the order's state (N6).
func (o *Order) Evolve(event *Event, sequence uint64) error {
	if !event.Kind.OfOrder() {
		return fmt.Errorf("BUG: %s is not an event of an order", event.Kind)
	}
	transition := transitions[event.Kind]
	if event.Kind == OrderPlaced {
		*o = Order{ID: event.Order, Customer: event.Customer, Currency: event.Currency,
			PlacedAt: event.At, ExpiresAt: event.ExpiresAt, Key: event.Key, Body: event.Body, Lines: event.Lines}
	} else if o.ID != event.Order || !slices.Contains(transition.from, o.State) {
		return fmt.Errorf("BUG: %s of order %s cannot follow state %s of order %s",
			event.Kind, event.Order, o.State, o.ID)
	}
	o.State, o.UpdatedAt, o.Sequence = transition.to, event.At, sequence
	return nil
}

// FollowUp returns the event of the given kind that moves all lines of the
// order, decided at now by the given account.
func (o *Order) FollowUp(kind Kind, now Instant, by ID) Event {
	return Event{Kind: kind, At: now, By: by, Order: o.ID, Customer: o.Customer, From: o.State, Lines: o.Lines}
}
