package persistencetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// testOrdersPaging reads every combination of filters to the end, in pages of
// several sizes, and compares it with a selection in memory.
func testOrdersPaging(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(11, 6)
	history.CreateProducts(t, store)
	history.Grow(300)
	projectTo(t, store, history, 300)
	all := history.Model(300).newestFirst()

	customers := append([]inventory.ID{{}, {1}}, history.customers...)
	products := []inventory.ID{{}, {1}, history.Products[0].ID, history.Products[1].ID, history.Products[5].ID}
	states := []inventory.State{0, inventory.Reserved, inventory.Confirmed, inventory.Cancelled, inventory.Expired}
	for _, customer := range customers {
		for _, product := range products {
			for _, state := range states {
				filter := persistence.OrderFilter{Customer: customer, Product: product, State: state}
				var want []inventory.Order
				for _, order := range all {
					if selects(&filter, &order) {
						want = append(want, order)
					}
				}
				for _, filter.Limit = range []int{1, 7, len(all) + 1} {
					require.Equal(t, want, pagesOfOrders(t, store, filter), "%+v", filter)
				}
			}
		}
	}
	none, err := store.Orders(t.Context(), persistence.OrderFilter{})
	require.NoError(t, err)
	require.Empty(t, none)
	for _, want := range all {
		found, err := store.OrderByID(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
}

func selects(filter *persistence.OrderFilter, order *inventory.Order) bool {
	hasProduct := filter.Product.IsZero()
	for _, line := range order.Lines {
		hasProduct = hasProduct || line.ProductID == filter.Product
	}
	return hasProduct && (filter.Customer.IsZero() || filter.Customer == order.Customer) &&
		(filter.State == 0 || filter.State == order.State)
}

// testKeys looks keys up one by one and from several moments on.
func testKeys(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(13, 3)
	history.CreateProducts(t, store)
	history.Grow(200)
	projectTo(t, store, history, 200)
	model := history.Model(200)
	keys := model.keys
	require.NotEmpty(t, keys)
	moments := []inventory.Instant{0, history.at, history.at + 1}
	for _, want := range keys {
		found, err := store.KeyByFingerprint(t.Context(), want.Key)
		require.NoError(t, err)
		require.Equal(t, want, found)
		moments = append(moments, want.At)
	}
	_, err := store.KeyByFingerprint(t.Context(), inventory.Fingerprint{})
	require.ErrorIs(t, err, persistence.ErrNotFound, "a record without a key must not make one")
	for _, since := range moments {
		want := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
		for _, key := range keys {
			order := model.orders[key.Subject]
			if key.At >= since || order != nil && (!order.State.Final() || order.UpdatedAt >= since) {
				want[key.Key] = key
			}
		}
		found := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
		require.NoError(t, store.EachKey(t.Context(), since, func(key persistence.IdempotencyKey) error {
			found[key.Key] = key
			return nil
		}))
		require.Equal(t, want, found)
	}
}

// testLedger reads movements in pages of several sizes.
func testLedger(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(17, 3)
	history.CreateProducts(t, store)
	history.Grow(150)
	projectTo(t, store, history, 150)
	for _, product := range history.Products {
		want := history.Model(150).movements[product.ID]
		require.NotEmpty(t, want)
		for _, limit := range []int{1, 10, 1000} {
			found := movementsOf(t, store, product.ID, limit)
			require.Equal(t, len(want), len(found))
			for i := range found {
				require.Equal(t, want[len(want)-1-i], found[i])
			}
		}
	}
	none, err := ledger(t, store).Movements(t.Context(), persistence.MovementFilter{Product: inventory.ID{1}, Limit: 5})
	require.NoError(t, err)
	require.Empty(t, none)
}
