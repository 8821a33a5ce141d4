package inventory

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The products of the orders in these tests, ascending.
var first, second, third = ID{1}, ID{2}, ID{3}

// someOrder has two lines with units, 5 × 10 + 2 × 100 in all, and one without.
// Its hold lasts from 1,000 to 1,600.
func someOrder(state State) Order {
	return Order{ID: ID{7}, Customer: ID{8}, State: state, Currency: Currency{'E', 'U', 'R'}, PlacedAt: 1000, ExpiresAt: 1600,
		Lines: []Line{{ProductID: first, Quantity: 5, Price: 10, SKU: "A"}, {ProductID: second, Quantity: 2, Price: 100, SKU: "B"},
			{ProductID: third, Price: 7, SKU: "C", Dropped: 1, DroppedFor: 2}}}
}

func units(product ID, quantity int64) Line { return Line{ProductID: product, Quantity: quantity} }

// decision is what a table expects of Decide.
type decision struct {
	name     string
	order    Order
	change   Change
	now      Instant
	code     Code
	repeated bool
	// kind, to and moved are of the event.
	kind  Kind
	to    State
	moved []Line
}

// decide checks what each decision says, and that its event leads where it should.
func decide(t *testing.T, tests []decision, more func(t *testing.T, test *decision, event *Event, after *Order)) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.change.By = ID{9}
			before := test.order
			before.Lines = slices.Clone(before.Lines)
			event, repeated, refusal := test.order.Decide(&test.change, test.now)
			require.Equal(t, before, test.order, "a decision changes nothing")
			require.Equal(t, test.code, refusal.Code)
			require.Equal(t, test.repeated, repeated)
			if refusal.Refused() || repeated {
				require.Equal(t, Event{}, event)
				require.Equal(t, refusal.Refused(), refusal.Detail != "")
				return
			}
			require.Equal(t, test.kind, event.Kind)
			require.Equal(t, test.now, event.At)
			require.Equal(t, []ID{{7}, {8}}, []ID{event.Order, event.Customer})
			require.Equal(t, test.kind.HasLines(), len(event.Lines) > 0)
			moved := make([]Line, 0, len(event.Lines))
			for _, line := range event.Lines {
				moved = append(moved, units(line.ProductID, line.Quantity))
			}
			require.Equal(t, append([]Line{}, test.moved...), moved)
			after := test.order
			require.NoError(t, after.Evolve(&event, 5))
			require.Equal(t, test.to, after.State)
			more(t, &test, &event, &after)
		})
	}
}

func TestDecideConfirm(t *testing.T) {
	const last = Instant(1599)
	pay, ask := Change{Kind: OrderConfirmed, Paid: true}, Change{Kind: OrderConfirmed}
	all := []Line{units(first, 5), units(second, 2)}
	noted, free := someOrder(Expired), someOrder(Cancelled)
	noted.RefundDue = 250
	free.Lines = []Line{{ProductID: first, Quantity: 5}}
	tests := []decision{
		{name: "in time", order: someOrder(Reserved), change: ask, now: last, kind: OrderConfirmed, to: Confirmed, moved: all},
		{name: "paid in time", order: someOrder(Reserved), change: pay, now: last, kind: OrderConfirmed, to: Confirmed, moved: all},
		{name: "at the end of the hold", order: someOrder(Reserved), change: ask, now: 1600, code: CodeHoldExpired},
		{name: "expired", order: someOrder(Expired), change: ask, now: 1700, code: CodeHoldExpired},
		{name: "expired early by a clock that was wrong", order: someOrder(Expired), change: ask, now: last, code: CodeHoldExpired},
		{name: "cancelled", order: someOrder(Cancelled), change: ask, now: last, code: CodeInvalidTransition},
		{name: "paid at the end of the hold, before the timer", order: someOrder(Reserved), change: pay, now: 1600,
			kind: OrderExpired, to: Expired, moved: all},
		{name: "paid after it expired", order: someOrder(Expired), change: pay, now: 1700, kind: OrderRefundDue, to: Expired},
		{name: "paid after it was cancelled", order: someOrder(Cancelled), change: pay, now: last, kind: OrderRefundDue, to: Cancelled},
		{name: "paid late a second time", order: noted, change: pay, now: 1800, repeated: true},
		{name: "asked for after a late payment", order: noted, change: ask, now: 1800, code: CodeHoldExpired},
		{name: "paid late, and it cost nothing", order: free, change: pay, now: 1800, repeated: true},
	}
	for _, state := range []State{Confirmed, PartiallyFulfilled, Fulfilled, PartiallyReturned, Returned} {
		tests = append(tests, decision{name: "repeated when " + state.String(), order: someOrder(state), change: pay, now: 9999, repeated: true})
	}
	decide(t, tests, func(t *testing.T, test *decision, event *Event, after *Order) {
		switch test.kind {
		case OrderExpired:
			require.Zero(t, event.By, "the engine itself ends a hold")
			again, repeated, refusal := after.Decide(&test.change, test.now)
			require.False(t, repeated || refusal.Refused())
			require.Equal(t, OrderRefundDue, again.Kind, "decided again, the payment is noted")
		case OrderRefundDue:
			require.EqualValues(t, 250, event.Amount)
			require.EqualValues(t, 250, after.RefundDue)
			require.Equal(t, ID{9}, event.By)
		default:
			require.Equal(t, ID{9}, event.By)
		}
	})
	_, _, refusal := noted.Decide(&ask, 1800)
	require.EqualValues(t, 1600, refusal.At, "the refusal says when the hold ended")
}

