package inventory

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// kinds are all kinds, and a few numbers that are none.
func kinds() []Kind {
	all := []Kind{0, 11, 200}
	for kind := OrderPlaced; kind <= OrderRefundDue; kind++ {
		all = append(all, kind)
	}
	return all
}

// Evolve takes exactly the transitions of the state machine, and refuses every
// other event without a trace.
func TestOrderEvolvesOnlyAlongTheStateMachine(t *testing.T) {
	type step struct {
		from State
		kind Kind
		to   State
	}
	// Of these an event says itself where it leads.
	legal := []step{
		{Confirmed, OrderFulfilled, PartiallyFulfilled}, {Confirmed, OrderFulfilled, Fulfilled},
		{PartiallyFulfilled, OrderFulfilled, PartiallyFulfilled}, {PartiallyFulfilled, OrderFulfilled, Fulfilled},
		{Fulfilled, OrderReturned, PartiallyReturned}, {Fulfilled, OrderReturned, Returned},
		{PartiallyReturned, OrderReturned, PartiallyReturned}, {PartiallyReturned, OrderReturned, Returned},
	}
	// Of these it does not matter what the event says.
	fixed := map[step]bool{
		{Reserved, OrderConfirmed, Confirmed}: true, {Reserved, OrderExpired, Expired}: true,
		{Reserved, OrderCancelled, Cancelled}: true, {Confirmed, OrderCancelled, Cancelled}: true,
		{Reserved, OrderExtended, Reserved}: true,
		{Reserved, OrderReduced, Reserved}:  true, {Confirmed, OrderReduced, Confirmed}: true,
		{Cancelled, OrderRefundDue, Cancelled}: true, {Expired, OrderRefundDue, Expired}: true,
	}
	require.Len(t, States(), 8)
	taken := 0
	for _, from := range States() {
		for _, kind := range kinds() {
			if kind == OrderPlaced {
				continue // It makes an order, whatever was there.
			}
			for _, says := range append(States(), 0, 9) {
				order := Order{ID: ID{1}, State: from}
				err := order.Evolve(&Event{Kind: kind, Order: ID{1}, At: 7, From: from, To: says, ExpiresAt: 9, Amount: 2}, 3)
				if fixed[step{from, kind, order.State}] || slices.Contains(legal, step{from, kind, says}) {
					require.NoError(t, err)
					require.Equal(t, Instant(7), order.UpdatedAt)
					require.Equal(t, uint64(3), order.Sequence)
					if !fixed[step{from, kind, order.State}] {
						require.Equal(t, says, order.State)
					}
					taken++
					continue
				}
				require.ErrorContains(t, err, "BUG:", "%s to %s after %s", kind, says, from)
				require.Equal(t, Order{ID: ID{1}, State: from}, order)
			}
		}
	}
	require.Equal(t, len(legal)+len(fixed)*10, taken)
	other := Order{ID: ID{2}, State: Reserved}
	require.ErrorContains(t, other.Evolve(&Event{Kind: OrderConfirmed, Order: ID{1}}, 1), "BUG:")
	require.ErrorContains(t, other.Evolve(&Event{Kind: OrderCancelled, Order: ID{2}, From: Confirmed}, 1), "BUG:",
		"the stock would give back units of the wrong kind")
}

func TestPlacedOrderIsWhatItsEventSays(t *testing.T) {
	event := Event{Kind: OrderPlaced, At: 3, By: ID{8}, Order: ID{1}, Customer: ID{2}, ExpiresAt: 9, Currency: Currency{'E', 'U', 'R'},
		Key: Fingerprint{4}, Body: Fingerprint{5}, Lines: []Line{{ProductID: ID{6}, Quantity: 7, Price: 250, SKU: "A-1"}}}
	order := Order{ID: ID{9}, State: Returned, Extended: true, RefundDue: 3}
	require.NoError(t, order.Evolve(&event, 11))
	require.Equal(t, Order{ID: ID{1}, Customer: ID{2}, State: Reserved, Currency: event.Currency, PlacedAt: 3, ExpiresAt: 9,
		UpdatedAt: 3, Key: event.Key, Body: event.Body, Lines: event.Lines, Sequence: 11}, order)
	require.Equal(t, Money{Minor: 1750, Currency: event.Currency}, order.Total())
}

// The one extension and the one refund are noted, and a second of either is
// reported.
func TestExtensionAndRefundHappenOnce(t *testing.T) {
	order := Order{ID: ID{1}, State: Reserved, ExpiresAt: 10}
	extend := Event{Kind: OrderExtended, Order: ID{1}, ExpiresAt: 20}
	require.NoError(t, order.Evolve(&extend, 1))
	require.Equal(t, Order{ID: ID{1}, State: Reserved, ExpiresAt: 20, Extended: true, Sequence: 1}, order)
	require.ErrorContains(t, order.Evolve(&extend, 2), "BUG:")

	require.NoError(t, order.Evolve(&Event{Kind: OrderExpired, Order: ID{1}}, 3))
	refund := Event{Kind: OrderRefundDue, Order: ID{1}, Amount: 99}
	require.NoError(t, order.Evolve(&refund, 4))
	require.EqualValues(t, 99, order.RefundDue)
	require.Equal(t, Expired, order.State)
	require.ErrorContains(t, order.Evolve(&refund, 5), "BUG:")
	require.EqualValues(t, 4, order.Sequence)
}

