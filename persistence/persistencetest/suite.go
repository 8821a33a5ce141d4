package persistencetest

import (
	"context"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Opener opens a Store on one place. Every call opens the same data.
type Opener func(ctx context.Context) (persistence.Store, error)

// Run runs the suite. newPlace makes an empty place and returns how to open it.
func Run(t *testing.T, newPlace func(t *testing.T) Opener) {
	tests := []struct {
		name string
		test func(*testing.T, Opener)
	}{
		{"Users", testUsers},
		{"UsersAllOrNone", testUsersAllOrNone},
		{"UsersEnsured", testUsersEnsured},
		{"ChangeUser", testChangeUser},
		{"SessionsOfAnOldAccount", testSessionsOfAnOldAccount},
		{"CreateUsersAtOnce", testCreateUsersAtOnce},
		{"ChangeUserAtOnce", testChangeUserAtOnce},
		{"ListUsers", testListUsers},
		{"FirstAdmin", testFirstAdmin},
		{"Audit", testAudit},
		{"AuditAtOnce", testAuditAtOnce},
		{"ChangedUsers", testChangedUsers},
		{"Sessions", testSessions},
		{"SessionsAreBounded", testSessionsAreBounded},
		{"SessionRotation", testSessionRotation},
		{"SessionsAreForgotten", testSessionsAreForgotten},
		{"APIKeys", testAPIKeys},
		{"Products", testProducts},
		{"ProductsAllOrNone", testProductsAllOrNone},
		{"ProductsPaging", testProductsPaging},
		{"Search", testSearch},
		{"DenseSearch", testDenseSearch},
		{"UpdateProduct", testUpdateProduct},
		{"UpdateProductRace", testUpdateProductRace},
		{"EachProduct", testEachProduct},
		{"Empty", testEmpty},
		{"ContextEnded", testContextEnded},
		{"VisitorsStop", testVisitorsStop},
		{"OrdersPaging", testOrdersPaging},
		{"Keys", testKeys},
		{"KeysOfOpenings", testKeysOfOpenings},
		{"KeysOfUnsettledOrders", testKeysOfUnsettledOrders},
		{"PurgeKeys", testPurgeKeys},
		{"PurgeOrders", testPurgeOrders},
		{"PurgeOrdersThatCount", testPurgeOrdersThatCount},
		{"PurgeOrdersOfEveryState", testPurgeOrdersOfEveryState},
		{"PurgeOrdersLines", testPurgeOrdersLines},
		{"PurgeOrdersPositionMoved", testPurgeOrdersPositionMoved},
		{"PurgeMovements", testPurgeMovements},
		{"PurgeMovementsOfThePast", testPurgeMovementsOfThePast},
		{"Purchases", testPurchases},
		{"Ledger", testLedger},
		{"ProjectionFollowsHistory", testProjectionFollowsHistory},
		{"ProjectionOfOneRun", testProjectionOfOneRun},
		{"ProjectionRefusesWhatCannotFollow", testProjectionRefuses},
		{"ProjectionRefusesUnitsThatAreNotThere", testProjectionRefusesUnits},
		{"ProjectionPositionMoved", testPositionMoved},
		{"ProjectionRace", testProjectionRace},
		{"ProjectionInterrupted", testProjectionInterrupted},
		{"ReadersSeeWholeTransactions", testReaders},
		{"Reopen", testReopen},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, newPlace(t)) })
	}
}