func TestDecideCancel(t *testing.T) {
	cancel := func(lines ...Line) Change { return Change{Kind: OrderCancelled, Lines: lines} }
	reduced := someOrder(Confirmed)
	reduced.Lines = []Line{{ProductID: first, Released: 5}, {ProductID: second, Quantity: 2}}
	all := []Line{units(first, 5), units(second, 2)}
	tests := []decision{
		{name: "unpaid", order: someOrder(Reserved), change: cancel(), kind: OrderCancelled, to: Cancelled, moved: all},
		{name: "paid", order: someOrder(Confirmed), change: cancel(), kind: OrderCancelled, to: Cancelled, moved: all},
		{name: "unpaid after the end of the hold", order: someOrder(Reserved), change: cancel(), now: 1700,
			kind: OrderCancelled, to: Cancelled, moved: all},
		{name: "again", order: someOrder(Cancelled), change: cancel(), repeated: true},
		{name: "a line of it again", order: someOrder(Cancelled), change: cancel(units(first, 0)), repeated: true},
		{name: "one line", order: someOrder(Reserved), change: cancel(units(first, 0)),
			kind: OrderReduced, to: Reserved, moved: []Line{units(first, 5)}},
		{name: "one paid line", order: someOrder(Confirmed), change: cancel(units(second, 0)),
			kind: OrderReduced, to: Confirmed, moved: []Line{units(second, 2)}},
		{name: "one line, with its units", order: someOrder(Reserved), change: cancel(units(first, 5)),
			kind: OrderReduced, to: Reserved, moved: []Line{units(first, 5)}},
		{name: "a part of a line", order: someOrder(Reserved), change: cancel(units(first, 2)),
			kind: OrderReduced, to: Reserved, moved: []Line{units(first, 2)}},
		{name: "parts of all lines", order: someOrder(Reserved), change: cancel(units(first, 5), units(second, 1)),
			kind: OrderReduced, to: Reserved, moved: []Line{units(first, 5), units(second, 1)}},
		{name: "every line by name", order: someOrder(Reserved), change: cancel(units(first, 0), units(second, 0), units(third, 0)),
			kind: OrderCancelled, to: Cancelled, moved: all},
		{name: "the last line", order: reduced, change: cancel(units(second, 0)), kind: OrderCancelled, to: Cancelled,
			moved: []Line{units(second, 2)}},
		{name: "the rest", order: reduced, change: cancel(), kind: OrderCancelled, to: Cancelled, moved: []Line{units(second, 2)}},
		{name: "a line that is gone", order: reduced, change: cancel(units(first, 0)), repeated: true},
		{name: "a line that was dropped", order: someOrder(Reserved), change: cancel(units(third, 0)), repeated: true},
		{name: "more than the line has", order: someOrder(Reserved), change: cancel(units(first, 6)), code: CodeInvalidTransition},
		{name: "less than nothing", order: someOrder(Reserved), change: cancel(units(first, -1)), code: CodeValidationFailed},
		{name: "a product that it has no line of", order: someOrder(Reserved), change: cancel(units(first, 0), units(ID{4}, 0)),
			code: CodeValidationFailed},
		{name: "a line twice", order: someOrder(Reserved), change: cancel(units(first, 1), units(first, 1)), code: CodeValidationFailed},
		{name: "lines that do not ascend", order: someOrder(Reserved), change: cancel(units(second, 0), units(first, 0)),
			code: CodeValidationFailed},
	}
	for _, state := range []State{Expired, PartiallyFulfilled, Fulfilled, PartiallyReturned, Returned} {
		for _, lines := range [][]Line{nil, {units(first, 0)}} {
			tests = append(tests, decision{name: "when " + state.String(), order: someOrder(state), change: cancel(lines...), code: CodeInvalidTransition})
		}
	}
	decide(t, tests, func(t *testing.T, test *decision, event *Event, after *Order) {
		require.Equal(t, test.order.State, event.From)
		require.Equal(t, ID{9}, event.By)
		if test.kind == OrderReduced {
			require.Positive(t, unitsOf(after.Lines), "an order that goes on has units")
		}
	})
}

