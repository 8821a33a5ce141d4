package persistencetest

import (
	"maps"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// RequireHistory fails the test unless all that a Store has is what the history
// has at the Store's position. It returns the position's sequence.
func RequireHistory(t require.TestingT, store persistence.Store, history *History) uint64 {
	position, err := store.Position(background)
	require.NoError(t, err)
	require.LessOrEqual(t, position.Sequence, uint64(len(history.Records)))
	require.Equal(t, positionAt(position.Sequence), position)
	requireModel(t, store, history.Model(position.Sequence))
	return position.Sequence
}

// RequireModel fails the test unless all that a Store has is what the model has: products,
// stock, movements, orders with their lines, purchases and keys, with all columns.
func RequireModel(t require.TestingT, store persistence.Store, m *Model) {
	requireRows(t, store, m, pages{orders: 1_000, movements: 1_000})
}

// pages say how many rows are read at once.
type pages struct{ orders, movements int }

// requireModel is RequireModel with small pages.
func requireModel(t require.TestingT, store persistence.Store, m *Model) {
	requireRows(t, store, m, pages{orders: 50, movements: 7})
}

// requireRows compares every row that a Store can be asked for.
func requireRows(t require.TestingT, store persistence.Store, m *Model, p pages) {
	requireStocks(t, store, m, p)
	requireOrders(t, store, m, p)
	requirePurchases(t, store, m)
	keys := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
	require.NoError(t, store.EachKey(background, 0, func(key persistence.IdempotencyKey) error {
		_, twice := keys[key.Key]
		require.False(t, twice, "key %x is visited twice", key.Key)
		keys[key.Key] = key
		return nil
	}))
	require.Equal(t, m.startKeys(), keys)
	purgedBefore, err := store.PurgedBefore(background)
	require.NoError(t, err)
	require.Equal(t, m.purgedBefore, purgedBefore)
}

// requireStocks compares products, stock and ledger. The stock must also be what
// the orders hold (N3, N4), and the movements must join without a gap, from nothing on
// unless some were purged, up to the stock.
func requireStocks(t require.TestingT, store persistence.Store, m *Model, p pages) {
	reserved, committed, sold := make(map[inventory.ID]int64), make(map[inventory.ID]int64), maps.Clone(m.soldByPurged)
	for _, order := range m.placed {
		for _, line := range order.Lines {
			switch order.State {
			case inventory.Reserved:
				reserved[line.ProductID] += line.Quantity
			case inventory.Confirmed, inventory.PartiallyFulfilled:
				committed[line.ProductID] += line.Quantity - int64(line.Shipped)
			}
			switch order.State {
			case inventory.Reserved, inventory.Cancelled, inventory.Expired:
			default:
				sold[line.ProductID] += line.Quantity
			}
		}
	}
	visited := 0
	stocks := make(map[inventory.ID]inventory.Stock)
	require.NoError(t, store.EachProduct(background, func(product persistence.CatalogueProduct, stock inventory.Stock) error {
		visited++
		stocks[product.ID] = stock
		require.Equal(t, m.products[product.ID], product)
		want := m.stocks[product.ID]
		want.Safety = product.Safety
		require.Equal(t, want, stock)
		require.Equal(t, reserved[product.ID], stock.Reserved)
		require.Equal(t, committed[product.ID], stock.Committed)
		require.Equal(t, sold[product.ID], stock.Sold)
		return nil
	}))
	require.Equal(t, len(m.products), visited)
	require.NoError(t, store.EachSale(background, func(product inventory.Product, opening int64, stock inventory.Stock) error {
		visited--
		require.Equal(t, m.products[product.ID].Product, product)
		require.Equal(t, m.products[product.ID].OpeningStock, opening)
		require.Equal(t, stocks[product.ID], stock)
		return nil
	}))
	require.Zero(t, visited)
	for id := range m.products {
		found := movementsOf(t, store, id, p.movements)
		require.Equal(t, len(m.movements[id]), len(found))
		before := inventory.Stock{}
		if len(found) > 0 {
			before = found[len(found)-1].Before
			require.Equal(t, m.stocks[id].Version, found[0].After.Version, "the newest")
		}
		for i := range found {
			movement := found[len(found)-1-i]
			require.Equal(t, m.movements[id][i], movement)
			require.Equal(t, before, movement.Before)
			before = movement.After
		}
		requireStockAt(t, store, id, m.movements[id])
	}
}

// requireStockAt compares the stock of some moments with the sum of the movements of until
// then: of before all, of the first and the last one, and of one between.
func requireStockAt(t require.TestingT, store persistence.Store, product inventory.ID, movements []persistence.Movement) {
	moments := []inventory.Instant{0}
	if len(movements) > 0 {
		middle := movements[len(movements)/2].At
		moments = append(moments, movements[0].At, middle-1, middle, movements[len(movements)-1].At)
	}
	for _, at := range moments {
		want, wantErr := stockAt(movements, at)
		got, err := ledger(t, store).StockAt(background, product, at)
		require.ErrorIs(t, err, wantErr, "at %d", at)
		require.Equal(t, want, got, "at %d", at)
	}
}

// stockAt adds up movements that ascend by version.
func stockAt(movements []persistence.Movement, at inventory.Instant) (stock inventory.Stock, err error) {
	if len(movements) == 0 {
		return stock, nil
	}
	stock = movements[0].Before
	stock.Version = 0
	for i := range movements {
		if m := &movements[i]; m.At <= at {
			stock.OnHand += m.After.OnHand - m.Before.OnHand
			stock.Reserved += m.After.Reserved - m.Before.Reserved
			stock.Committed += m.After.Committed - m.Before.Committed
			stock.Version = m.After.Version
		}
	}
	if movements[0].After.Version > 1 && at < movements[0].At {
		return inventory.Stock{}, persistence.ErrNotFound
	}
	return stock, nil
}

// movementsOf reads the whole ledger of a product in pages, newest first.
func movementsOf(t require.TestingT, store persistence.Store, product inventory.ID, limit int) (all []persistence.Movement) {
	filter := persistence.MovementFilter{Product: product, Limit: limit}
	for {
		page, err := ledger(t, store).Movements(background, filter)
		require.NoError(t, err)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		require.NotEqual(t, filter.Before, page[len(page)-1].After.Version, "a page ends where the one before it did")
		filter.Before = page[len(page)-1].After.Version
	}
}

func requireOrders(t require.TestingT, store persistence.Store, m *Model, p pages) {
	want := m.newestFirst()
	found := pagesOfOrders(t, store, persistence.OrderFilter{Limit: p.orders})
	require.Equal(t, len(want), len(found))
	for i := range want {
		require.Equal(t, want[i], found[i])
	}
	reserved := make(map[inventory.ID]inventory.Order)
	require.NoError(t, store.EachReservedOrder(background, func(order inventory.Order) error {
		reserved[order.ID] = order
		return nil
	}))
	for _, order := range want {
		if order.State == inventory.Reserved {
			require.Equal(t, order, reserved[order.ID])
			delete(reserved, order.ID)
		}
	}
	require.Empty(t, reserved)
}

// pagesOfOrders reads a list to its end.
func pagesOfOrders(t require.TestingT, store persistence.Store, filter persistence.OrderFilter) (all []inventory.Order) {
	for {
		page, err := store.Orders(background, filter)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), filter.Limit)
		all = append(all, page...)
		if len(page) < filter.Limit {
			return all
		}
		require.NotEqual(t, filter.Before, page[len(page)-1].ID, "a page ends where the one before it did")
		filter.Before = page[len(page)-1].ID
	}
}

func requirePurchases(t require.TestingT, store persistence.Store, m *Model) {
	found := make(map[purchase]int64)
	require.NoError(t, store.EachPurchase(background, func(product, customer inventory.ID, units int64) error {
		require.NotContains(t, found, purchase{product, customer}, "a purchase is visited twice")
		found[purchase{product, customer}] = units
		return nil
	}))
	require.Equal(t, m.purchases(), found)
}
