package inventory

import "fmt"

// Kind says what happened. The numbers are in the journal: never reuse one.
type Kind uint8

// The kinds of events. Zero is invalid, so that zeroed bytes decode to nothing.
const (
	OrderPlaced    Kind = 1
	OrderConfirmed Kind = 2
	OrderCancelled Kind = 3
	OrderExpired   Kind = 4
	StockAdjusted  Kind = 5
)

var kindNames = map[Kind]string{
	OrderPlaced:    "order_placed",
	OrderConfirmed: "order_confirmed",
	OrderCancelled: "order_cancelled",
	OrderExpired:   "order_expired",
	StockAdjusted:  "stock_adjusted",
}

// String returns the name of the kind as `journal dump` prints it.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind_%d", uint8(k))
}

// OfOrder reports whether the kind is about an order.
func (k Kind) OfOrder() bool { return k >= OrderPlaced && k <= OrderExpired }

// Fingerprint is the first 16 bytes of a SHA-256.
type Fingerprint [16]byte

// Line is one product of an order, or the product that an event is about.
type Line struct {
	ProductID ID
	// Quantity is units: positive in orders, of either sign in StockAdjusted.
	Quantity int64
	// Price is of one unit, in minor units of the order's currency, and SKU is the
	// product's at the time of the order. Both are set in OrderPlaced only.
	Price int64
	SKU   string
	// StockVersion is the product's stock version after the order was placed. It
	// is folded, never recorded.
	StockVersion uint64
}

// Event is one fact. Kind says which of the fields are used:
//
//	all            Kind, At, By, Lines (the products that it moves, ascending by ID)
//	OrderPlaced    Order, Customer, ExpiresAt, Currency, Key, Body
//	OrderConfirmed Order, Customer
//	OrderCancelled Order, Customer, From
//	OrderExpired   Order, Customer
//	StockAdjusted  Reason, Note, Key, Body; one line
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
	// From is the state that a cancelled order left.
	From State

	Reason, Note string

	// Key is the fingerprint of caller, route and idempotency key; Body is that of
	// the request's body. A zero Key means that the request had none.
	Key, Body Fingerprint

	Lines []Line
}