func TestDecideExtend(t *testing.T) {
	extend := func(saleEnds Instant) Change { return Change{Kind: OrderExtended, SaleEndsAt: saleEnds} }
	extended := someOrder(Reserved)
	extended.Extended, extended.ExpiresAt = true, 2200
	tests := []decision{
		{name: "once", order: someOrder(Reserved), change: extend(0), now: 1100, kind: OrderExtended, to: Reserved},
		{name: "in the last nanosecond", order: someOrder(Reserved), change: extend(0), now: 1599, kind: OrderExtended, to: Reserved},
		{name: "before the sale ends", order: someOrder(Reserved), change: extend(2201), now: 1100, kind: OrderExtended, to: Reserved},
		{name: "to the end of the sale", order: someOrder(Reserved), change: extend(1601), now: 1100, kind: OrderExtended, to: Reserved},
		{name: "again", order: extended, change: extend(0), now: 1100, repeated: true},
		{name: "again, and the sale has ended", order: extended, change: extend(1500), now: 1550, repeated: true},
		{name: "the hold lasts as long as the sale", order: someOrder(Reserved), change: extend(1600), now: 1100, code: CodeSaleEnded},
		{name: "the sale ends before the hold", order: someOrder(Reserved), change: extend(1300), now: 1100, code: CodeSaleEnded},
		{name: "at the end of the hold", order: someOrder(Reserved), change: extend(0), now: 1600, code: CodeHoldExpired},
		{name: "again at the end of the hold", order: extended, change: extend(0), now: 2200, code: CodeHoldExpired},
		{name: "expired", order: someOrder(Expired), change: extend(0), now: 1100, code: CodeHoldExpired},
	}
	for _, state := range []State{Confirmed, Cancelled, PartiallyFulfilled, Fulfilled, PartiallyReturned, Returned} {
		tests = append(tests, decision{name: "when " + state.String(), order: someOrder(state), change: extend(0), now: 1100, code: CodeInvalidTransition})
	}
	decide(t, tests, func(t *testing.T, test *decision, event *Event, after *Order) {
		until := Instant(2200)
		if test.change.SaleEndsAt != 0 {
			until = min(until, test.change.SaleEndsAt)
		}
		require.Equal(t, until, after.ExpiresAt)
		require.True(t, after.Extended)
		require.Equal(t, ID{9}, event.By)
		require.True(t, after.Due(until))
		require.False(t, after.Due(until-1))
	})
}

func TestDecideFulfil(t *testing.T) {
	ship := func(lines ...Line) Change {
		return Change{Kind: OrderFulfilled, Lines: lines, Key: Fingerprint{3}, Body: Fingerprint{4}}
	}
	begun := someOrder(PartiallyFulfilled)
	begun.Lines[0].Shipped = 3
	almost := someOrder(PartiallyFulfilled)
	almost.Lines[0].Shipped = 5
	rest := []Line{units(first, 2), units(second, 2)}
	tests := []decision{
		{name: "all", order: someOrder(Confirmed), change: ship(), kind: OrderFulfilled, to: Fulfilled,
			moved: []Line{units(first, 5), units(second, 2)}},
		{name: "a part", order: someOrder(Confirmed), change: ship(units(first, 3)), kind: OrderFulfilled, to: PartiallyFulfilled,
			moved: []Line{units(first, 3)}},
		{name: "a whole line", order: someOrder(Confirmed), change: ship(units(second, 0)), kind: OrderFulfilled, to: PartiallyFulfilled,
			moved: []Line{units(second, 2)}},
		{name: "another part", order: begun, change: ship(units(first, 1), units(second, 0)), kind: OrderFulfilled, to: PartiallyFulfilled,
			moved: []Line{units(first, 1), units(second, 2)}},
		{name: "the rest", order: begun, change: ship(), kind: OrderFulfilled, to: Fulfilled, moved: rest},
		{name: "the rest by name", order: begun, change: ship(rest...), kind: OrderFulfilled, to: Fulfilled, moved: rest},
		{name: "the rest, with what has none", order: almost, change: ship(units(first, 0), units(second, 0), units(third, 0)),
			kind: OrderFulfilled, to: Fulfilled, moved: []Line{units(second, 2)}},
		{name: "too much", order: begun, change: ship(units(first, 3)), code: CodeInvalidTransition},
		{name: "what is shipped", order: almost, change: ship(units(first, 1)), code: CodeInvalidTransition},
		{name: "nothing of a line that is shipped", order: almost, change: ship(units(first, 0)), code: CodeInvalidTransition},
		{name: "what was dropped", order: begun, change: ship(units(third, 1)), code: CodeInvalidTransition},
		{name: "less than nothing", order: begun, change: ship(units(first, -1)), code: CodeValidationFailed},
		{name: "a product that it has no line of", order: begun, change: ship(units(ID{4}, 1)), code: CodeValidationFailed},
		{name: "a line twice", order: begun, change: ship(units(first, 1), units(first, 1)), code: CodeValidationFailed},
	}
	for _, state := range []State{Reserved, Cancelled, Expired, Fulfilled, PartiallyReturned, Returned} {
		tests = append(tests, decision{name: "when " + state.String(), order: someOrder(state), change: ship(), code: CodeInvalidTransition})
	}
	decide(t, tests, func(t *testing.T, test *decision, event *Event, after *Order) {
		require.Equal(t, []Fingerprint{{3}, {4}}, []Fingerprint{event.Key, event.Body})
		require.Equal(t, ID{9}, event.By)
		require.Equal(t, after.State == Fulfilled, after.Lines[0].Shipped == 5 && after.Lines[1].Shipped == 2)
	})
	_, _, refusal := begun.Decide(&Change{Kind: OrderFulfilled, Lines: []Line{units(first, 3)}}, 0)
	require.Equal(t, []any{first, int64(3), int64(2)}, []any{refusal.ProductID, refusal.Requested, refusal.Available})
}