// Events count units on the lines that they name, and on no other.
func TestEventsCountUnitsOnLines(t *testing.T) {
	lines := []Line{{ProductID: ID{1}, Quantity: 3}, {ProductID: ID{2}, Quantity: 5}, {ProductID: ID{3}, Dropped: 4, DroppedFor: 2}}
	order := Order{ID: ID{1}, State: Confirmed, Lines: lines}
	evolve := func(kind Kind, to State, moved ...Line) {
		require.NoError(t, order.Evolve(&Event{Kind: kind, Order: ID{1}, From: order.State, To: to, Lines: moved}, 1))
	}
	evolve(OrderReduced, 0, Line{ProductID: ID{1}, Quantity: 1}, Line{ProductID: ID{2}, Quantity: 2})
	evolve(OrderFulfilled, PartiallyFulfilled, Line{ProductID: ID{2}, Quantity: 1})
	evolve(OrderFulfilled, Fulfilled, Line{ProductID: ID{1}, Quantity: 2}, Line{ProductID: ID{2}, Quantity: 2})
	evolve(OrderReturned, PartiallyReturned, Line{ProductID: ID{2}, Quantity: 1})
	evolve(OrderReturned, PartiallyReturned, Line{ProductID: ID{2}, Quantity: 2})
	require.Equal(t, []Line{
		{ProductID: ID{1}, Quantity: 2, Released: 1, Shipped: 2},
		{ProductID: ID{2}, Quantity: 3, Released: 2, Shipped: 3, Returned: 3},
		{ProductID: ID{3}, Dropped: 4, DroppedFor: 2}}, order.Lines)
}

// An event that moves what a line does not have is reported, and changes nothing.
func TestOrderReportsUnitsThatItDoesNotHave(t *testing.T) {
	start := []Line{{ProductID: ID{1}, Quantity: 3, Shipped: 2, Returned: 1}, {ProductID: ID{2}, Quantity: 3}}
	tests := []struct {
		name  string
		state State
		kind  Kind
		to    State
		moved Line
	}{
		{"ship more than is left", PartiallyFulfilled, OrderFulfilled, Fulfilled, Line{ProductID: ID{1}, Quantity: 2}},
		{"return more than is out", PartiallyReturned, OrderReturned, PartiallyReturned, Line{ProductID: ID{1}, Quantity: 2}},
		{"release what was shipped", Confirmed, OrderReduced, 0, Line{ProductID: ID{1}, Quantity: 2}},
		{"a product that it has no line of", Confirmed, OrderReduced, 0, Line{ProductID: ID{3}, Quantity: 1}},
		{"nothing", Confirmed, OrderFulfilled, Fulfilled, Line{ProductID: ID{1}}},
		{"less than nothing", Confirmed, OrderReduced, 0, Line{ProductID: ID{2}, Quantity: -1}},
		{"more than a counter takes", Confirmed, OrderFulfilled, Fulfilled, Line{ProductID: ID{2}, Quantity: 1<<32 + 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			order := Order{ID: ID{1}, State: test.state, Lines: slices.Clone(start), Sequence: 4}
			event := Event{Kind: test.kind, Order: ID{1}, From: test.state, To: test.to, Lines: []Line{test.moved}}
			require.ErrorContains(t, order.Evolve(&event, 5), "BUG:")
			require.Equal(t, Order{ID: ID{1}, State: test.state, Lines: start, Sequence: 4}, order)
		})
	}
}

// A copy of an order is a snapshot: what happens later does not show in it.
func TestACopyOfAnOrderNeverChanges(t *testing.T) {
	var order Order
	var copies []Order
	var texts []string
	events := []Event{
		{Kind: OrderPlaced, Order: ID{1}, Lines: []Line{{ProductID: ID{1}, Quantity: 3}, {ProductID: ID{2}, Quantity: 2}}},
		{Kind: OrderReduced, Lines: []Line{{ProductID: ID{2}, Quantity: 1}}},
		{Kind: OrderExtended, ExpiresAt: 5},
		{Kind: OrderConfirmed},
		{Kind: OrderReduced, Lines: []Line{{ProductID: ID{1}, Quantity: 1}}},
		{Kind: OrderFulfilled, To: PartiallyFulfilled, Lines: []Line{{ProductID: ID{1}, Quantity: 1}}},
		{Kind: OrderFulfilled, To: Fulfilled, Lines: []Line{{ProductID: ID{1}, Quantity: 1}, {ProductID: ID{2}, Quantity: 1}}},
		{Kind: OrderReturned, To: PartiallyReturned, Lines: []Line{{ProductID: ID{2}, Quantity: 1}}},
		{Kind: OrderReturned, To: Returned, Lines: []Line{{ProductID: ID{1}, Quantity: 2}}},
	}
	for i := range events {
		events[i].Order, events[i].From = ID{1}, order.State
		require.NoError(t, order.Evolve(&events[i], uint64(i+1)))
		copies, texts = append(copies, order), append(texts, fmt.Sprintf("%+v", order))
		// An event made of the order is a snapshot too.
		copies, texts = append(copies, Order{Lines: order.linesLeft()}), append(texts, fmt.Sprintf("%+v", Order{Lines: order.linesLeft()}))
	}
	for i := range copies {
		require.Equal(t, texts[i], fmt.Sprintf("%+v", copies[i]))
	}
	require.Equal(t, Returned, order.State)
}

