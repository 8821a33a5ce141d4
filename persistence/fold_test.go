package persistence

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// rows is the simplest Store: what it has after some runs.
type rows struct {
	stocks    map[inventory.ID]inventory.Stock
	orders    map[inventory.ID]inventory.Order
	movements []Movement
	keys      map[inventory.Fingerprint]IdempotencyKey
}

func newRows() *rows {
	return &rows{stocks: map[inventory.ID]inventory.Stock{foldProducts[0]: {}, foldProducts[1]: {}},
		orders: map[inventory.ID]inventory.Order{}, keys: map[inventory.Fingerprint]IdempotencyKey{}}
}

// apply folds a run of events after a sequence and writes its changes.
func (r *rows) apply(t *testing.T, after uint64, events []inventory.Event) {
	run := runOf(t, after, events...)
	stocks, orders := map[inventory.ID]inventory.Stock{}, map[inventory.ID]inventory.Order{}
	for _, id := range run.Products {
		stocks[id] = r.stocks[id]
	}
	for _, id := range run.Orders {
		orders[id] = r.orders[id]
	}
	changes, err := run.Fold(stocks, orders)
	require.NoError(t, err)
	for i, id := range run.Products {
		r.stocks[id] = changes.Stocks[i]
	}
	for _, order := range changes.Placed {
		r.orders[order.ID] = order
	}
	for _, order := range changes.Continued {
		require.Nil(t, order.Lines)
		order.Lines = slices.Clone(r.orders[order.ID].Lines)
		r.orders[order.ID] = order
	}
	for _, change := range changes.Lines {
		lines := r.orders[change.Order].Lines
		i := slices.IndexFunc(lines, func(line inventory.Line) bool { return line.ProductID == change.Product })
		lines[i].Quantity -= change.Released
		lines[i].Released += int32(change.Released)
		lines[i].Shipped += int32(change.Shipped)
		lines[i].Returned += int32(change.Returned)
	}
	r.movements = append(r.movements, changes.Movements...)
	for _, key := range changes.Keys {
		r.keys[key.Key] = key
	}
}

// lives are the lives of four orders, of every kind and in every way that they end.
func lives() []inventory.Event {
	line := func(product int, quantity int64) inventory.Line {
		return inventory.Line{ProductID: foldProducts[product], Quantity: quantity}
	}
	var events []inventory.Event
	add := func(kind inventory.Kind, order byte, change func(*inventory.Event), lines ...inventory.Line) {
		event := inventory.Event{Kind: kind, Order: inventory.ID{order}, Customer: inventory.ID{9},
			At: inventory.Instant(100 + len(events)), Lines: lines}
		if kind.HasKey() {
			event.Key = inventory.Fingerprint{byte(len(events)), 1}
		}
		if change != nil {
			change(&event)
		}
		events = append(events, event)
	}
	from := func(state inventory.State) func(*inventory.Event) { return func(e *inventory.Event) { e.From = state } }
	to := func(state inventory.State) func(*inventory.Event) { return func(e *inventory.Event) { e.To = state } }
	expires := func(at inventory.Instant) func(*inventory.Event) {
		return func(e *inventory.Event) { e.ExpiresAt = at }
	}
	receive := func(e *inventory.Event) { e.Order, e.Customer = inventory.ID{}, inventory.ID{} }
	dropped := inventory.Line{ProductID: foldProducts[1], Dropped: 3, DroppedFor: 2}

	add(inventory.StockAdjusted, 0, receive, line(0, 40))
	add(inventory.OrderPlaced, 1, expires(500), line(0, 9), dropped)
	add(inventory.StockAdjusted, 0, receive, line(1, 40))
	add(inventory.OrderPlaced, 2, expires(600), line(0, 4), line(1, 6))
	add(inventory.OrderExtended, 1, expires(900))
	add(inventory.OrderReduced, 2, from(inventory.Reserved), line(1, 2))
	add(inventory.OrderConfirmed, 2, nil, line(0, 4), line(1, 4))
	add(inventory.OrderReduced, 2, from(inventory.Confirmed), line(0, 4))
	add(inventory.OrderPlaced, 3, expires(700), line(1, 5))
	add(inventory.OrderFulfilled, 2, to(inventory.PartiallyFulfilled), line(1, 1))
	add(inventory.OrderExpired, 1, nil, line(0, 9))
	add(inventory.OrderFulfilled, 2, to(inventory.Fulfilled), line(1, 3))
	add(inventory.OrderRefundDue, 1, func(e *inventory.Event) { e.Amount = 900 })
	add(inventory.OrderReturned, 2, to(inventory.PartiallyReturned), line(1, 1))
	add(inventory.OrderPlaced, 4, expires(800), line(0, 1), line(1, 1))
	add(inventory.OrderCancelled, 4, from(inventory.Reserved), line(0, 1), line(1, 1))
	add(inventory.OrderReturned, 2, func(e *inventory.Event) { e.To, e.Restock = inventory.Returned, true }, line(1, 3))
	add(inventory.OrderConfirmed, 3, nil, line(1, 5))
	return events
}