func TestDecideReturn(t *testing.T) {
	bring := func(lines ...Line) Change {
		return Change{Kind: OrderReturned, Lines: lines, Key: Fingerprint{3}, Body: Fingerprint{4}}
	}
	shipped, begun := someOrder(Fulfilled), someOrder(PartiallyReturned)
	for _, order := range []Order{shipped, begun} {
		order.Lines[0].Shipped, order.Lines[1].Shipped = 5, 2
	}
	begun.Lines[0].Returned, begun.Lines[1].Returned = 5, 1
	tests := []decision{
		{name: "all", order: shipped, change: bring(), kind: OrderReturned, to: Returned, moved: []Line{units(first, 5), units(second, 2)}},
		{name: "a part", order: shipped, change: bring(units(first, 4)), kind: OrderReturned, to: PartiallyReturned, moved: []Line{units(first, 4)}},
		{name: "a whole line", order: shipped, change: bring(units(first, 0)), kind: OrderReturned, to: PartiallyReturned, moved: []Line{units(first, 5)}},
		{name: "the rest", order: begun, change: bring(), kind: OrderReturned, to: Returned, moved: []Line{units(second, 1)}},
		{name: "the rest by name", order: begun, change: bring(units(second, 1)), kind: OrderReturned, to: Returned, moved: []Line{units(second, 1)}},
		{name: "too much", order: begun, change: bring(units(second, 2)), code: CodeInvalidTransition},
		{name: "what was returned", order: begun, change: bring(units(first, 0)), code: CodeInvalidTransition},
		{name: "a product that it has no line of", order: begun, change: bring(units(ID{4}, 1)), code: CodeValidationFailed},
	}
	for _, state := range []State{Reserved, Confirmed, Cancelled, Expired, PartiallyFulfilled, Returned} {
		tests = append(tests, decision{name: "when " + state.String(), order: someOrder(state), change: bring(), code: CodeInvalidTransition})
	}
	for _, restock := range []bool{true, false} {
		for i := range tests {
			tests[i].change.Restock = restock
		}
		decide(t, tests, func(t *testing.T, test *decision, event *Event, after *Order) {
			require.Equal(t, restock, event.Restock)
			require.Equal(t, []Fingerprint{{3}, {4}}, []Fingerprint{event.Key, event.Body})
			require.Equal(t, after.State == Returned, after.Lines[0].Returned == 5 && after.Lines[1].Returned == 2)
		})
	}
}

// Kinds that nobody can ask for are refused.
func TestDecideRefusesOtherKinds(t *testing.T) {
	for _, kind := range kinds() {
		switch kind {
		case OrderConfirmed, OrderCancelled, OrderExtended, OrderFulfilled, OrderReturned:
			continue
		}
		for _, state := range States() {
			order := someOrder(state)
			_, repeated, refusal := order.Decide(&Change{Kind: kind}, 1)
			require.Equal(t, CodeValidationFailed, refusal.Code, "%s when %s", kind, state)
			require.False(t, repeated)
		}
	}
}
