package persistence

import (
	"context"
	"errors"

	"holdfast/inventory"
)

// Errors of a [Store].
var (
	// ErrNotFound is returned when there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists is returned when a unique value (an email address, a SKU, a name
	// of an API key) is taken.
	ErrExists = errors.New("already exists")
	// ErrVersion is returned when a row has another version than the expected one.
	ErrVersion = errors.New("version conflict")
	// ErrPositionMoved is returned by Project when the stored position is not the
	// expected one. Read it again.
	ErrPositionMoved = errors.New("the projection's position has moved")
)

// Role says what an account may do.
type Role string

// The roles, from the least to the most powerful.
const (
	RoleCustomer Role = "customer"
	RoleService  Role = "service"
	RoleAdmin    Role = "admin"
)

// APIKey is a credential of a machine account. Only its hash is stored.
type APIKey struct {
	ID   inventory.ID
	Name string
	Role Role
	// Hash is the SHA-256 of the key.
	Hash      [32]byte
	CreatedAt inventory.Instant
}

// CatalogueProduct is a catalogue row.
type CatalogueProduct struct {
	inventory.Product
	Description string
	// OpeningStock is what the opening receipt brings. A start issues the receipt
	// when the journal does not have it.
	OpeningStock int64
	// Version is the optimistic version of the row, from 1.
	Version              int64
	CreatedAt, UpdatedAt inventory.Instant
}

// Record is one durable event.
type Record struct {
	Sequence uint64
	Event    inventory.Event
}

// IdempotencyKey says what a key was used for.
type IdempotencyKey struct {
	Key, Body inventory.Fingerprint
	// Kind is one with keys; Subject is the order, or the product of a StockAdjusted.
	Kind    inventory.Kind
	Subject inventory.ID
	// At is when the record was decided.
	At inventory.Instant
}

// OrderFilter selects orders, newest first.
type OrderFilter struct {
	// Customer selects one customer's orders; zero selects everyone's.
	Customer inventory.ID
	// State selects one state; zero selects all.
	State inventory.State
	// Product selects the orders with a line of the product; zero selects all.
	Product inventory.ID
	// Whole lets the engine answer with all that SQL has, or not at all: what it has in
	// memory is no answer while SQL is away. A Store has nothing else.
	Whole bool
	// Before selects IDs below it; zero starts at the newest.
	Before inventory.ID
	// Limit is the most orders to return.
	Limit int
}

// ProductFilter selects products in an order.
type ProductFilter struct {
	// Category selects one category; empty selects all.
	Category string
	// Terms selects products that have all of them, at most [SearchTermsMax]; none selects
	// all.
	Terms []SearchTerm
	Order ProductOrder
	// After selects products behind a place; [ProductOrder.Start] and the zero place start
	// at the first.
	After Place
	// Limit is the most products to return.
	Limit int
}

// Start returns the place that the products are behind.
func (f *ProductFilter) Start() Place {
	if f.After == (Place{}) {
		return f.Order.Start()
	}
	return f.After
}

// MovementFilter selects movements of one product, newest first.
type MovementFilter struct {
	Product inventory.ID
	// Before selects stock versions below it; zero starts at the newest.
	Before uint64
	// Limit is the most movements to return.
	Limit int
}

// Ledger is the part of a [Store] that reads the movements that the projection wrote.
type Ledger interface {
	// Movements lists a product's movements, newest first.
	Movements(ctx context.Context, filter MovementFilter) ([]Movement, error)
	// StockAt returns what a product had on hand, reserved and committed once all its
	// movements of until at were made, and as Version that of the last of them; none makes
	// the zero Stock. It takes a time in proportion to the movements that are kept. When
	// some were deleted, and the oldest that is kept is of later, that is ErrNotFound.
	StockAt(ctx context.Context, product inventory.ID, at inventory.Instant) (inventory.Stock, error)
}

// Projection is the part of a [Store] that follows the journal.
type Projection interface {
	// Position returns where the projection stands; the zero Position before the
	// first Project.
	Position(ctx context.Context) (Position, error)
	// Project applies records, which are the contiguous run (from, to], and moves
	// the position from from to to, all in one transaction. It may take as long as ctx
	// lets it, and fails with context.DeadlineExceeded in the error's chain when the
	// run, or the store's own bound, took longer.
	Project(ctx context.Context, from, to Position, records []Record) error
}

