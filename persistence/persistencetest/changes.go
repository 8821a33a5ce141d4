package persistencetest

import (
	"slices"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// pick returns an order in one of the states, or nil. Half of the time it is the
// newest, so that orders end in the run that they began in.
func (h *History) pick(usable func(*inventory.Order) bool, states ...inventory.State) *inventory.Order {
	var candidates []*inventory.Order
	for _, order := range h.model.placed {
		if slices.Contains(states, order.State) && (usable == nil || usable(order)) {
			candidates = append(candidates, order)
		}
	}
	switch {
	case len(candidates) == 0:
		return nil
	case h.random.IntN(2) == 0:
		return candidates[len(candidates)-1]
	}
	return candidates[h.random.IntN(len(candidates))]
}

// end moves all units of an order that is in state from.
func (h *History) end(kind inventory.Kind, from inventory.State) (inventory.Event, bool) {
	order := h.pick(nil, from)
	if order == nil {
		return inventory.Event{}, false
	}
	return order.FollowUp(kind, h.at, order.Customer), true
}

// some returns some units of an order, of those that left says, and how many more
// there are.
func (h *History) some(order *inventory.Order, left func(*inventory.Line) int64) (lines []inventory.Line, more int64) {
	first := h.random.IntN(len(order.Lines))
	for i := range order.Lines {
		units := left(&order.Lines[i])
		if taken := h.random.Int64N(units + 1); taken > 0 && (i == first || h.random.IntN(2) == 0) {
			lines = append(lines, inventory.Line{ProductID: order.Lines[i].ProductID, Quantity: taken})
			units -= taken
		}
		more += units
	}
	return lines, more
}

func (h *History) change(kind inventory.Kind, order *inventory.Order, lines []inventory.Line) inventory.Event {
	event := inventory.Event{Kind: kind, At: h.at, By: order.Customer, Order: order.ID, Customer: order.Customer, Lines: lines}
	if kind.HasKey() {
		event.Key, event.Body = h.key()
	}
	return event
}

// reduce releases units of an order, but not its last.
func (h *History) reduce() (event inventory.Event, ok bool) {
	order := h.pick(nil, inventory.Reserved, inventory.Confirmed)
	if order == nil {
		return event, false
	}
	lines, more := h.some(order, func(line *inventory.Line) int64 { return line.Quantity })
	event = h.change(inventory.OrderReduced, order, lines)
	event.From = order.State
	return event, len(lines) > 0 && more > 0
}

func (h *History) extend() (event inventory.Event, ok bool) {
	order := h.pick(func(order *inventory.Order) bool { return !order.Extended }, inventory.Reserved)
	if order == nil {
		return event, false
	}
	event = h.change(inventory.OrderExtended, order, nil)
	event.ExpiresAt = order.ExpiresAt + 1 + inventory.Instant(h.random.Int64N(int64(inventory.Second)))
	return event, true
}

func (h *History) refund() (event inventory.Event, ok bool) {
	order := h.pick(func(order *inventory.Order) bool { return order.RefundDue == 0 }, inventory.Cancelled, inventory.Expired)
	if order == nil {
		return event, false
	}
	event = h.change(inventory.OrderRefundDue, order, nil)
	event.Amount = 1 + h.random.Int64N(1_000_000_000_000_000)
	return event, true
}

func (h *History) fulfil() (event inventory.Event, ok bool) {
	order := h.pick(nil, inventory.Confirmed, inventory.PartiallyFulfilled)
	if order == nil {
		return event, false
	}
	lines, more := h.some(order, func(line *inventory.Line) int64 { return line.Quantity - int64(line.Shipped) })
	event = h.change(inventory.OrderFulfilled, order, lines)
	if event.To = inventory.PartiallyFulfilled; more == 0 {
		event.To = inventory.Fulfilled
	}
	return event, len(lines) > 0
}

func (h *History) bringBack() (event inventory.Event, ok bool) {
	order := h.pick(nil, inventory.Fulfilled, inventory.PartiallyReturned)
	if order == nil {
		return event, false
	}
	lines, more := h.some(order, func(line *inventory.Line) int64 { return int64(line.Shipped - line.Returned) })
	event = h.change(inventory.OrderReturned, order, lines)
	event.Restock = h.random.IntN(2) == 0
	if event.To = inventory.PartiallyReturned; more == 0 {
		event.To = inventory.Returned
	}
	return event, len(lines) > 0
}

// ChangeProduct changes a random product in a Store: its limit, the start of its
// sale, and more.
func (h *History) ChangeProduct(t require.TestingT, store persistence.Store) {
	product := &h.Products[h.random.IntN(len(h.Products))]
	product.Name, product.Category = product.Name+"!", "changed"
	product.Price.Minor++
	product.PurchaseLimit = h.random.Int64N(3)
	product.SaleStartsAt = epoch + inventory.Instant(h.random.Int64N(int64(1+h.at-epoch)))
	product.SaleEndsAt, product.HoldSeconds = product.SaleStartsAt+1, product.HoldSeconds%100+1
	product.Safety = h.random.Int64N(5)
	product.Paused, product.Deleted = h.random.IntN(2) == 0, h.random.IntN(2) == 0
	product.Version++
	product.UpdatedAt = h.at
	require.NoError(t, store.UpdateProduct(background, *product))
}

// Purge has a Store purge keys, at most limit at a time, until it has done all.
func (h *History) Purge(t require.TestingT, store persistence.Store, since inventory.Instant, limit int) {
	position, err := store.Position(background)
	require.NoError(t, err)
	keys := len(h.Model(position.Sequence).keys)
	h.purges = append(h.purges, purge{position.Sequence, func(model *Model) { model.purge(since) }})
	// Each call goes on where the last one stopped, and may find nothing there.
	const callsMax, callsAfter = 1000, 2
	left := len(h.Model(position.Sequence).keys)
	for calls := 0; keys > left; calls++ {
		require.Less(t, calls, callsMax, "%d of the keys to be purged are left", keys-left)
		deleted, err := store.PurgeKeys(background, since, limit)
		require.NoError(t, err)
		require.LessOrEqual(t, deleted, limit)
		keys -= deleted
	}
	for range callsAfter {
		deleted, err := store.PurgeKeys(background, since, limit)
		require.NoError(t, err)
		require.Zero(t, deleted)
	}
	require.Equal(t, left, keys)
}
