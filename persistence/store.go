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

// User is an account of a person.
type User struct {
	ID    inventory.ID
	Email string
	Name  string
	Role  Role
	// PasswordHash is a PHC string; empty means that no password opens the account.
	PasswordHash string
	Disabled     bool
	CreatedAt    inventory.Instant
}

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
	Name, Description, Category string
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
	// Before selects IDs below it; zero starts at the newest.
	Before inventory.ID
	// Limit is the most orders to return.
	Limit int
}

// ProductFilter selects products, ascending by ID.
type ProductFilter struct {
	// Category selects one category; empty selects all.
	Category string
	// After selects IDs above it; zero starts at the first.
	After inventory.ID
	// Limit is the most products to return.
	Limit int
}

// MovementFilter selects movements of one product, newest first.
type MovementFilter struct {
	Product inventory.ID
	// Before selects stock versions below it; zero starts at the newest.
	Before uint64
	// Limit is the most movements to return.
	Limit int
}

// Ledger reads the movements that the projection wrote. Every [Store] is one.
type Ledger interface {
	// Movements lists a product's movements, newest first.
	Movements(ctx context.Context, filter MovementFilter) ([]Movement, error)
}

// Projection is the part of a [Store] that follows the journal.
type Projection interface {
	// Position returns where the projection stands; the zero Position before the
	// first Project.
	Position(ctx context.Context) (Position, error)
	// Project applies records, which are the contiguous run (from, to], and moves
	// the position from from to to, all in one transaction.
	Project(ctx context.Context, from, to Position, records []Record) error
}

// Store keeps accounts and catalogue, and the projection of stock and orders.
type Store interface {
	Projection

	// EachProduct calls visit for every product, deleted ones included, with its
	// projected stock (Safety filled in).
	EachProduct(ctx context.Context, visit func(CatalogueProduct, inventory.Stock) error) error
	// EachReservedOrder calls visit for every order in state Reserved.
	EachReservedOrder(ctx context.Context, visit func(inventory.Order) error) error
	// EachKey calls visit for every idempotency key that was used, or whose order was
	// last changed, at or after since, and for those whose order is not settled.
	EachKey(ctx context.Context, since inventory.Instant, visit func(IdempotencyKey) error) error
	// PurgeKeys deletes keys that [EachKey] with the same since does not visit, at
	// most limit of them, and returns how many. A call goes on where the one before
	// it stopped and may look at a part of the keys only, so fewer than limit does
	// not mean that none is left: it is called again and again, for ever.
	PurgeKeys(ctx context.Context, since inventory.Instant, limit int) (int, error)
	// EachPurchase calls visit for every product with a limit per customer and every
	// customer, with the units that count towards it: those of orders that were
	// placed at or after the start of the sale and are neither cancelled nor expired.
	EachPurchase(ctx context.Context, visit func(product, customer inventory.ID, units int64) error) error

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
	UpdateProduct(ctx context.Context, product CatalogueProduct) error
	// ProductByID returns a product that is not deleted, or ErrNotFound.
	ProductByID(ctx context.Context, id inventory.ID) (CatalogueProduct, error)
	// Products lists products that are not deleted.
	Products(ctx context.Context, filter ProductFilter) ([]CatalogueProduct, error)

	// CreateUsers inserts accounts, all or none; ErrExists when an address is
	// taken. Addresses are compared in lower case.
	CreateUsers(ctx context.Context, users []User) error
	UserByEmail(ctx context.Context, email string) (User, error)
	UserByID(ctx context.Context, id inventory.ID) (User, error)
	// SetUserRole changes the role of the account with that address.
	SetUserRole(ctx context.Context, email string, role Role) error

	// CreateAPIKey inserts a key; ErrExists when the name is taken.
	CreateAPIKey(ctx context.Context, key APIKey) error
	APIKeyByHash(ctx context.Context, hash [32]byte) (APIKey, error)

	// Ping returns an error when the store cannot answer.
	Ping(ctx context.Context) error
	Close() error
}