// Store keeps accounts and catalogue, and the projection of stock and orders.
type Store interface {
	Projection
	Ledger

	// EachProduct calls visit for every product, deleted ones included, with its
	// projected stock (Safety filled in).
	EachProduct(ctx context.Context, visit func(CatalogueProduct, inventory.Stock) error) error
	// EachSale calls visit for every product, deleted ones included, with what a start needs
	// of it: its rules, the units of its opening receipt, and its projected stock (Safety
	// filled in). It reads less than EachProduct, so a start with many products is shorter.
	EachSale(ctx context.Context, visit func(product inventory.Product, opening int64, stock inventory.Stock) error) error
	// EachReservedOrder calls visit for every order in state Reserved.
	EachReservedOrder(ctx context.Context, visit func(inventory.Order) error) error
	// EachKey calls visit for every idempotency key that was used, or whose order was
	// last changed, at or after since, and for those whose order is not settled; but not
	// for those of opening receipts, whose key is their product's ID: that they were issued
	// is told by the product's stock, and there are as many of them as products.
	EachKey(ctx context.Context, since inventory.Instant, visit func(IdempotencyKey) error) error
	// PurgeKeys deletes keys that were used before since and that [EachKey] with the same
	// since does not visit, at most limit of them, and returns how many. A call goes on
	// where the one before it stopped and may look at a part of the keys only, so fewer than
	// limit does not mean that none is left: it is called again and again, for ever.
	PurgeKeys(ctx context.Context, since inventory.Instant, limit int) (int, error)
	// PurgeOrders deletes settled orders that were last changed before a moment, with
	// their lines and keys, but none that counts towards a limit: [EachPurchase] visits
	// the same before and after. It deletes at most limit orders, and no further one once
	// limit lines are deleted, and returns how many. at is where the projection stands;
	// when it stands elsewhere, that is ErrPositionMoved and nothing is deleted.
	//
	// The caller knows that no record continues such an order which is not projected at
	// at, nor ever will, and that no key is remembered whose order was last changed before
	// the moment. Like [Store.PurgeKeys] it is called again and again.
	PurgeOrders(ctx context.Context, at Position, before inventory.Instant, limit int) (int, error)
	// PurgedBefore returns the latest moment that PurgeOrders has deleted orders for: an
	// order that was last changed before it, and is not there, may have been. It is zero
	// when none ever was.
	PurgedBefore(ctx context.Context) (inventory.Instant, error)
	// PurgeMovements deletes movements of before a moment, at most limit of them, and
	// returns how many. Of every product it leaves the newest, and all from the first one
	// on that is not older, so that what is left joins without a gap. Like
	// [Store.PurgeKeys] it is called again and again.
	PurgeMovements(ctx context.Context, before inventory.Instant, limit int) (int, error)
	// EachPurchase calls visit for every product with a limit per customer and every
	// customer, with the units that count towards it: those of orders that were
	// placed at or after the start of the sale and are neither cancelled nor expired.
	EachPurchase(ctx context.Context, visit func(product, customer inventory.ID, units int64) error) error
	// PurchasesOf is EachPurchase for one product, with a limit or without, and orders that
	// were placed at or after since. It returns the sequence of the last record that it has
	// counted.
	PurchasesOf(ctx context.Context, product inventory.ID, since inventory.Instant, visit func(customer inventory.ID, units int64) error) (uint64, error)

	// OrderByID, Orders and KeyByFingerprint read the projection.
	OrderByID(ctx context.Context, id inventory.ID) (inventory.Order, error)
	Orders(ctx context.Context, filter OrderFilter) ([]inventory.Order, error)
	KeyByFingerprint(ctx context.Context, key inventory.Fingerprint) (IdempotencyKey, error)

	// CreateProducts inserts products with Version 1, all or none; ErrExists when a
	// SKU is taken.
	CreateProducts(ctx context.Context, products ...CatalogueProduct) error
	// UpdateProduct replaces all of the product's row but CreatedAt and OpeningStock,
	// if its version is product.Version - 1: else ErrVersion; ErrNotFound when there
	// is none, ErrExists when the SKU is taken.
	// Entries are appended to the record with it.
	UpdateProduct(ctx context.Context, product CatalogueProduct, audit ...AuditEntry) error
	// ProductByID returns a product that is not deleted, or ErrNotFound.
	ProductByID(ctx context.Context, id inventory.ID) (CatalogueProduct, error)
	// AnyProductByID returns a product, deleted or not, or ErrNotFound. It waits for a change
	// of the row that is being committed, also one of which the caller had no answer: so
	// what it returns does not change without another change.
	AnyProductByID(ctx context.Context, id inventory.ID) (CatalogueProduct, error)
	// Products lists products that are not deleted.
	Products(ctx context.Context, filter ProductFilter) ([]CatalogueProduct, error)

	Users
	Sessions
	Audit

	// CreateAPIKey inserts a key, and appends the entry to the record; ErrExists when the
	// name is taken.
	CreateAPIKey(ctx context.Context, key APIKey, audit AuditEntry) error
	APIKeyByHash(ctx context.Context, hash [32]byte) (APIKey, error)
	// APIKeys lists all keys, ascending by name.
	APIKeys(ctx context.Context) ([]APIKey, error)
	// DeleteAPIKey deletes a key, or returns ErrNotFound.
	DeleteAPIKey(ctx context.Context, id inventory.ID, audit AuditEntry) error

	// Ping returns an error when the store cannot answer.
	Ping(ctx context.Context) error
	Close() error
}
