package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever an order of the past was, its events are legal on every shelf and leave it
// as it was, and the order is shipped at its prices. What comes back later does not
// enter the stock.
func TestThePastLeavesTheStockAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := Order{ID: ID{1}, Customer: ID{2}, PlacedAt: 1_000, Currency: Currency{'G', 'B', 'P'}, Body: Fingerprint{3}}
		before := Stock{OnHand: 9, Reserved: 4, Committed: 5, Safety: rapid.Int64Range(0, 20).Draw(t, "safety"), Version: 7}
		stocks := map[ID]Stock{}
		for i := range rapid.IntRange(1, 5).Draw(t, "lines") {
			line := Line{ProductID: ID{byte(i + 1)}, Quantity: rapid.Int64Range(1, LineQuantityMax).Draw(t, "units"),
				Price: rapid.Int64Range(0, 1_000).Draw(t, "price"), SKU: "SKU"}
			order.Lines = append(order.Lines, line)
			stocks[line.ProductID] = before
		}
		events, refusal := PastSale(&order, "invoice 1")
		require.Equal(t, Refusal{}, refusal)
		var evolved Order
		for i := range events {
			require.NoError(t, events[i].Check())
			require.Equal(t, Fingerprint{}, events[i].Key)
			if events[i].Kind.OfOrder() {
				require.NoError(t, evolved.Evolve(&events[i], uint64(i)))
			}
			for _, line := range events[i].Moves() {
				stock := stocks[line.ProductID]
				require.NoError(t, stock.Evolve(&events[i], line))
				stocks[line.ProductID] = stock
			}
		}
		require.Equal(t, Fulfilled, evolved.State)
		require.Equal(t, order.Total(), evolved.Total())
		require.Equal(t, order.PlacedAt, evolved.PlacedAt)
		back := PastReturn(&order, 2_000, unitsOnly(order.Lines), true)
		require.NoError(t, evolved.Evolve(&back, 9))
		require.Equal(t, Returned, evolved.State)
		for _, line := range back.Moves() {
			stock := stocks[line.ProductID]
			require.NoError(t, stock.Evolve(&back, line))
			require.Equal(t, uint64(12), stock.Version)
			require.Equal(t, line.Quantity, stock.Sold, "it is counted as sold")
			stock.Version, stock.Sold = before.Version, before.Sold
			require.Equal(t, before, stock)
		}
	})
}

func TestAPastOrderHasTheBoundsOfAnOrder(t *testing.T) {
	pound := Currency{'G', 'B', 'P'}
	line := Line{ProductID: ID{1}, Quantity: 1, Price: 1, SKU: "A"}
	for name, change := range map[string]func(*Order){
		"no lines":        func(o *Order) { o.Lines = nil },
		"too many units":  func(o *Order) { o.Lines[0].Quantity = LineQuantityMax + 1 },
		"no units":        func(o *Order) { o.Lines[0].Quantity = 0 },
		"a product twice": func(o *Order) { o.Lines = append(o.Lines, line) },
		"a total that overflows": func(o *Order) {
			o.Lines = nil
			for i := range 20 {
				o.Lines = append(o.Lines, Line{ProductID: ID{byte(i + 1)}, Quantity: LineQuantityMax, Price: PriceMinorMax})
			}
		},
	} {
		order := Order{ID: ID{1}, Customer: ID{2}, Currency: pound, Lines: []Line{line}}
		change(&order)
		events, refusal := PastSale(&order, "")
		require.Equal(t, CodeValidationFailed, refusal.Code, name)
		require.Empty(t, events, name)
	}
}
