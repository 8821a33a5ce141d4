package persistencetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// eachPurchase collects what counts towards limits.
func eachPurchase(t require.TestingT, store persistence.Store) map[purchase]int64 {
	found := make(map[purchase]int64)
	require.NoError(t, store.EachPurchase(background, func(product, customer inventory.ID, units int64) error {
		found[purchase{product, customer}] = units
		return nil
	}))
	return found
}

// testPurgeOrders lets histories grow and their catalogues change, and purges from
// several moments on, a few orders at a time and all at once.
func testPurgeOrders(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	history := NewHistory(61, 4)
	history.CreateProducts(t, store)
	purged, spared := 0, 0
	for round := range 8 {
		from := len(history.Records)
		history.Grow(from + 60)
		projectTo(t, store, history, uint64(from+60))
		history.ChangeProduct(t, store)
		counted, stock := eachPurchase(t, store), stocksOf(t, store)
		moments := history.Model(uint64(len(history.Records))).moments()
		for _, at := range []int{len(moments) / 3, len(moments) * 3 / 4, len(moments) - 1} {
			purged += history.PurgeOrders(t, store, moments[at], 1+round%4*5)
			require.Equal(t, counted, eachPurchase(t, store), "what counts towards limits")
			require.Equal(t, stock, stocksOf(t, store))
			RequireHistory(t, store, history)
		}
		for _, order := range history.model.placed {
			if order.State.Settled() {
				spared++
			}
		}
	}
	require.Greater(t, purged, 50)
	require.Positive(t, spared, "some count towards limits")
	for _, limit := range []int{0, -1} {
		deleted, err := store.PurgeOrders(ctx, positionAt(uint64(len(history.Records))), history.at+1, limit)
		require.NoError(t, err)
		require.Zero(t, deleted, "a limit of %d", limit)
	}
}

// stocksOf returns the stock of every product.
func stocksOf(t require.TestingT, store persistence.Store) map[inventory.ID]inventory.Stock {
	stocks := make(map[inventory.ID]inventory.Stock)
	require.NoError(t, store.EachProduct(background, func(product persistence.CatalogueProduct, stock inventory.Stock) error {
		stocks[product.ID] = stock
		return nil
	}))
	return stocks
}

// ordersTest is a Store with products and the records that a test makes.
type ordersTest struct {
	t        *testing.T
	store    persistence.Store
	currency inventory.Currency
	sequence uint64
}

// newOrdersTest creates products and receives 1,000 units of each.
func newOrdersTest(t *testing.T, opener Opener, products ...persistence.CatalogueProduct) *ordersTest {
	test := &ordersTest{t: t, store: open(t, opener), currency: products[0].Price.Currency}
	require.NoError(t, test.store.CreateProducts(t.Context(), products...))
	for _, product := range products {
		test.sequence++
		test.projectRecord(receipt(test.sequence, product.ID, 1000))
	}
	return test
}

func (o *ordersTest) projectRecord(record persistence.Record) {
	require.NoError(o.t, o.store.Project(o.t.Context(), positionAt(record.Sequence-1), positionAt(record.Sequence), []persistence.Record{record}))
}

// happen projects an event of an order; at is counted from the epoch.
func (o *ordersTest) happen(kind inventory.Kind, order int, at inventory.Instant, change inventory.Event, lines ...inventory.Line) {
	change.Kind, change.Order, change.Customer, change.At = kind, newID(order), newID(999), epoch+at
	change.Currency, change.Lines = o.currency, lines
	o.sequence++
	if kind.HasKey() {
		change.Key = inventory.Fingerprint{byte(o.sequence)}
	}
	o.projectRecord(persistence.Record{Sequence: o.sequence, Event: change})
}

