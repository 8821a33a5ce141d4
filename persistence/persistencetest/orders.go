package persistencetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// testOrdersPaging reads every combination of filters to the end, in pages of
// sizes that take turns, and compares it with a selection in memory.
func testOrdersPaging(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(11, 6)
	history.CreateProducts(t, store)
	history.Grow(500)
	projectTo(t, store, history, 500)
	all := history.Model(500).newestFirst()
	requireVariety(t, all)

	customers := append([]inventory.ID{{}, {1}}, history.customers...)
	products := []inventory.ID{{}, {1}, history.Products[0].ID, history.Products[1].ID, history.Products[5].ID}
	states := append([]inventory.State{0}, inventory.States()...)
	// Four sizes and nine states: every state meets every size.
	sizes, combination := []int{1, 2, 7, len(all) + 1}, 0
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
				filter.Limit = sizes[combination%len(sizes)]
				require.Equal(t, want, pagesOfOrders(t, store, filter), "%+v", filter)
				combination++
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

// requireVariety fails the test when a history is too tame to prove anything.
func requireVariety(t *testing.T, orders []inventory.Order) {
	seen := make(map[string]bool)
	for _, order := range orders {
		seen[order.State.String()] = true
		seen["several lines"] = seen["several lines"] || len(order.Lines) > 1
		seen["extended"] = seen["extended"] || order.Extended
		seen["refund due"] = seen["refund due"] || order.RefundDue > 0
		for _, line := range order.Lines {
			seen["dropped in part"] = seen["dropped in part"] || line.Dropped > 0 && line.Quantity > 0
			seen["dropped"] = seen["dropped"] || line.Dropped > 0 && line.StockVersion == 0
			seen["released in part"] = seen["released in part"] || line.Released > 0 && line.Quantity > 0
			seen["released"] = seen["released"] || line.Released > 0 && line.Quantity == 0
			seen["shipped in part"] = seen["shipped in part"] || line.Shipped > 0 && int64(line.Shipped) < line.Quantity
			seen["returned in part"] = seen["returned in part"] || line.Returned > 0 && line.Returned < line.Shipped
		}
	}
	for name, found := range seen {
		require.True(t, found, "no order of the history is %s", name)
	}
	require.Len(t, seen, len(inventory.States())+9)
}

func selects(filter *persistence.OrderFilter, order *inventory.Order) bool {
	hasProduct := filter.Product.IsZero()
	for _, line := range order.Lines {
		hasProduct = hasProduct || line.ProductID == filter.Product
	}
	return hasProduct && (filter.Customer.IsZero() || filter.Customer == order.Customer) &&
		(filter.State == 0 || filter.State == order.State)
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
