package actors

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// A product of which more is promised than there is counts as oversold, until its stock is
// right again; a product whose reserve is larger than what is left is not.
func TestOversoldCountsBrokenStock(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	first, second := h.twoProducts(10, 10)
	h.place(customer, first, 10)
	reserving := h.rules(first)
	reserving.Safety = 5
	require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(reserving))
	require.Zero(t, h.engine.Oversold())
	for _, units := range []int64{-1, 9, 10, 11, 10} {
		cell := &h.engine.shelf.get(second).board
		cell.mutex.Lock()
		cell.stock.Reserved = units
		cell.mutex.Unlock()
		broken := int64(0)
		if units < 0 || units > 10 {
			broken = 1
		}
		require.Equal(t, broken, h.engine.Oversold(), "%d units of 10 reserved", units)
	}
	h.engine.shelf.get(second).board.stock.Reserved = 0
}

// Of a large shelf only so many products are looked at in one call, and all of them after
// enough calls.
func TestOversoldLooksAtALargeShelfInParts(t *testing.T) {
	h := newHouse(t)
	const calls = 3
	broken := inventory.Stock{OnHand: 1, Reserved: 2}
	for n := range calls * patrolProductsMax {
		_, err := h.engine.shelve(&inventory.Product{ID: inventory.ID{1, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}}, 0, broken)
		require.NoError(t, err)
	}
	found := h.engine.Oversold()
	require.Greater(t, found, int64(patrolProductsMax/2))
	require.Less(t, found, int64(2*patrolProductsMax))
	for range calls {
		found = h.engine.Oversold()
	}
	require.EqualValues(t, calls*patrolProductsMax, found)
}
