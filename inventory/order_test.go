package inventory

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOrderDecisions(t *testing.T) {
	const deadline = Instant(100)
	tests := []struct {
		state                     State
		now                       Instant
		confirm, cancel           Code
		confirmAgain, cancelAgain bool
		due                       bool
	}{
		{state: Reserved, now: 99},
		{state: Reserved, now: 100, confirm: CodeHoldExpired, due: true},
		{state: Confirmed, now: 99, confirmAgain: true},
		{state: Confirmed, now: 500, confirmAgain: true},
		{state: Cancelled, now: 99, confirm: CodeInvalidTransition, cancelAgain: true},
		{state: Expired, now: 500, confirm: CodeHoldExpired, cancel: CodeInvalidTransition},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s at %d", test.state, test.now), func(t *testing.T) {
			order := Order{State: test.state, ExpiresAt: deadline}
			again, refusal := order.DecideConfirm(test.now)
			require.Equal(t, test.confirm, refusal.Code)
			require.Equal(t, test.confirmAgain, again)
			again, refusal = order.DecideCancel()
			require.Equal(t, test.cancel, refusal.Code)
			require.Equal(t, test.cancelAgain, again)
			require.Equal(t, test.due, order.Due(test.now))
		})
	}
}

// Evolve takes exactly the transitions of the state machine.
func TestOrderEvolvesOnlyAlongTheStateMachine(t *testing.T) {
	legal := map[[2]any]State{
		{Reserved, OrderConfirmed}:  Confirmed,
		{Reserved, OrderCancelled}:  Cancelled,
		{Reserved, OrderExpired}:    Expired,
		{Confirmed, OrderCancelled}: Cancelled,
	}
	for _, state := range []State{Reserved, Confirmed, Cancelled, Expired} {
		for _, kind := range []Kind{OrderConfirmed, OrderCancelled, OrderExpired, StockAdjusted, 0, 200} {
			order := Order{ID: ID{1}, State: state}
			err := order.Evolve(&Event{Kind: kind, Order: ID{1}, At: 7}, 3)
			if to, ok := legal[[2]any{state, kind}]; ok {
				require.NoError(t, err)
				require.Equal(t, to, order.State)
				require.Equal(t, Instant(7), order.UpdatedAt)
				require.Equal(t, uint64(3), order.Sequence)
				continue
			}
			require.ErrorContains(t, err, "BUG:", "%s after %s", kind, state)
			require.Equal(t, state, order.State)
		}
	}
	other := Order{ID: ID{2}, State: Reserved}
	require.ErrorContains(t, other.Evolve(&Event{Kind: OrderConfirmed, Order: ID{1}}, 1), "BUG:")
}

// Merging keeps every unit, sorts, and leaves no product twice.
func TestMergeLinesKeepsEveryUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Line {
			return Line{ProductID: ID{byte(rapid.IntRange(0, 4).Draw(t, "product"))},
				Quantity: rapid.Int64Range(1, LineQuantityMax/2).Draw(t, "quantity")}
		})).Draw(t, "lines")
		want := map[ID]int64{}
		tooMany := false
		for _, line := range lines {
			want[line.ProductID] += line.Quantity
			tooMany = tooMany || want[line.ProductID] > LineQuantityMax
		}
		merged, refusal := MergeLines(slices.Clone(lines))
		require.Equal(t, tooMany, refusal.Refused())
		if tooMany {
			return
		}
		require.Len(t, merged, len(want))
		for i, line := range merged {
			require.Equal(t, want[line.ProductID], line.Quantity)
			require.True(t, i == 0 || string(merged[i-1].ProductID[:]) < string(line.ProductID[:]))
		}
	})
}

func TestMergeLinesRefusesBadQuantities(t *testing.T) {
	for _, quantity := range []int64{0, -1, LineQuantityMax + 1, 1<<63 - 1, -1 << 63} {
		_, refusal := MergeLines([]Line{{Quantity: quantity}})
		require.Equal(t, CodeValidationFailed, refusal.Code, "quantity %d", quantity)
	}
	_, refusal := MergeLines([]Line{{Quantity: LineQuantityMax}, {Quantity: 1}})
	require.Equal(t, CodeValidationFailed, refusal.Code, "the sum of two lines")
}

func TestDecidePlace(t *testing.T) {
	dollars, expensive := someProduct, someProduct
	dollars.Price.Currency = Currency{'U', 'S', 'D'}
	expensive.Price.Minor = PriceMinorMax

	lines := []Line{{Quantity: 2}, {Quantity: 3}}
	currency, refusal := DecidePlace(lines, []*Product{&someProduct, &someProduct})
	require.False(t, refusal.Refused())
	require.Equal(t, "EUR", currency.String())
	order := Order{Currency: currency, Lines: lines}
	require.Equal(t, Money{Minor: 1250, Currency: currency}, order.Total())
	require.Equal(t, "A-1", lines[1].SKU)

	_, refusal = DecidePlace(nil, nil)
	require.Equal(t, CodeValidationFailed, refusal.Code)
	_, refusal = DecidePlace([]Line{{Quantity: 1}, {Quantity: 1}}, []*Product{&someProduct, &dollars})
	require.Equal(t, CodeValidationFailed, refusal.Code, "two currencies")

	tooMuch := make([]Line, 10)
	products := make([]*Product, 10)
	for i := range tooMuch {
		tooMuch[i].Quantity, products[i] = LineQuantityMax, &expensive
	}
	_, refusal = DecidePlace(tooMuch, products)
	require.Equal(t, CodeValidationFailed, refusal.Code, "the total leaves the range")
}
