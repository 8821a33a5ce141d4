package persistencetest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// purgeable reports whether an order may go: it is settled, was last changed before a
// moment, and counts towards no limit.
func (m *Model) purgeable(order *inventory.Order, before inventory.Instant) bool {
	switch order.State {
	case inventory.Reserved, inventory.Confirmed, inventory.PartiallyFulfilled:
		return false
	case inventory.Cancelled, inventory.Expired:
		return order.UpdatedAt < before
	}
	return order.UpdatedAt < before && !slices.ContainsFunc(order.Lines, func(line inventory.Line) bool {
		product := m.products[line.ProductID]
		return product.PurchaseLimit > 0 && line.Quantity > 0 && order.PlacedAt >= product.SaleStartsAt
	})
}

// forget deletes an order, if it is there, with its keys.
func (m *Model) forget(id inventory.ID) {
	order := m.orders[id]
	if order == nil {
		return
	}
	if order.State != inventory.Cancelled && order.State != inventory.Expired {
		for _, line := range order.Lines {
			m.soldByPurged[line.ProductID] += line.Quantity
		}
	}
	for fingerprint, key := range m.keys {
		if key.Subject == id {
			delete(m.keys, fingerprint)
		}
	}
	delete(m.orders, id)
	m.placed = slices.DeleteFunc(m.placed, func(placed *inventory.Order) bool { return placed == order })
}

// purgeMovements deletes old movements: those before the first that is not old, but not
// the newest.
func (m *Model) purgeMovements(before inventory.Instant) (purged int) {
	for id, movements := range m.movements {
		gone := 0
		for gone < len(movements)-1 && movements[gone].At < before {
			gone++
		}
		m.movements[id] = movements[gone:]
		purged += gone
	}
	return purged
}

// PurgeOrders has a Store that has the whole history purge orders, at most limit at a
// time, until it has done all, and returns how many those were.
func (h *History) PurgeOrders(t require.TestingT, store persistence.Store, before inventory.Instant, limit int) int {
	n := uint64(len(h.Records))
	model := h.Model(n)
	var gone []inventory.ID
	for _, order := range model.placed {
		if model.purgeable(order, before) {
			gone = append(gone, order.ID)
		}
	}
	forget := func(m *Model) {
		for _, id := range gone {
			m.forget(id)
		}
		if len(gone) > 0 {
			m.purgedBefore = max(m.purgedBefore, before)
		}
	}
	forget(h.model)
	h.purges = append(h.purges, purge{n, forget})
	purgeAll(t, len(gone), limit, func() (int, error) { return store.PurgeOrders(background, positionAt(n), before, limit) })
	return len(gone)
}

// PurgeMovements has a Store purge movements, at most limit at a time, until it has done
// all, and returns how many those were.
func (h *History) PurgeMovements(t require.TestingT, store persistence.Store, before inventory.Instant, limit int) int {
	n := uint64(len(h.Records))
	gone := h.Model(n).purgeMovements(before)
	h.purges = append(h.purges, purge{n, func(m *Model) { m.purgeMovements(before) }})
	purgeAll(t, gone, limit, func() (int, error) { return store.PurgeMovements(background, before, limit) })
	return gone
}

// purgeAll calls a purge until so many are gone, and some more times for nothing: a call
// goes on where the last one stopped, and may find nothing there.
func purgeAll(t require.TestingT, gone, limit int, call func() (int, error)) {
	const callsMax, callsAfter = 1000, 5
	for calls := 0; gone > 0; calls++ {
		require.Less(t, calls, callsMax, "%d are left", gone)
		deleted, err := call()
		require.NoError(t, err)
		require.LessOrEqual(t, deleted, limit)
		gone -= deleted
	}
	require.Zero(t, gone, "more were deleted than may be")
	for range callsAfter {
		deleted, err := call()
		require.NoError(t, err)
		require.Zero(t, deleted)
	}
}
