package actors

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// A product actor that panics answers its caller and stands still; other products
// go on selling; the next start brings the product back with what is durable.
func TestAPanicQuarantinesOneProduct(t *testing.T) {
	h := newHouse(t)
	customer, broken, sound := h.customer(), h.product(10), h.product(10)
	held := h.place(customer, broken, 4)
	rules := h.engine.shelf.get(broken).rules.Swap(nil) // the next take dereferences it
	require.NotNil(t, rules)
	h.engine.shelf.get(broken).stock.Reserved = -1 << 62 // and the state is nonsense
	h.engine.shelf.get(broken).rules.Store(rules)

	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), broken, 1))
	require.Equal(t, inventory.CodeQuarantined, refusal.Code)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), broken, 1))
	require.Equal(t, inventory.CodeQuarantined, refusal.Code)
	_, refusal = h.engine.AdjustStock(&AdjustStock{Product: broken, Caller: customer, Delta: 1, Key: h.key()})
	require.Equal(t, inventory.CodeQuarantined, refusal.Code)
	h.place(customer, sound, 10)
	_, refusal = h.engine.CancelOrder(ChangeOrder{Order: held.ID})
	require.Equal(t, inventory.Refusal{}, refusal, "what is decided does not need the product")
	require.EqualValues(t, 1, h.engine.Statistics().Quarantined)
	require.Zero(t, h.engine.Statistics().InFlight)

	h.restart()
	require.Equal(t, [3]int64{10, 0, 0}, h.stock(broken))
	h.place(customer, broken, 10)
}

// An order actor that panics, at a request or at work of its own, answers who
// waits and stands still; the process lives, and the next start brings it back.
func TestAPanicQuarantinesOneShard(t *testing.T) {
	for _, step := range []step{stepPlace, stepExpire, stepProjected, stepOrderFound} {
		h := newHouse(t)
		customer, product := h.customer(), h.product(10)
		order := h.place(customer, product, 1)
		shard := h.engine.actorOf(shardOf(customer))
		h.awaitProjection()
		memory, lookups := shard.memory, shard.lookups
		shard.memory = orderMemory{unprojected: queue[unprojected]{items: make([]unprojected, 1), first: -1}}
		shard.deadlines.heap = []*heldOrder{nil}
		shard.lookups = map[inventory.ID][]*operation{{}: {nil}}
		if step == stepPlace {
			_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
			require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
		} else {
			shard.post(step)
			h.awaitIdle()
		}
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		require.Equal(t, inventory.CodeQuarantined, refusal.Code)
		require.EqualValues(t, 1, h.engine.Statistics().Quarantined)
		require.Zero(t, h.engine.Statistics().InFlight)
		shard.memory, shard.lookups = memory, lookups
		h.restart()
		_, refusal = h.engine.CancelOrder(ChangeOrder{Order: order.ID})
		require.Equal(t, inventory.Refusal{}, refusal)
	}
}
