package actors

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// SQL was away for the whole of the last run, and still is: what a start knows
// comes from the journal alone. It sells what is left and no more, knows the keys,
// and ends the holds.
func TestAStartFollowsTheJournal(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	h.awaitProjection()
	h.store.away.Store(true)
	paid := h.place(customer, product, 1)
	_, refusal := h.change(inventory.OrderConfirmed, paid.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.clock.Advance(time.Second)
	key := h.key()
	held, refusal := h.engine.PlaceOrder(orderOf(customer, key, product, 2))
	require.Equal(t, inventory.Refusal{}, refusal)
	receipt := AdjustStock{Product: product, Caller: customer, Delta: 1, Reason: "count", Key: h.key()}
	_, refusal = h.engine.AdjustStock(&receipt)
	require.Equal(t, inventory.Refusal{}, refusal)

	h.crash(crashfs.Kept, nil, func(*Options) { h.store.away.Store(true) })
	require.Equal(t, [3]int64{6, 2, 1}, h.stock(product))
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 4))
	require.Equal(t, inventory.CodeInsufficientStock, refusal.Code)
	require.EqualValues(t, 3, refusal.Available)
	again, refusal := h.engine.PlaceOrder(orderOf(customer, key, product, 2))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, again.Replayed)
	require.Equal(t, held.Order.ID, again.Order.ID)
	received, refusal := h.engine.AdjustStock(&receipt)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, received.Replayed)
	h.clock.Advance(holdTime)
	h.awaitStock(product, [3]int64{6, 0, 1})
}

// alteredStore is a store whose rows are not what was projected.
type alteredStore struct {
	persistence.Store
	order func(*inventory.Order)
	stock func(*inventory.Stock)
}

func (s alteredStore) EachReservedOrder(ctx context.Context, visit func(inventory.Order) error) error {
	return s.Store.EachReservedOrder(ctx, func(order inventory.Order) error {
		s.order(&order)
		return visit(order)
	})
}

func (s alteredStore) EachSale(ctx context.Context, visit func(inventory.Product, int64, inventory.Stock) error) error {
	return s.Store.EachSale(ctx, func(rules inventory.Product, opening int64, stock inventory.Stock) error {
		s.stock(&stock)
		return visit(rules, opening, stock)
	})
}

// A start sells nothing unless the reserved units are those of the held orders.
func TestAStartRefusesStockThatItsOrdersDoNotExplain(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	h.place(customer, product, 3)
	h.place(customer, product, 1)
	h.awaitProjection()
	order, stock := func(*inventory.Order) {}, func(*inventory.Stock) {}
	for name, test := range map[string]struct {
		store alteredStore
		says  string
	}{
		"as it is":               {alteredStore{order: order, stock: stock}, ""},
		"an order holds fewer":   {alteredStore{order: func(o *inventory.Order) { o.Lines[0].Quantity = 1 }, stock: stock}, "its orders hold 2"},
		"an order is not held":   {alteredStore{order: func(o *inventory.Order) { o.State = inventory.Confirmed }, stock: stock}, "its orders hold 0"},
		"stock holds more":       {alteredStore{order: order, stock: func(s *inventory.Stock) { s.Reserved++ }}, "has 5 units reserved"},
		"stock holds negatively": {alteredStore{order: order, stock: func(s *inventory.Stock) { s.Committed = -1 }}, "breaks its invariants"},
	} {
		test.store.Store = h.store
		engine, err := New(Options{Store: test.store, Journal: h.journal, Clock: h.clock, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		err = engine.Recover(t.Context())
		if test.says == "" {
			require.NoError(t, err, name)
			require.NoError(t, engine.Stop(t.Context()))
			continue
		}
		require.ErrorIs(t, err, persistence.ErrCorrupt, name)
		require.ErrorContains(t, err, test.says, name)
	}
}
