package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var someProduct = Product{ID: ID{1}, SKU: "A-1", Price: Money{Minor: 250, Currency: Currency{'E', 'U', 'R'}}, HoldSeconds: 600}

func TestDecideTake(t *testing.T) {
	window := someProduct
	window.SaleStartsAt, window.SaleEndsAt = 100, 200
	paused, deleted := someProduct, someProduct
	paused.Paused, deleted.Deleted = true, true

	tests := []struct {
		name      string
		product   Product
		stock     Stock
		quantity  int64
		now       Instant
		code      Code
		available int64
		at        Instant
	}{
		{name: "enough", product: someProduct, stock: Stock{OnHand: 3}, quantity: 3},
		{name: "one short", product: someProduct, stock: Stock{OnHand: 3}, quantity: 4, code: CodeInsufficientStock, available: 3},
		{name: "nothing left", product: someProduct, stock: Stock{OnHand: 3, Committed: 3}, quantity: 1, code: CodeSoldOut},
		{name: "never had any", product: someProduct, quantity: 1, code: CodeSoldOut},
		{name: "held by others", product: someProduct, stock: Stock{OnHand: 3, Reserved: 1, Committed: 2}, quantity: 1, code: CodeAllHeld},
		{name: "safety is not sold", product: someProduct, stock: Stock{OnHand: 3, Safety: 2}, quantity: 2, code: CodeInsufficientStock, available: 1},
		{name: "safety above what is left", product: someProduct, stock: Stock{OnHand: 3, Safety: 9}, quantity: 1, code: CodeSoldOut},
		{name: "a nanosecond before the sale", product: window, stock: Stock{OnHand: 3}, quantity: 1, now: 99, code: CodeSaleNotStarted, at: 100},
		{name: "at the start of the sale", product: window, stock: Stock{OnHand: 3}, quantity: 1, now: 100},
		{name: "a nanosecond before the end", product: window, stock: Stock{OnHand: 3}, quantity: 1, now: 199},
		{name: "at the end of the sale", product: window, stock: Stock{OnHand: 3}, quantity: 1, now: 200, code: CodeSaleEnded, at: 200},
		{name: "paused", product: paused, stock: Stock{OnHand: 3}, quantity: 1, code: CodePaused},
		{name: "deleted", product: deleted, stock: Stock{OnHand: 3}, quantity: 1, code: CodeNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			refusal := DecideTake(&test.product, test.stock, test.quantity, test.now)
			require.Equal(t, test.code, refusal.Code)
			require.Equal(t, test.available, refusal.Available)
			require.Equal(t, test.at, refusal.At)
			if refusal.Refused() {
				require.Equal(t, test.product.ID, refusal.ProductID)
				require.NotEmpty(t, refusal.Detail)
			}
		})
	}
}

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

// Whatever is decided, evolving it keeps the invariants N1 to N7; the orders
// that were accepted account for every unit.
func TestStockFollowsItsOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stock, orders := Stock{}, []*Order{}
		received := int64(0)
		var version uint64
		evolve := func(event Event) {
			for i := range event.Lines {
				require.NoError(t, stock.Evolve(&event, &event.Lines[i]))
				version++
			}
		}
		follow := func(order *Order, kind Kind) {
			event := order.FollowUp(kind, 5, ID{9})
			evolve(event)
			require.NoError(t, order.Evolve(&event, version))
		}
		t.Repeat(map[string]func(*rapid.T){
			"adjust": func(t *rapid.T) {
				delta := rapid.Int64Range(-20, 20).Draw(t, "delta")
				if DecideAdjust(&someProduct, stock, delta).Refused() {
					return
				}
				received += delta
				evolve(Event{Kind: StockAdjusted, Lines: []Line{{ProductID: someProduct.ID, Quantity: delta}}})
			},
			"place": func(t *rapid.T) {
				quantity := rapid.Int64Range(1, 5).Draw(t, "quantity")
				refusal := DecideTake(&someProduct, stock, quantity, 1)
				require.Equal(t, stock.Available() < quantity, refusal.Refused())
				if refusal.Refused() {
					return
				}
				event := Event{Kind: OrderPlaced, Order: ID{byte(len(orders)), 1}, ExpiresAt: 10,
					Lines: []Line{{ProductID: someProduct.ID, Quantity: quantity}}}
				evolve(event)
				order := &Order{}
				require.NoError(t, order.Evolve(&event, version))
				orders = append(orders, order)
			},
			"change": func(t *rapid.T) {
				if len(orders) == 0 {
					return
				}
				order := rapid.SampledFrom(orders).Draw(t, "order")
				switch rapid.IntRange(0, 2).Draw(t, "how") {
				case 0:
					if repeated, refusal := order.DecideConfirm(rapid.SampledFrom([]Instant{9, 10}).Draw(t, "now")); !repeated && !refusal.Refused() {
						follow(order, OrderConfirmed)
					}
				case 1:
					if repeated, refusal := order.DecideCancel(); !repeated && !refusal.Refused() {
						follow(order, OrderCancelled)
					}
				case 2:
					if order.Due(10) {
						follow(order, OrderExpired)
					}
				}
			},
			"": func(t *rapid.T) {
				require.NoError(t, stock.Check())
				reserved, committed := unitsOf(orders)
				require.Equal(t, Stock{OnHand: received, Reserved: reserved, Committed: committed, Version: version}, stock)
			},
		})
	})
}

// unitsOf returns what N3 and N4 say of orders of one line.
func unitsOf(orders []*Order) (reserved, committed int64) {
	for _, order := range orders {
		switch order.State {
		case Reserved:
			reserved += order.Lines[0].Quantity
		case Confirmed:
			committed += order.Lines[0].Quantity
		}
	}
	return reserved, committed
}

// An event that would break an invariant is reported, never absorbed.
func TestStockReportsAnImpossibleEvent(t *testing.T) {
	line := Line{Quantity: 1}
	for _, kind := range []Kind{OrderPlaced, OrderConfirmed, OrderExpired, OrderCancelled, 0, 99} {
		stock := Stock{}
		require.ErrorContains(t, stock.Evolve(&Event{Kind: kind}, &line), "BUG:", "kind %s", kind)
	}
}
