package actors

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// At the bound of what waits for SQL new orders are refused, and nothing else is: a repeat
// is answered, whether its key is in memory or in SQL. A key that the filter takes for one
// of SQL's makes no order either.
func TestRepeatsAreAnsweredWhileTheBacklogIsFull(t *testing.T) {
	store := &projectStore{}
	h := newHouse(t, func(o *Options) {
		store.Store, o.Store, o.BacklogRecordsMax = o.Store, store, 4
	})
	customer, product := h.customer(), h.product(100)
	projected := orderOf(customer, h.key(), product, 1)
	first, refusal := h.engine.PlaceOrder(projected)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderCancelled, first.Order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	require.Eventually(t, func() bool { return !h.engine.keys.has(projected.Key) }, waitMax, waitStep)
	store.set(func(context.Context, persistence.Position, persistence.Position, []persistence.Record) error {
		return errAway
	})
	var waiting *PlaceOrder
	var reply OrderReply
	for {
		request := orderOf(customer, h.key(), product, 1)
		placed, refusal := h.engine.PlaceOrder(request)
		if refusal.Refused() {
			require.Equal(t, refusedBacklog, refusal)
			break
		}
		waiting, reply = request, placed
	}
	require.EqualValues(t, 5, h.engine.Projection().Backlog, "one beyond the bound")
	require.Error(t, h.engine.Ready())
	for request, order := range map[*PlaceOrder]OrderReply{projected: first, waiting: reply} {
		again, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.True(t, again.Replayed)
		require.Equal(t, order.Order.ID, again.Order.ID)
	}

	h.engine.keyFilter.full.Store(true)
	fresh := orderOf(customer, h.key(), product, 1)
	_, refusal = h.engine.PlaceOrder(fresh)
	require.Equal(t, refusedBacklog, refusal)
	require.False(t, h.engine.keys.has(fresh.Key), "a refused order binds no key")
	require.EqualValues(t, 5, h.engine.shelf.get(product).board.read().Reserved)

	store.set(store.Store.Project)
	h.awaitProjection()
	placed, refusal := h.engine.PlaceOrder(fresh)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.False(t, placed.Replayed)
}
