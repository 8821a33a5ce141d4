package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecideAdjust(t *testing.T) {
	tests := []struct {
		name  string
		stock Stock
		delta int64
		code  Code
	}{
		{"receive", Stock{}, 5, ""},
		{"receive up to the bound", Stock{}, StockQuantityMax, ""},
		{"receive beyond the bound", Stock{OnHand: 1}, StockQuantityMax, CodeValidationFailed},
		{"overflow", Stock{OnHand: 1}, 1<<63 - 1, CodeValidationFailed},
		{"nothing", Stock{OnHand: 1}, 0, CodeValidationFailed},
		{"write off all that is free", Stock{OnHand: 9, Reserved: 2, Committed: 3}, -4, ""},
		{"write off what is promised", Stock{OnHand: 9, Reserved: 2, Committed: 3}, -5, CodeVersionConflict},
		{"write off more than there is", Stock{OnHand: 9}, -10, CodeVersionConflict},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.code, DecideAdjust(&someProduct, test.stock, test.delta).Code)
		})
	}
}

// Each kind moves units from one quantity to another, and nothing else.
func TestStockEvolves(t *testing.T) {
	start := Stock{OnHand: 20, Reserved: 5, Committed: 6, Sold: 8, Safety: 2, Version: 9}
	tests := []struct {
		name                              string
		event                             Event
		onHand, reserved, committed, sold int64
	}{
		{"placed", Event{Kind: OrderPlaced}, 0, 3, 0, 0},
		{"confirmed", Event{Kind: OrderConfirmed}, 0, -3, 3, 3},
		{"expired", Event{Kind: OrderExpired}, 0, -3, 0, 0},
		{"cancelled before it was paid", Event{Kind: OrderCancelled, From: Reserved}, 0, -3, 0, 0},
		{"cancelled after it was paid", Event{Kind: OrderCancelled, From: Confirmed}, 0, 0, -3, -3},
		{"reduced before it was paid", Event{Kind: OrderReduced, From: Reserved}, 0, -3, 0, 0},
		{"reduced after it was paid", Event{Kind: OrderReduced, From: Confirmed}, 0, 0, -3, -3},
		{"shipped in part", Event{Kind: OrderFulfilled, To: PartiallyFulfilled}, -3, 0, -3, 0},
		{"shipped", Event{Kind: OrderFulfilled, To: Fulfilled}, -3, 0, -3, 0},
		{"returned to be sold again", Event{Kind: OrderReturned, To: Returned, Restock: true}, 3, 0, 0, 0},
		{"returned and written off", Event{Kind: OrderReturned, To: Returned}, 0, 0, 0, 0},
		{"received", Event{Kind: StockAdjusted}, 3, 0, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stock := start
			require.NoError(t, stock.Evolve(&test.event, &Line{Quantity: 3}))
			require.Equal(t, Stock{OnHand: 20 + test.onHand, Reserved: 5 + test.reserved, Committed: 6 + test.committed,
				Sold: 8 + test.sold, Safety: 2, Version: 10}, stock)
			require.Equal(t, stock.OnHand-stock.Reserved-stock.Committed-2, stock.Available())
		})
	}
}

// An event that would break an invariant is reported, never absorbed.
func TestStockReportsAnImpossibleEvent(t *testing.T) {
	line := Line{Quantity: 1}
	for _, kind := range kinds() {
		if kind == StockAdjusted || kind == OrderReturned {
			continue // They need nothing to be there.
		}
		for _, from := range []State{Reserved, Confirmed} {
			stock := Stock{}
			require.ErrorContains(t, stock.Evolve(&Event{Kind: kind, From: from, To: Fulfilled}, &line), "BUG:", "kind %s", kind)
		}
	}
	stock := Stock{OnHand: 1, Reserved: 1}
	require.ErrorContains(t, stock.Evolve(&Event{Kind: StockAdjusted}, &Line{Quantity: -1}), "BUG:")
	stock = Stock{OnHand: 1, Reserved: 1}
	require.ErrorContains(t, stock.Evolve(&Event{Kind: OrderFulfilled}, &line), "BUG:", "held units cannot be shipped")
	stock = Stock{OnHand: 3, Reserved: 1, Committed: 2}
	require.ErrorContains(t, stock.Evolve(&Event{Kind: OrderPlaced}, &line), "BUG:", "held and paid units together are all there is")
}
