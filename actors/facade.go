package actors

import (
	"context"

	"holdfast/inventory"
	"holdfast/persistence"
)

// PlaceOrder asks for units of products. Key and Body are fingerprints of the
// caller's idempotency key and of the request's body; a key is one caller's and one
// route's, so that no two customers have the same. Once it is answered, also when
// that was for want of time, the engine has nothing of it any more.
type PlaceOrder struct {
	Customer  inventory.ID
	Key, Body inventory.Fingerprint
	// BodyText, when there is any, is what Body is the fingerprint of: it is made when
	// the order is tried, and not for one that is refused before.
	BodyText []byte
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
	// Key had made the change before. Changes whose events carry no key need none to be
	// repeated: theirs is ignored.
	ChangeOrder(request *ChangeOrder) (OrderReply, inventory.Refusal)
	AdjustStock(request *AdjustStock) (StockReply, inventory.Refusal)

	// Order returns an order of owner (zero: anyone's) with all that is durable.
	Order(ctx context.Context, id, owner inventory.ID) (inventory.Order, inventory.Refusal)
	// OrderByKey returns what the caller placed with the key.
	OrderByKey(ctx context.Context, customer inventory.ID, key inventory.Fingerprint) (inventory.Order, inventory.Refusal)
	// Orders lists orders, newest first, with all that is durable.
	Orders(ctx context.Context, filter persistence.OrderFilter) ([]inventory.Order, inventory.Refusal)
	// CatchUp returns when the database has all that is durable now, or refuses with
	// store_unavailable.
	CatchUp(ctx context.Context) inventory.Refusal

	// Stock returns the durable stock of a product from memory.
	Stock(product inventory.ID) (inventory.Stock, bool)
	// Sale returns the rules of a product that are in force, which nobody may change, and
	// its durable stock, from memory. It takes nothing that an order waits for.
	Sale(product inventory.ID) (*inventory.Product, inventory.Stock, bool)
	// Epoch orders the stock versions of this engine after those of the engines before
	// it: a pair of epoch and version that is greater is the later one.
	Epoch() uint32
	// WatchCustomer lets [Options].OrderNews be told of the orders of a customer, until
	// UnwatchCustomer was called as often: of every state that becomes durable after it has
	// returned, once. So whoever reads the orders then, and takes of the states of an order
	// the one of the greatest sequence, misses none. Both are for few customers among many.
	WatchCustomer(customer inventory.ID)
	UnwatchCustomer(customer inventory.ID)
	// AddProduct puts a product that the store has just created on sale, and
	// returns when its opening receipt is durable.
	AddProduct(product persistence.CatalogueProduct) inventory.Refusal

	// SetProduct puts new rules of a product in force: price, window, limit, pause, deletion.
	// Orders that were tried before may still be placed by the old ones. For a limit that is
	// new, or counts from another start of the sale, what was bought is counted first, as far
	// as orders are still kept: that may take half a minute and needs the database, and
	// refuses with store_unavailable without it. Orders of the product
	// that are being decided at its end are refused, to be sent again.
	SetProduct(product inventory.Product) inventory.Refusal

	// EachProduct calls visit with the rules in force of every product, deleted ones
	// included, which nobody may change, in any order, until it returns false. Products that
	// are added meanwhile may be missing.
	EachProduct(visit func(rules *inventory.Product) bool)
	// RulesSince returns the products whose rules have changed after a revision: those that
	// were created, edited, paused, deleted or restored, each as often as it was, and the
	// revision of now. At 0 there was no product. Whoever reads the rules after it, and asks
	// again with now, misses no change. When complete is false there were too many changes,
	// or the revision is of another engine: then all products are to be read again, after
	// the call.
	RulesSince(revision uint64) (changed []inventory.ID, now uint64, complete bool)

	// Ready returns nil when orders are accepted, or the reason why not.
	Ready() error
	// Oversold counts the products of whose durable stock more is promised than there is, or
	// whose quantities are negative: it must be 0. A call looks at so many products that it
	// takes a few milliseconds; of the others it tells what an earlier one has found.
	Oversold() int64
	// Projection tells how the database follows the journal.
	Projection() ProjectionState
}
