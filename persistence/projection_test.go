package persistence

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

var (
	foldJournal  = inventory.ID{0xA5}
	foldProducts = []inventory.ID{{1}, {2}}
)

// runOf makes the run of some events after a sequence.
func runOf(t *testing.T, after uint64, events ...inventory.Event) *Run {
	records := make([]Record, len(events))
	for i := range events {
		records[i] = Record{Sequence: after + uint64(i) + 1, Event: events[i]}
	}
	run, err := NewRun(Position{Journal: foldJournal, Sequence: after},
		Position{Journal: foldJournal, Sequence: after + uint64(len(events))}, records)
	require.NoError(t, err)
	return run
}

func placed(order byte, key byte, lines ...inventory.Line) inventory.Event {
	return inventory.Event{Kind: inventory.OrderPlaced, Order: inventory.ID{order}, Customer: inventory.ID{9}, At: 5, ExpiresAt: 50,
		Key: inventory.Fingerprint{key}, Body: inventory.Fingerprint{key, 1}, Lines: lines}
}

// One run places an order, confirms it, continues another one, and restocks.
func TestFold(t *testing.T) {
	run := runOf(t, 10,
		inventory.Event{Kind: inventory.StockAdjusted, At: 4, Reason: "receipt", Key: inventory.Fingerprint{7},
			Lines: []inventory.Line{{ProductID: foldProducts[1], Quantity: 5}}},
		placed(3, 0, inventory.Line{ProductID: foldProducts[0], Quantity: 1}, inventory.Line{ProductID: foldProducts[1], Quantity: 2}),
		inventory.Event{Kind: inventory.OrderExpired, Order: inventory.ID{2}, At: 6,
			Lines: []inventory.Line{{ProductID: foldProducts[0], Quantity: 1}}},
		inventory.Event{Kind: inventory.OrderConfirmed, Order: inventory.ID{3}, At: 7,
			Lines: []inventory.Line{{ProductID: foldProducts[0], Quantity: 1}, {ProductID: foldProducts[1], Quantity: 2}}},
	)
	require.Equal(t, foldProducts, run.Products)
	require.Equal(t, []inventory.ID{{2}}, run.Orders)

	stocks := map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 2, Reserved: 1, Version: 8}, foldProducts[1]: {}}
	orders := map[inventory.ID]inventory.Order{{2}: {ID: inventory.ID{2}, State: inventory.Reserved}}
	changes, err := run.Fold(stocks, orders)
	require.NoError(t, err)

	require.Equal(t, []inventory.Stock{{OnHand: 2, Committed: 1, Sold: 1, Version: 11}, {OnHand: 5, Committed: 2, Sold: 2, Version: 3}}, changes.Stocks)
	require.Len(t, changes.Placed, 1)
	order := changes.Placed[0]
	require.Equal(t, inventory.Confirmed, order.State)
	require.EqualValues(t, 14, order.Sequence)
	require.EqualValues(t, 7, order.UpdatedAt)
	require.Equal(t, []uint64{9, 2}, []uint64{order.Lines[0].StockVersion, order.Lines[1].StockVersion})
	require.Equal(t, []inventory.Order{{ID: inventory.ID{2}, State: inventory.Expired, UpdatedAt: 6, Sequence: 13}}, changes.Continued)
	require.Len(t, changes.Movements, 6)
	for _, movement := range changes.Movements {
		require.Equal(t, movement.Before.Version+1, movement.After.Version)
	}
	require.Equal(t, []IdempotencyKey{{Key: inventory.Fingerprint{7}, Kind: inventory.StockAdjusted, Subject: foldProducts[1], At: 4}}, changes.Keys)

	require.EqualValues(t, 8, stocks[foldProducts[0]].Version, "the arguments are not changed")
	require.Equal(t, inventory.Reserved, orders[inventory.ID{2}].State)
	require.Zero(t, run.Records[1].Event.Lines[0].StockVersion, "the records are not changed")
}

