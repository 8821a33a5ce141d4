package actors

import (
	"context"

	"holdfast/inventory"
	"holdfast/persistence"
)

// PlaceOrder asks for units of products. Key and Body are fingerprints of the
// caller's idempotency key and of the request's body.
type PlaceOrder struct {
	Customer  inventory.ID
	Key, Body inventory.Fingerprint
	// Lines name ProductID and Quantity; the engine prices them.
	Lines []inventory.Line
	// Partial says that fewer units are welcome: what there is not is dropped, and
	// the order says so line by line.
	Partial bool
}

// OrderReply is a durable order. Replayed means that the key had been used for it before.
type OrderReply struct {
	Order    inventory.Order
	Replayed bool
}

// ChangeOrder asks for a change of an order. Owner, when not zero, is the customer
// that the order must belong to; another's order is not_found. Change.SaleEndsAt is
// the engine's to fill.
type ChangeOrder struct {
	Order, Owner inventory.ID
	inventory.Change
}

// AdjustStock adds Delta units to a product's stock, or takes them when negative.
type AdjustStock struct {
	Product, Caller inventory.ID
	Delta           int64
	Reason, Note    string
	Key, Body       inventory.Fingerprint
}

// StockReply is the durable stock after a change.
type StockReply struct {
	Stock    inventory.Stock
	Replayed bool
}

// Facade is what the engine offers to its front ends. Every method answers
// within the engine's request timeout, AdjustStock and AddProduct within twice that
// while the product's opening receipt is not recorded. A zero Refusal means that it
// was done, and is durable. CodeUnknownOutcome means that the request may still take
// effect: repeat it with the same key.
type Facade interface {
	PlaceOrder(request *PlaceOrder) (OrderReply, inventory.Refusal)
	// ChangeOrder returns the order as it is after the change. Replayed means that
	// Key had made the change before.
	ChangeOrder(request *ChangeOrder) (OrderReply, inventory.Refusal)
	AdjustStock(request *AdjustStock) (StockReply, inventory.Refusal)

	// Order returns an order of owner (zero: anyone's) with all that is durable.
	Order(ctx context.Context, id, owner inventory.ID) (inventory.Order, inventory.Refusal)
	// OrderByKey returns what the caller placed with the key.
	OrderByKey(ctx context.Context, customer inventory.ID, key inventory.Fingerprint) (inventory.Order, inventory.Refusal)
	// Orders lists orders, newest first, with all that is durable.
	Orders(ctx context.Context, filter persistence.OrderFilter) ([]inventory.Order, inventory.Refusal)

	// Stock returns the durable stock of a product from memory.
	Stock(product inventory.ID) (inventory.Stock, bool)
	// AddProduct puts a product that the store has just created on sale, and
	// returns when its opening receipt is durable.
	AddProduct(product persistence.CatalogueProduct) inventory.Refusal

	// SetProduct puts new rules of a product in force: price, window, pause, deletion.
	// Orders that were tried before may still be placed by the old ones. Rules that
	// introduce or lift a limit per customer, or move the start of a sale with a limit,
	// are refused with validation_failed: what was bought is not counted anew.
	SetProduct(product inventory.Product) inventory.Refusal

	// Ready returns nil when orders are accepted, or the reason why not.
	Ready() error
}
