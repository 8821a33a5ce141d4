package persistencetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// testProjectionRefuses puts a record that cannot follow into the middle of a
// legal run: nothing of the run may be kept.
func testProjectionRefuses(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(29, 5)
	history.CreateProducts(t, store)
	const stored, middle, end = 150, 180, 210
	history.Grow(end)
	projectTo(t, store, history, stored)

	model := history.Model(middle - 1)
	product := history.Products[0].ID
	line := func(quantity int64) []inventory.Line {
		return []inventory.Line{{ProductID: product, Quantity: quantity, SKU: "A"}}
	}
	known := model.placed[0]
	events := map[string]inventory.Event{
		"confirm of an order that was never placed": {Kind: inventory.OrderConfirmed, Order: inventory.ID{1}, Lines: line(1)},
		"an order placed a second time": {Kind: inventory.OrderPlaced, Order: known.ID, Customer: known.Customer,
			Currency: known.Currency, Lines: known.Lines[:1]},
		"more than there is": {Kind: inventory.OrderPlaced, Order: inventory.ID{2}, Customer: known.Customer,
			Currency: known.Currency, Lines: line(1_000_000)},
		"a product that is not in the catalogue": {Kind: inventory.StockAdjusted,
			Lines: []inventory.Line{{ProductID: inventory.ID{3}, Quantity: 1}}},
		"more written off than there is": {Kind: inventory.StockAdjusted, Lines: line(-1_000_000)},
		"a kind that is not known":       {Kind: 99, Lines: line(1)},
	}
	for _, order := range model.placed {
		if order.State != inventory.Reserved {
			events["confirm of an order in state "+order.State.String()] = order.FollowUp(inventory.OrderConfirmed, epoch, inventory.ID{})
		}
	}
	require.Len(t, events, 6+len(inventory.States())-1)
	refuse := func(name string, from, to persistence.Position, records []persistence.Record) {
		require.ErrorIs(t, store.Project(t.Context(), from, to, records), persistence.ErrCorrupt, name)
		require.EqualValues(t, stored, RequireHistory(t, store, history), name)
	}
	for name, event := range events {
		from, to, records := history.Run(stored, end)
		records = append([]persistence.Record{}, records...)
		records[middle-stored-1].Event = event
		refuse(name, from, to, records)
	}
	from, to, records := history.Run(stored, end)
	refuse("the last record is missing", from, to, records[:len(records)-1])
	refuse("the first record is missing", from, to, records[1:])
	other := to
	other.Journal[0]++
	refuse("another journal", from, other, records)
	swapped := append([]persistence.Record{}, records...)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	refuse("two records are swapped", from, to, swapped)
	projectTo(t, store, history, end)
	require.EqualValues(t, end, RequireHistory(t, store, history))
}