// What does not continue the stored state is never skipped.
func TestFoldRefuses(t *testing.T) {
	line := inventory.Line{ProductID: foldProducts[0], Quantity: 1}
	follow := func(kind inventory.Kind) inventory.Event {
		return inventory.Event{Kind: kind, Order: inventory.ID{2}, Lines: []inventory.Line{line}}
	}
	stock := map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 1}}
	final := map[inventory.ID]inventory.Order{{2}: {ID: inventory.ID{2}, State: inventory.Expired}}
	tests := []struct {
		name   string
		events []inventory.Event
		stocks map[inventory.ID]inventory.Stock
		orders map[inventory.ID]inventory.Order
	}{
		{"a product that is not in the catalogue", []inventory.Event{placed(1, 1, line)}, nil, nil},
		{"more than there is", []inventory.Event{placed(1, 1, line), placed(2, 2, line)}, stock, nil},
		{"the same order twice", []inventory.Event{placed(1, 1, inventory.Line{ProductID: line.ProductID}),
			placed(1, 2, inventory.Line{ProductID: line.ProductID})}, stock, nil},
		{"an order that was never placed", []inventory.Event{follow(inventory.OrderConfirmed)},
			map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 1, Reserved: 1}}, nil},
		{"an order that has ended", []inventory.Event{follow(inventory.OrderConfirmed)},
			map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 1, Reserved: 1}}, final},
		{"a kind that is not known", []inventory.Event{{Kind: 77, Lines: []inventory.Line{line}}}, stock, nil},
		{"lines of a kind that moves nothing", []inventory.Event{placed(2, 1, line), follow(inventory.OrderExtended)}, stock, nil},
		{"units that the order has not", []inventory.Event{placed(2, 1, line), {Kind: inventory.OrderReduced, Order: inventory.ID{2},
			From: inventory.Reserved, Lines: []inventory.Line{{ProductID: foldProducts[1], Quantity: 1}}}},
			map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 1}, foldProducts[1]: {OnHand: 1, Reserved: 1}}, nil},
		{"a second extension of a stored order", []inventory.Event{{Kind: inventory.OrderExtended, Order: inventory.ID{2}}}, nil,
			map[inventory.ID]inventory.Order{{2}: {ID: inventory.ID{2}, State: inventory.Reserved, Extended: true}}},
		{"a second refund of a stored order", []inventory.Event{{Kind: inventory.OrderRefundDue, Order: inventory.ID{2}, Amount: 1}}, nil,
			map[inventory.ID]inventory.Order{{2}: {ID: inventory.ID{2}, State: inventory.Expired, RefundDue: 1}}},
		{"a state that shipping does not lead to", []inventory.Event{{Kind: inventory.OrderFulfilled, Order: inventory.ID{2},
			To: inventory.Returned, Lines: []inventory.Line{line}}}, map[inventory.ID]inventory.Stock{foldProducts[0]: {OnHand: 1, Committed: 1}},
			map[inventory.ID]inventory.Order{{2}: {ID: inventory.ID{2}, State: inventory.Confirmed}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := runOf(t, 0, test.events...).Fold(test.stocks, test.orders)
			require.ErrorIs(t, err, ErrCorrupt)
		})
	}
}

func TestNewRunRefusesGaps(t *testing.T) {
	at := func(sequence uint64) Position { return Position{Journal: foldJournal, Sequence: sequence} }
	record := func(sequence uint64) Record {
		return Record{Sequence: sequence, Event: inventory.Event{Kind: inventory.StockAdjusted, Lines: []inventory.Line{{}}}}
	}
	_, err := NewRun(Position{}, at(2), []Record{record(1), record(2)})
	require.NoError(t, err, "the first run of a journal")
	_, err = NewRun(at(2), at(2), nil)
	require.NoError(t, err)
	for name, run := range map[string]struct {
		from, to Position
		records  []Record
	}{
		"too few records":  {at(1), at(3), []Record{record(2)}},
		"too many records": {at(1), at(2), []Record{record(2), record(3)}},
		"out of order":     {at(1), at(3), []Record{record(3), record(2)}},
		"backwards":        {at(3), at(1), nil},
		"another journal":  {at(1), Position{Journal: inventory.ID{1}, Sequence: 2}, []Record{record(2)}},
	} {
		_, err := NewRun(run.from, run.to, run.records)
		require.ErrorIs(t, err, ErrCorrupt, name)
	}
}