// open opens a Store that is closed when the test ends.
func open(t *testing.T, opener Opener) persistence.Store {
	t.Helper()
	store, err := opener(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// ledger returns the part of a Store that reads movements.
func ledger(t require.TestingT, store persistence.Store) persistence.Ledger {
	reader, ok := store.(persistence.Ledger)
	require.True(t, ok, "%T is not a persistence.Ledger", store)
	return reader
}

// epoch is when the tests begin: 2025-11-24.
const epoch = 1_764_000_000 * inventory.Second

// testEmpty asks a Store without rows for everything.
func testEmpty(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	require.NoError(t, store.Ping(ctx))
	position, err := store.Position(ctx)
	require.NoError(t, err)
	require.Equal(t, persistence.Position{}, position)

	_, err = store.OrderByID(ctx, inventory.ID{1})
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = store.KeyByFingerprint(ctx, inventory.Fingerprint{1})
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = store.ProductByID(ctx, inventory.ID{1})
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = store.UserByID(ctx, inventory.ID{1})
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = store.UserByEmail(ctx, "nobody@example.com")
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = store.APIKeyByHash(ctx, [32]byte{1})
	require.ErrorIs(t, err, persistence.ErrNotFound)

	orders, err := store.Orders(ctx, persistence.OrderFilter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, orders)
	products, err := store.Products(ctx, persistence.ProductFilter{Limit: 10})
	require.NoError(t, err)
	require.Empty(t, products)
	requireModel(t, store, NewModel(nil))
}

// calls names every method of a Store that takes a context.
func calls(t *testing.T, store persistence.Store) map[string]func(context.Context) error {
	all := accountCalls(store)
	maps.Copy(all, map[string]func(context.Context) error{
		"Ping":     store.Ping,
		"Position": func(ctx context.Context) error { _, err := store.Position(ctx); return err },
		"Project": func(ctx context.Context) error {
			return store.Project(ctx, persistence.Position{}, persistence.Position{Journal: inventory.ID{1}}, nil)
		},
		"EachProduct": func(ctx context.Context) error {
			return store.EachProduct(ctx, func(persistence.CatalogueProduct, inventory.Stock) error { return nil })
		},
		"EachSale": func(ctx context.Context) error {
			return store.EachSale(ctx, func(inventory.Product, int64, inventory.Stock) error { return nil })
		},
		"EachReservedOrder": func(ctx context.Context) error {
			return store.EachReservedOrder(ctx, func(inventory.Order) error { return nil })
		},
		"EachKey": func(ctx context.Context) error {
			return store.EachKey(ctx, 0, func(persistence.IdempotencyKey) error { return nil })
		},
		"OrderByID": func(ctx context.Context) error { _, err := store.OrderByID(ctx, inventory.ID{1}); return err },
		"Orders": func(ctx context.Context) error {
			_, err := store.Orders(ctx, persistence.OrderFilter{Limit: 1})
			return err
		},
		"KeyByFingerprint": func(ctx context.Context) error {
			_, err := store.KeyByFingerprint(ctx, inventory.Fingerprint{1})
			return err
		},
		"Movements": func(ctx context.Context) error {
			_, err := ledger(t, store).Movements(ctx, persistence.MovementFilter{Limit: 1})
			return err
		},
		"CreateProducts": func(ctx context.Context) error { return store.CreateProducts(ctx, newProduct(1)) },
		"UpdateProduct":  func(ctx context.Context) error { return store.UpdateProduct(ctx, newProduct(1)) },
		"PurgeKeys":      func(ctx context.Context) error { _, err := store.PurgeKeys(ctx, 1, 1); return err },
		"PurgeOrders": func(ctx context.Context) error {
			_, err := store.PurgeOrders(ctx, persistence.Position{}, 1, 1)
			return err
		},
		"PurgedBefore":   func(ctx context.Context) error { _, err := store.PurgedBefore(ctx); return err },
		"PurgeMovements": func(ctx context.Context) error { _, err := store.PurgeMovements(ctx, 1, 1); return err },
		"EachPurchase": func(ctx context.Context) error {
			return store.EachPurchase(ctx, func(_, _ inventory.ID, _ int64) error { return nil })
		},
		"PurchasesOf": func(ctx context.Context) error {
			_, err := store.PurchasesOf(ctx, newID(1), 0, func(inventory.ID, int64) error { return nil })
			return err
		},
		"AnyProductByID": func(ctx context.Context) error { _, err := store.AnyProductByID(ctx, inventory.ID{1}); return err },
		"ProductByID":    func(ctx context.Context) error { _, err := store.ProductByID(ctx, inventory.ID{1}); return err },
		"Products": func(ctx context.Context) error {
			_, err := store.Products(ctx, persistence.ProductFilter{Limit: 1})
			return err
		},
	})
	return all
}

// accountCalls are those about accounts and their sessions.
func accountCalls(store persistence.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"EnsureUsers": func(ctx context.Context) error {
			_, err := store.EnsureUsers(ctx, []persistence.User{newUser(1)})
			return err
		},
		"CreateUsers": func(ctx context.Context) error { return store.CreateUsers(ctx, []persistence.User{newUser(1)}) },
		"UserByEmail": func(ctx context.Context) error { _, err := store.UserByEmail(ctx, "a@example.com"); return err },
		"UserByID":    func(ctx context.Context) error { _, err := store.UserByID(ctx, inventory.ID{1}); return err },
		"ListUsers": func(ctx context.Context) error {
			_, err := store.ListUsers(ctx, persistence.UserFilter{Limit: 1})
			return err
		},
		"HasAdmin": func(ctx context.Context) error { _, err := store.HasAdmin(ctx); return err },
		"CreateFirstAdmin": func(ctx context.Context) error {
			return store.CreateFirstAdmin(ctx, newUser(1), persistence.AuditEntry{})
		},
		"ChangeUser": func(ctx context.Context) error {
			_, _, err := store.ChangeUser(ctx, newID(1), persistence.UserChange{Edit: func(*persistence.User) error { return nil }})
			return err
		},
		"AppendAudit": func(ctx context.Context) error { return store.AppendAudit(ctx, persistence.AuditEntry{}) },
		"AuditEntries": func(ctx context.Context) error {
			_, err := store.AuditEntries(ctx, persistence.AuditFilter{Limit: 1})
			return err
		},
		"EachAuditEntry": func(ctx context.Context) error {
			_, _, err := store.EachAuditEntry(ctx, func(persistence.AuditEntry) error { return nil })
			return err
		},
		"APIKeys":      func(ctx context.Context) error { _, err := store.APIKeys(ctx); return err },
		"DeleteAPIKey": func(ctx context.Context) error { return store.DeleteAPIKey(ctx, newID(1), persistence.AuditEntry{}) },
		"EachChangedUser": func(ctx context.Context) error {
			return store.EachChangedUser(ctx, 0, func(inventory.ID, int64, inventory.Instant) error { return nil })
		},
		"CreateSession": func(ctx context.Context) error {
			_, err := store.CreateSession(ctx, newSession(newID(1), 1))
			return err
		},
		"RotateSession": func(ctx context.Context) error {
			_, err := store.RotateSession(ctx, newID(1), 1, 1)
			return err
		},
		"EndSession":   func(ctx context.Context) error { return store.EndSession(ctx, newID(1), newID(1), 1) },
		"EndSessions":  func(ctx context.Context) error { _, err := store.EndSessions(ctx, newID(1), newID(1), 1); return err },
		"LiveSessions": func(ctx context.Context) error { _, err := store.LiveSessions(ctx, newID(1), 1); return err },
		"EachEndedSession": func(ctx context.Context) error {
			return store.EachEndedSession(ctx, 0, func(inventory.ID, inventory.Instant) error { return nil })
		},
		"CreateAPIKey": func(ctx context.Context) error {
			return store.CreateAPIKey(ctx, newAPIKey(1), persistence.AuditEntry{})
		},
		"APIKeyByHash": func(ctx context.Context) error { _, err := store.APIKeyByHash(ctx, [32]byte{1}); return err },
	}
}

// testContextEnded calls everything with a context that has ended: it must say
// so and leave nothing behind.
func testContextEnded(t *testing.T, opener Opener) {
	store := open(t, opener)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls(t, store) {
		require.ErrorIs(t, call(ended), context.Canceled, name)
	}
	requireModel(t, store, NewModel(nil))
	_, err := store.UserByID(t.Context(), newUser(1).ID)
	require.ErrorIs(t, err, persistence.ErrNotFound)
}

// testReopen closes a Store and finds everything in the next.
func testReopen(t *testing.T, opener Opener) {
	history := NewHistory(77, 5)
	first, err := opener(t.Context())
	require.NoError(t, err)
	history.CreateProducts(t, first)
	user, key := newUser(1), newAPIKey(1)
	require.NoError(t, first.CreateUsers(t.Context(), []persistence.User{user}))
	require.NoError(t, first.CreateAPIKey(t.Context(), key, persistence.AuditEntry{}))
	history.Grow(120)
	projectTo(t, first, history, 60)
	require.NoError(t, first.Close())

	second := open(t, opener)
	RequireHistory(t, second, history)
	found, err := second.UserByID(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, user, found)
	foundKey, err := second.APIKeyByHash(t.Context(), key.Hash)
	require.NoError(t, err)
	require.Equal(t, key, foundKey)
	projectTo(t, second, history, 120)
	RequireHistory(t, second, history)
}