// purge purges all that is older than a day and returns which of the orders are left.
func (o *ordersTest) purge(orders ...int) (left []int) {
	for range 2 {
		_, err := o.store.PurgeOrders(o.t.Context(), positionAt(o.sequence), epoch+86_400*inventory.Second, 100)
		require.NoError(o.t, err)
	}
	for _, order := range orders {
		if _, err := o.store.OrderByID(o.t.Context(), newID(order)); err == nil {
			left = append(left, order)
		} else {
			require.ErrorIs(o.t, err, persistence.ErrNotFound)
		}
	}
	return left
}

// units is a line of some units of a product.
func units(product *persistence.CatalogueProduct, quantity int64) inventory.Line {
	return inventory.Line{ProductID: product.ID, Quantity: quantity}
}

// testPurgeOrdersOfEveryState makes an order in each state: those of which something is
// held or waits to be shipped stay, with their keys, however old they are.
func testPurgeOrdersOfEveryState(t *testing.T, opener Opener) {
	product := newProduct(1)
	o := newOrdersTest(t, opener, product)
	line, one, rest := units(&product, 2), units(&product, 1), units(&product, 1)
	orders := make([]int, 0, len(inventory.States()))
	for i := range inventory.States() {
		order := 10 + i
		orders = append(orders, order)
		o.happen(inventory.OrderPlaced, order, inventory.Instant(i), inventory.Event{}, line)
	}
	confirmed := []int{11, 12, 13, 14, 15}
	for _, order := range confirmed {
		o.happen(inventory.OrderConfirmed, order, 20, inventory.Event{}, line)
	}
	o.happen(inventory.OrderFulfilled, 12, 21, inventory.Event{To: inventory.PartiallyFulfilled}, one)
	for _, order := range []int{13, 14, 15} {
		o.happen(inventory.OrderFulfilled, order, 21, inventory.Event{To: inventory.Fulfilled}, line)
	}
	o.happen(inventory.OrderReturned, 14, 22, inventory.Event{To: inventory.PartiallyReturned}, one)
	o.happen(inventory.OrderReturned, 15, 22, inventory.Event{To: inventory.PartiallyReturned}, one)
	o.happen(inventory.OrderReturned, 15, 23, inventory.Event{To: inventory.Returned, Restock: true}, rest)
	o.happen(inventory.OrderCancelled, 16, 24, inventory.Event{From: inventory.Reserved}, line)
	o.happen(inventory.OrderExpired, 17, 24, inventory.Event{}, line)
	states := make(map[inventory.State]bool)
	for _, order := range orders {
		found, err := o.store.OrderByID(t.Context(), newID(order))
		require.NoError(t, err)
		states[found.State] = true
	}
	require.Len(t, states, len(orders), "one order in each state")
	require.Equal(t, []int{10, 11, 12}, o.purge(orders...), "reserved, confirmed, partially fulfilled")
	subjects := make(map[inventory.ID]int)
	for _, key := range eachKey(t, o.store, 0) {
		subjects[key.Subject]++
	}
	require.Equal(t, map[inventory.ID]int{newID(10): 1, newID(11): 1, newID(12): 2}, subjects,
		"the keys of a purged order, of its shipments and returns too, are gone")
}

