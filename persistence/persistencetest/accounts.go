package persistencetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// newID returns the n-th identifier of a test.
func newID(n int) inventory.ID {
	return inventory.NewID(epoch.Add(inventory.Instant(n)*inventory.Millisecond), uint16(n), uint16(n), uint64(n))
}

func newUser(n int) persistence.User {
	return persistence.User{ID: newID(n), Email: fmt.Sprintf("user-%d@example.com", n), Name: fmt.Sprintf("Uşer %d", n),
		Role: persistence.RoleCustomer, PasswordHash: fmt.Sprintf("$argon2id$%d", n), CreatedAt: epoch.Add(inventory.Instant(n)), Version: 1}
}

func newAPIKey(n int) persistence.APIKey {
	return persistence.APIKey{ID: newID(n), Name: fmt.Sprintf("key %d", n), Role: persistence.RoleService,
		Hash: [32]byte{byte(n), byte(n >> 8), 31: 1}, CreatedAt: epoch.Add(inventory.Instant(n))}
}

func testUsers(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	user, disabled := newUser(1), newUser(2)
	user.Email = "Ada.Lovelace@Example.COM"
	disabled.Disabled, disabled.PasswordHash, disabled.Role = true, "", persistence.RoleAdmin
	require.NoError(t, store.CreateUsers(ctx, []persistence.User{user, disabled}))
	require.NoError(t, store.CreateUsers(ctx, nil))

	user.Email = "ada.lovelace@example.com"
	for _, email := range []string{"ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM"} {
		found, err := store.UserByEmail(ctx, email)
		require.NoError(t, err)
		require.Equal(t, user, found)
	}
	found, err := store.UserByID(ctx, disabled.ID)
	require.NoError(t, err)
	require.Equal(t, disabled, found)

	_, err = store.UserByEmail(ctx, "' OR 1=1 --")
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = store.UserByID(ctx, newID(9))
	require.ErrorIs(t, err, persistence.ErrNotFound)
}

// testUsersAllOrNone creates many accounts of which one is refused.
func testUsersAllOrNone(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	const many = 1000
	users := make([]persistence.User, many)
	for i := range users {
		users[i] = newUser(i)
	}
	require.NoError(t, store.CreateUsers(ctx, users))

	for _, place := range []int{0, many / 2, many - 1} {
		more := make([]persistence.User, many)
		for i := range more {
			more[i] = newUser(many + i)
		}
		more[place].Email = "USER-7@example.com"
		require.ErrorIs(t, store.CreateUsers(ctx, more), persistence.ErrExists)
		more[place].Email = more[(place+1)%many].Email
		require.ErrorIs(t, store.CreateUsers(ctx, more), persistence.ErrExists, "twice in one call")
		for i := range more {
			_, err := store.UserByID(ctx, more[i].ID)
			require.ErrorIs(t, err, persistence.ErrNotFound, "account %d of a refused call is there", i)
		}
	}
	found, err := store.UserByEmail(ctx, users[many-1].Email)
	require.NoError(t, err)
	require.Equal(t, users[many-1], found)
}

// testUsersEnsured makes accounts again and again: those that are there stay as they
// are, and an address of another account refuses all.
func testUsersEnsured(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	const many = 1000
	users := make([]persistence.User, many)
	for i := range users {
		users[i] = newUser(i)
	}
	ensure := func(want int, users ...persistence.User) {
		t.Helper()
		created, err := store.EnsureUsers(ctx, users)
		require.NoError(t, err)
		require.Equal(t, want, created)
	}
	ensure(0)
	ensure(many/2, users[:many/2]...)
	setRole(t, store, users[7].ID, persistence.RoleAdmin, epoch)
	ensure(many/2, users...)
	changed := users[8]
	changed.Name, changed.Email = "Another", "another@example.com"
	ensure(0, changed, users[9])
	ensure(1, newUser(many), newUser(many))
	users[7].Role, users[7].Version, users[7].ChangedAt = persistence.RoleAdmin, 2, epoch
	for i := range users {
		found, err := store.UserByID(ctx, users[i].ID)
		require.NoError(t, err)
		require.Equal(t, users[i], found)
	}

	fresh, taken := newUser(many+1), newUser(many+2)
	taken.Email = "USER-7@example.com"
	created, err := store.EnsureUsers(ctx, []persistence.User{fresh, taken})
	require.ErrorIs(t, err, persistence.ErrExists)
	require.Zero(t, created)
	_, err = store.UserByID(ctx, fresh.ID)
	require.ErrorIs(t, err, persistence.ErrNotFound, "an account of a refused call is there")
}

func testAPIKeys(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	key, made := newAPIKey(1), persistence.AuditEntry{Action: "key.create"}
	require.NoError(t, store.CreateAPIKey(ctx, key, made))
	sameName, sameHash, other := newAPIKey(2), newAPIKey(3), newAPIKey(4)
	sameName.Name, sameHash.Hash, other.Name = key.Name, key.Hash, "a first key"
	require.ErrorIs(t, store.CreateAPIKey(ctx, sameName, made), persistence.ErrExists)
	require.ErrorIs(t, store.CreateAPIKey(ctx, sameHash, made), persistence.ErrExists)
	found, err := store.APIKeyByHash(ctx, key.Hash)
	require.NoError(t, err)
	require.Equal(t, key, found)
	_, err = store.APIKeyByHash(ctx, sameName.Hash)
	require.ErrorIs(t, err, persistence.ErrNotFound)

	require.NoError(t, store.CreateAPIKey(ctx, other, made))
	keys, err := store.APIKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, []persistence.APIKey{other, key}, keys)
	require.NoError(t, store.DeleteAPIKey(ctx, key.ID, persistence.AuditEntry{Action: "key.delete"}))
	require.ErrorIs(t, store.DeleteAPIKey(ctx, key.ID, made), persistence.ErrNotFound)
	_, err = store.APIKeyByHash(ctx, key.Hash)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	requireActions(t, store, "key.delete", "key.create", "key.create")
}

// testVisitorsStop checks that an error of a visitor ends the visit and is
// returned, and that the Store can be used while it is being visited.
func testVisitorsStop(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	history := NewHistory(5, 4)
	history.CreateProducts(t, store)
	history.Grow(80)
	projectTo(t, store, history, 80)
	stop := errors.New("stop")
	visited := 0
	visit := func() error {
		visited++
		_, err := store.Products(ctx, persistence.ProductFilter{Limit: 1})
		return errors.Join(stop, err)
	}
	require.ErrorIs(t, store.EachProduct(ctx, func(persistence.CatalogueProduct, inventory.Stock) error { return visit() }), stop)
	require.ErrorIs(t, store.EachSale(ctx, func(inventory.Product, int64, inventory.Stock) error { return visit() }), stop)
	require.ErrorIs(t, store.EachReservedOrder(ctx, func(inventory.Order) error { return visit() }), stop)
	require.ErrorIs(t, store.EachKey(ctx, 0, func(persistence.IdempotencyKey) error { return visit() }), stop)
	require.ErrorIs(t, store.EachPurchase(ctx, func(_, _ inventory.ID, _ int64) error { return visit() }), stop)
	require.Equal(t, 5, visited)
	RequireHistory(t, store, history)
}
