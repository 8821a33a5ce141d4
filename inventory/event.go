package inventory

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
)

// Kind says what happened. The numbers are in the journal: never reuse one.
type Kind uint8

// The kinds of events. Zero is invalid, so that zeroed bytes decode to nothing.
const (
	OrderPlaced    Kind = 1
	OrderConfirmed Kind = 2
	OrderCancelled Kind = 3
	OrderExpired   Kind = 4
	StockAdjusted  Kind = 5
	// OrderFulfilled ships units, OrderReturned takes shipped units back.
	OrderFulfilled Kind = 6
	OrderReturned  Kind = 7
	// OrderExtended moves the end of a hold.
	OrderExtended Kind = 8
	// OrderReduced releases single lines; the order goes on with the others.
	OrderReduced Kind = 9
	// OrderRefundDue notes a payment that came after the order had ended.
	OrderRefundDue Kind = 10
)

var kindNames = [...]string{
	OrderPlaced:    "order_placed",
	OrderConfirmed: "order_confirmed",
	OrderCancelled: "order_cancelled",
	OrderExpired:   "order_expired",
	StockAdjusted:  "stock_adjusted",
	OrderFulfilled: "order_fulfilled",
	OrderReturned:  "order_returned",
	OrderExtended:  "order_extended",
	OrderReduced:   "order_reduced",
	OrderRefundDue: "order_refund_due",
}

// Valid reports whether the kind is known.
func (k Kind) Valid() bool { return k >= OrderPlaced && k <= OrderRefundDue }

// String returns the name of the kind as `journal dump` prints it.
func (k Kind) String() string {
	if k.Valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind_%d", uint8(k))
}

// OfOrder reports whether the kind is about an order.
func (k Kind) OfOrder() bool { return k.Valid() && k != StockAdjusted }

// HasKey reports whether events of the kind carry an idempotency key.
func (k Kind) HasKey() bool {
	return k == OrderPlaced || k == StockAdjusted || k == OrderFulfilled || k == OrderReturned
}

// HasLines reports whether events of the kind name products.
func (k Kind) HasLines() bool { return k.Valid() && k != OrderExtended && k != OrderRefundDue }

// Fingerprint is the first 16 bytes of a SHA-256.
type Fingerprint [16]byte

// FingerprintOf returns the fingerprint of data.
func FingerprintOf(data []byte) Fingerprint {
	sum := sha256.Sum256(data)
	return Fingerprint(sum[:16])
}

// Line is one product of an order, or the product that an event is about.
type Line struct {
	ProductID ID
	// Quantity is units: in an order those that it has now, in an event those that
	// the event moves. It is negative only in StockAdjusted. A line of zero moves
	// nothing: all of it was dropped or released.
	Quantity int64
	// Price is of one unit, in minor units of the order's currency, and SKU is the
	// product's at the time of the order. Both are set in OrderPlaced only.
	Price int64
	SKU   string
	// StockVersion is the product's stock version after the order was placed. It
	// is folded, never recorded.
	StockVersion uint64
	// Dropped is the units that were asked for and not placed, because of DroppedFor.
	Dropped    int32
	DroppedFor DropReason
	// Released, Shipped and Returned are units, folded from later events: Released
	// are no longer in Quantity, Shipped and Returned are.
	Released, Shipped, Returned int32
}

// Event is one fact. Kind says which of the fields are used:
//
//	all            Kind, At, By, Lines (the products that it moves, ascending by ID)
//	order kinds    Order, Customer
//	OrderPlaced    ExpiresAt, Currency, Key, Body
//	OrderCancelled From
//	OrderReduced   From
//	OrderFulfilled To, Key, Body
//	OrderReturned  To, Restock, Key, Body
//	OrderExtended  ExpiresAt; no lines
//	OrderRefundDue Amount; no lines
//	StockAdjusted  Reason, Note, Key, Body; one line, or without a key several
type Event struct {
	Kind Kind
	// At is when it was decided.
	At Instant
	// By is the account that caused it; zero is the engine itself.
	By ID

	Order    ID
	Customer ID
	// ExpiresAt is when the hold ends.
	ExpiresAt Instant
	Currency  Currency
	// From is the state that a cancelled or reduced order had, To the one that a
	// fulfilled or returned order has after the event.
	From, To State
	// Restock says that returned units can be sold again; otherwise they are
	// written off.
	Restock bool
	// Amount is money to be paid back, in minor units of the order's currency.
	Amount int64

	Reason, Note string

	// Key is the fingerprint of caller, route and idempotency key; Body is that of
	// the request's body. A zero Key means that the request had none.
	Key, Body Fingerprint

	Lines []Line
}

// Moves yields the lines that move stock: those that are not of zero units.
func (e *Event) Moves() iter.Seq2[int, *Line] {
	return func(yield func(int, *Line) bool) {
		for i := range e.Lines {
			if e.Lines[i].Quantity != 0 && !yield(i, &e.Lines[i]) {
				return
			}
		}
	}
}

// Takes reports whether the event lowers what can be sold. Such an event takes its
// units from the product before it is recorded, every other one gives or moves
// them after.
func (e *Event) Takes() bool {
	return e.Kind == OrderPlaced || e.Kind == StockAdjusted && len(e.Lines) > 0 && e.Lines[0].Quantity < 0
}

// EndsHold reports whether the lines of the event are no longer held by an unpaid
// order after it.
func (e *Event) EndsHold() bool {
	switch e.Kind {
	case OrderConfirmed, OrderExpired:
		return true
	case OrderCancelled, OrderReduced:
		return e.From == Reserved
	}
	return false
}

// ErrBound is wrapped by [Event.Check].
var ErrBound = errors.New("a value is beyond its bound")

// Check returns an error that wraps [ErrBound] when a value of the event is beyond
// what a record may carry.
func (e *Event) Check() error {
	switch {
	case len(e.Reason) > ReasonBytesMax || len(e.Note) > NoteBytesMax:
		return fmt.Errorf("%w: a reason has at most %d bytes, a note %d", ErrBound, ReasonBytesMax, NoteBytesMax)
	case e.Kind.HasLines() && (len(e.Lines) == 0 || len(e.Lines) > OrderLinesMax):
		return fmt.Errorf("%w: between 1 and %d products", ErrBound, OrderLinesMax)
	case e.Amount < 0:
		return fmt.Errorf("%w: an amount is not negative", ErrBound)
	}
	for i := range e.Lines {
		line := &e.Lines[i]
		if line.Quantity > StockQuantityMax || line.Quantity < -StockQuantityMax {
			return fmt.Errorf("%w: a quantity is at most %d", ErrBound, int64(StockQuantityMax))
		}
		if e.Kind == OrderPlaced && (line.Price < 0 || line.Price > PriceMinorMax || len(line.SKU) > SKUBytesMax) {
			return fmt.Errorf("%w: price or SKU of product %s", ErrBound, line.ProductID)
		}
	}
	return nil
}