// testPurgeOrdersThatCount: an order stays as long as it counts towards a limit, and
// goes once that is lifted, or begins to count later.
func testPurgeOrdersThatCount(t *testing.T, opener Opener) {
	limited, free := newProduct(1), newProduct(2)
	limited.PurchaseLimit, limited.SaleStartsAt = 5, epoch+100
	o := newOrdersTest(t, opener, limited, free)
	ship := func(order int, at inventory.Instant, placed inventory.Event, lines ...inventory.Line) {
		o.happen(inventory.OrderPlaced, order, at, placed, lines...)
		moved := slices.DeleteFunc(slices.Clone(lines), func(line inventory.Line) bool { return line.Quantity == 0 })
		o.happen(inventory.OrderConfirmed, order, at+1, inventory.Event{}, moved...)
		o.happen(inventory.OrderFulfilled, order, at+2, inventory.Event{To: inventory.Fulfilled}, moved...)
	}
	ship(21, 99, inventory.Event{}, units(&limited, 1))
	ship(22, 100, inventory.Event{}, units(&limited, 2))
	ship(23, 200, inventory.Event{}, units(&free, 2))
	ship(24, 300, inventory.Event{}, units(&limited, 1), units(&free, 2))
	ship(25, 400, inventory.Event{}, inventory.Line{ProductID: limited.ID, Dropped: 9, DroppedFor: 2}, units(&free, 1))
	o.happen(inventory.OrderReturned, 22, 500, inventory.Event{To: inventory.Returned}, units(&limited, 2))
	o.happen(inventory.OrderPlaced, 26, 600, inventory.Event{}, units(&limited, 1))
	o.happen(inventory.OrderExpired, 26, 601, inventory.Event{}, units(&limited, 1))
	before := eachPurchase(t, o.store)
	require.Equal(t, map[purchase]int64{{limited.ID, newID(999)}: 3}, before)
	require.Equal(t, []int{22, 24}, o.purge(21, 22, 23, 24, 25, 26), "those of the sale, returned ones too")
	require.Equal(t, before, eachPurchase(t, o.store))

	limited.Version, limited.SaleStartsAt, limited.Deleted = 2, epoch+300, true
	require.NoError(t, o.store.UpdateProduct(t.Context(), limited))
	require.Equal(t, []int{24}, o.purge(22, 24), "the sale began later")
	limited.Version, limited.PurchaseLimit = 3, 0
	require.NoError(t, o.store.UpdateProduct(t.Context(), limited))
	require.Empty(t, o.purge(24), "there is no limit any more")
}

// testPurgeOrdersLines: a call stops with the order whose lines are as many as its limit,
// so that orders of many lines do not make it long.
func testPurgeOrdersLines(t *testing.T, opener Opener) {
	products := make([]persistence.CatalogueProduct, 5)
	for i := range products {
		products[i] = newProduct(i + 1)
	}
	o := newOrdersTest(t, opener, products...)
	for order := 10; order < 20; order++ {
		var lines []inventory.Line
		for i := range products {
			lines = append(lines, units(&products[i], 1))
		}
		o.happen(inventory.OrderPlaced, order, inventory.Instant(order), inventory.Event{}, lines...)
		o.happen(inventory.OrderExpired, order, inventory.Instant(order)+1, inventory.Event{}, lines...)
	}
	var deleted []int
	for range 5 {
		n, err := o.store.PurgeOrders(t.Context(), positionAt(o.sequence), epoch+inventory.Second, 12)
		require.NoError(t, err)
		deleted = append(deleted, n)
	}
	require.Equal(t, []int{3, 3, 3, 1, 0}, deleted)
}

// testPurgeOrdersPositionMoved: a Store that stands elsewhere than the caller thinks may
// have orders in a state that is over.
func testPurgeOrdersPositionMoved(t *testing.T, opener Opener) {
	product := newProduct(1)
	o := newOrdersTest(t, opener, product)
	o.happen(inventory.OrderPlaced, 10, 1, inventory.Event{}, units(&product, 1))
	o.happen(inventory.OrderExpired, 10, 2, inventory.Event{}, units(&product, 1))
	other := positionAt(o.sequence)
	other.Hash[3]++
	for _, at := range []persistence.Position{{}, positionAt(o.sequence - 1), positionAt(o.sequence + 1), other} {
		deleted, err := o.store.PurgeOrders(t.Context(), at, epoch+inventory.Second, 100)
		require.ErrorIs(t, err, persistence.ErrPositionMoved)
		require.Zero(t, deleted)
	}
	purged, err := o.store.PurgedBefore(t.Context())
	require.NoError(t, err)
	require.Zero(t, purged)
	require.Empty(t, o.purge(10))
}