// Where runs begin and end does not show: an order that is placed and changed in
// one run has the rows of one that is placed, loaded and changed later.
func TestFoldDoesNotDependOnBorders(t *testing.T) {
	events := lives()
	whole := newRows()
	whole.apply(t, 0, events)
	require.Equal(t, map[inventory.ID]inventory.Stock{
		foldProducts[0]: {OnHand: 40, Version: 8}, foldProducts[1]: {OnHand: 39, Committed: 5, Sold: 9, Version: 12}}, whole.stocks)
	require.Equal(t, []inventory.Line{{ProductID: foldProducts[0], Released: 4, StockVersion: 3},
		{ProductID: foldProducts[1], Quantity: 4, StockVersion: 2, Released: 2, Shipped: 4, Returned: 4}}, whole.orders[inventory.ID{2}].Lines)
	late := whole.orders[inventory.ID{1}]
	require.Equal(t, inventory.Order{ID: inventory.ID{1}, Customer: inventory.ID{9}, State: inventory.Expired, PlacedAt: 101, ExpiresAt: 900,
		Extended: true, RefundDue: 900, UpdatedAt: 112, Key: late.Key, Lines: late.Lines, Sequence: 13}, late)
	require.Len(t, whole.keys, 10)

	check := func(name string, borders ...int) {
		t.Run(name, func(t *testing.T) {
			split := newRows()
			from := 0
			for _, border := range append(borders, len(events)) {
				split.apply(t, uint64(from), events[from:border])
				from = border
			}
			require.Equal(t, whole, split)
		})
	}
	var each []int
	for first := range len(events) + 1 {
		each = append(each, first)
		for second := first; second <= len(events); second++ {
			check(fmt.Sprintf("borders at %d and %d", first, second), first, second)
		}
	}
	check("record by record", each...)
}

// A line of which nothing was placed moves nothing: it has no movement, and its
// product no new version.
func TestFoldOfALineWithoutUnits(t *testing.T) {
	dropped := inventory.Line{ProductID: foldProducts[1], Price: 5, SKU: "B", Dropped: 7, DroppedFor: 2}
	run := runOf(t, 0, placed(1, 1, inventory.Line{ProductID: foldProducts[0], Quantity: 1}, dropped))
	require.Equal(t, foldProducts[:1], run.Products)
	changes, err := run.Fold(map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 1}}, nil)
	require.NoError(t, err)
	require.Len(t, changes.Movements, 1)
	require.Equal(t, []inventory.Line{{ProductID: foldProducts[0], Quantity: 1, StockVersion: 1}, dropped}, changes.Placed[0].Lines)
}

// What happens to a line in one run is one change of it, and lines that were only
// held, paid for or given back as a whole have none.
func TestFoldSumsUpLines(t *testing.T) {
	events := lives()
	store := newRows()
	store.apply(t, 0, events[:4])
	run := runOf(t, 4, events[4:]...)
	stored := map[inventory.ID]inventory.Order{}
	for _, id := range run.Orders {
		stored[id] = store.orders[id]
	}
	changes, err := run.Fold(store.stocks, stored)
	require.NoError(t, err)
	require.Equal(t, []LineChange{
		{Order: inventory.ID{2}, Product: foldProducts[1], Released: 2, Shipped: 4, Returned: 4},
		{Order: inventory.ID{2}, Product: foldProducts[0], Released: 4}}, changes.Lines)
	require.Equal(t, store.orders[inventory.ID{2}].Lines, stored[inventory.ID{2}].Lines, "the arguments are not changed")
	for _, order := range changes.Continued {
		require.Nil(t, order.Lines, "lines of stored orders stay in the Store, whether it loads them or not")
	}
}