// testProjectionRefusesUnits moves units that a line does not have, though the stock
// would allow it: of orders that the same run places, and of orders that are stored.
func testProjectionRefusesUnits(t *testing.T, opener Opener) {
	store := open(t, opener)
	first, second := newProduct(1), newProduct(2)
	for _, product := range []persistence.CatalogueProduct{first, second} {
		require.NoError(t, store.CreateProducts(t.Context(), product))
	}
	a := func(units int64) inventory.Line { return inventory.Line{ProductID: first.ID, Quantity: units} }
	b := func(units int64) inventory.Line { return inventory.Line{ProductID: second.ID, Quantity: units} }
	event := func(kind inventory.Kind, order int, state inventory.State, lines ...inventory.Line) inventory.Event {
		return inventory.Event{Kind: kind, At: epoch, Order: newID(order), Customer: newID(9), Currency: first.Price.Currency,
			From: state, To: state, ExpiresAt: epoch + 9, Amount: 5, Lines: lines}
	}
	const paid, part, ended = 21, 22, 23
	legal := []inventory.Event{
		event(inventory.OrderPlaced, paid, 0, a(3)), event(inventory.OrderConfirmed, paid, 0, a(3)),
		event(inventory.OrderPlaced, part, 0, a(3), b(2)), event(inventory.OrderConfirmed, part, 0, a(3), b(2)),
		event(inventory.OrderFulfilled, part, inventory.Fulfilled, a(3), b(2)),
		event(inventory.OrderReturned, part, inventory.PartiallyReturned, a(1)),
		event(inventory.OrderPlaced, ended, 0, a(3)), event(inventory.OrderExtended, ended, 0),
		event(inventory.OrderExpired, ended, 0, a(3)), event(inventory.OrderRefundDue, ended, 0),
		event(inventory.OrderPlaced, 24, 0, a(50), b(50)), event(inventory.OrderConfirmed, 24, 0, a(50), b(50)),
		event(inventory.OrderPlaced, 25, 0, a(30)), event(inventory.OrderExtended, 25, 0),
	}
	illegal := map[string][]inventory.Event{
		"shipped more than there is": {event(inventory.OrderFulfilled, paid, inventory.Fulfilled, a(4))},
		"shipped more in two parts": {event(inventory.OrderFulfilled, paid, inventory.PartiallyFulfilled, a(2)),
			event(inventory.OrderFulfilled, paid, inventory.Fulfilled, a(2))},
		"shipped what is not ordered":  {event(inventory.OrderFulfilled, paid, inventory.PartiallyFulfilled, a(1), b(1))},
		"shipped what was released":    {event(inventory.OrderReduced, paid, inventory.Confirmed, a(2)), event(inventory.OrderFulfilled, paid, inventory.Fulfilled, a(2))},
		"released more than there is":  {event(inventory.OrderReduced, paid, inventory.Confirmed, a(4))},
		"released what is not ordered": {event(inventory.OrderReduced, paid, inventory.Confirmed, b(1))},
		"returned more than was out":   {event(inventory.OrderReturned, part, inventory.PartiallyReturned, a(3))},
		"extended a second time":       {event(inventory.OrderExtended, 25, 0)},
		"a second refund":              {event(inventory.OrderRefundDue, ended, 0)},
	}
	var records []persistence.Record
	add := func(events []inventory.Event) []persistence.Record {
		all := append([]persistence.Record{}, records...)
		for _, event := range events {
			all = append(all, persistence.Record{Sequence: uint64(len(all) + 1), Event: event})
		}
		return all
	}
	model := NewModel([]persistence.CatalogueProduct{first, second})
	project := func(all []persistence.Record) error {
		from, to := uint64(len(records)), uint64(len(all))
		return store.Project(t.Context(), positionAt(from), positionAt(to), all[from:])
	}
	accept := func(all []persistence.Record) {
		require.NoError(t, project(all))
		for i := len(records); i < len(all); i++ {
			model.Apply(&all[i])
		}
		records = all
		requireModel(t, store, model)
	}
	refuse := func(when string, before []inventory.Event) {
		for name, events := range illegal {
			require.ErrorIs(t, project(add(append(append([]inventory.Event{}, before...), events...))), persistence.ErrCorrupt, "%s, %s", name, when)
			requireModel(t, store, model)
		}
	}
	accept([]persistence.Record{receipt(1, first.ID, 100), receipt(2, second.ID, 100)})
	refuse("in the run that places the order", legal)
	accept(add(legal))
	refuse("of an order that is stored", nil)
}

// testPositionMoved projects runs that do not start at the stored position.
func testPositionMoved(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(31, 4)
	history.CreateProducts(t, store)
	history.Grow(90)
	from, to, records := history.Run(0, 30)
	require.NoError(t, store.Project(t.Context(), from, to, records))
	refuse := func(name string, from, to persistence.Position, records []persistence.Record) {
		require.ErrorIs(t, store.Project(t.Context(), from, to, records), persistence.ErrPositionMoved, name)
		require.EqualValues(t, 30, RequireHistory(t, store, history), name)
	}
	refuse("the same run again", from, to, records)
	from, to, records = history.Run(60, 90)
	refuse("a run that leaves a gap", from, to, records)
	from, to, records = history.Run(20, 60)
	refuse("a run that overlaps", from, to, records)
	from, to, records = history.Run(30, 60)
	for name, change := range map[string]func(*persistence.Position){
		"journal": func(p *persistence.Position) { p.Journal[0]++ },
		"epoch":   func(p *persistence.Position) { p.Epoch++ },
		"hash":    func(p *persistence.Position) { p.Hash[3]++ },
	} {
		otherFrom, otherTo := from, to
		change(&otherFrom)
		otherTo.Journal = otherFrom.Journal
		refuse("another "+name, otherFrom, otherTo, records)
	}
	projectTo(t, store, history, 60)
	require.EqualValues(t, 60, RequireHistory(t, store, history))
}