// What follows up an order moves its units, and not the lines that have none.
func TestFollowUpMovesWhatIsLeft(t *testing.T) {
	order := Order{ID: ID{1}, Customer: ID{2}, State: Confirmed, Lines: []Line{{ProductID: ID{1}, Dropped: 1, DroppedFor: 2},
		{ProductID: ID{2}, Quantity: 4}, {ProductID: ID{3}, Released: 2}, {ProductID: ID{4}, Quantity: 1}}}
	event := order.FollowUp(OrderCancelled, 7, ID{9})
	require.Equal(t, Event{Kind: OrderCancelled, At: 7, By: ID{9}, Order: ID{1}, Customer: ID{2}, From: Confirmed,
		Lines: []Line{{ProductID: ID{2}, Quantity: 4}, {ProductID: ID{4}, Quantity: 1}}}, event)
	require.Len(t, order.Lines, 4)
}

func TestEventMovesTheLinesThatHaveUnits(t *testing.T) {
	event := Event{Lines: []Line{{ProductID: ID{1}}, {ProductID: ID{2}, Quantity: 4}, {ProductID: ID{3}}, {ProductID: ID{4}, Quantity: -1}}}
	var moved []int
	for i, line := range event.Moves() {
		require.Same(t, &event.Lines[i], line)
		moved = append(moved, i)
	}
	require.Equal(t, []int{1, 3}, moved)
	for i := range event.Moves() {
		require.Equal(t, 1, i)
		break
	}
}

func TestStateWords(t *testing.T) {
	words := make(map[string]bool)
	for _, state := range States() {
		parsed, ok := ParseState(state.String())
		require.True(t, ok)
		require.Equal(t, state, parsed)
		words[state.String()] = true
	}
	require.Len(t, words, 8)
	for _, bad := range []string{"", "Reserved", "state_1"} {
		_, ok := ParseState(bad)
		require.False(t, ok, "%q", bad)
	}
	require.Equal(t, "state_0", State(0).String())
	require.Equal(t, "state_9", State(9).String())
}

// Final orders move no more units; settled ones hold none and ship none, so that
// no transition leads from settled to unsettled.
func TestFinalAndSettledStates(t *testing.T) {
	var final, settled []State
	for _, state := range States() {
		if state.Final() {
			final = append(final, state)
		}
		if state.Settled() {
			settled = append(settled, state)
		}
	}
	require.Equal(t, []State{Returned, Cancelled, Expired}, final)
	require.Equal(t, []State{Fulfilled, PartiallyReturned, Returned, Cancelled, Expired}, settled)
	for kind, transition := range transitions {
		for _, from := range transition.from {
			require.False(t, from.Final() && Kind(kind).HasLines(), "%s moves units of an order that is %s", Kind(kind), from)
			for _, to := range transition.to {
				require.False(t, from.Settled() && !to.Settled(), "%s leads from %s to %s", Kind(kind), from, to)
			}
		}
	}
}

func TestKindsAreWhatTheyCarry(t *testing.T) {
	var ofOrder, withKey, withoutLines []Kind
	for _, kind := range kinds() {
		require.Equal(t, kind >= 1 && kind <= 10, kind.Valid(), kind)
		require.False(t, !kind.Valid() && (kind.OfOrder() || kind.HasKey() || kind.HasLines()), kind)
		if kind.OfOrder() {
			ofOrder = append(ofOrder, kind)
		}
		if kind.HasKey() {
			withKey = append(withKey, kind)
		}
		if kind.Valid() && !kind.HasLines() {
			withoutLines = append(withoutLines, kind)
		}
	}
	require.Equal(t, []Kind{OrderPlaced, OrderConfirmed, OrderCancelled, OrderExpired, OrderFulfilled, OrderReturned,
		OrderExtended, OrderReduced, OrderRefundDue}, ofOrder)
	require.Equal(t, []Kind{OrderPlaced, StockAdjusted, OrderFulfilled, OrderReturned}, withKey)
	require.Equal(t, []Kind{OrderExtended, OrderRefundDue}, withoutLines)
	require.Equal(t, "order_refund_due", OrderRefundDue.String())
	require.Equal(t, "kind_0", Kind(0).String())
	require.Equal(t, "kind_11", Kind(11).String())
}
