package inventory

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var someProduct = Product{ID: ID{1}, SKU: "A-1", Price: Money{Minor: 250, Currency: Currency{'E', 'U', 'R'}}, HoldSeconds: 600}

func TestDecideTake(t *testing.T) {
	const hour = 3600 * Second
	window := someProduct
	window.SaleStartsAt, window.SaleEndsAt = hour, 2*hour
	open := someProduct
	open.SaleStartsAt = hour
	limited, paused, deleted := someProduct, someProduct, someProduct
	limited.PurchaseLimit, paused.Paused, deleted.Deleted = 4, true, true

	tests := []struct {
		name    string
		product Product
		stock   Stock
		take    Take
		code    Code
		// partial is what is granted when less is welcome.
		partial, available, remaining int64
		at                            Instant
	}{
		{name: "enough", product: someProduct, stock: Stock{OnHand: 3}, take: Take{Quantity: 3}, partial: 3},
		{name: "one short", product: someProduct, stock: Stock{OnHand: 3}, take: Take{Quantity: 4},
			code: CodeInsufficientStock, available: 3, partial: 3},
		{name: "nothing left", product: someProduct, stock: Stock{OnHand: 3, Committed: 3}, take: Take{Quantity: 1}, code: CodeSoldOut},
		{name: "never had any", product: someProduct, take: Take{Quantity: 1}, code: CodeSoldOut},
		{name: "held by others", product: someProduct, stock: Stock{OnHand: 3, Reserved: 1, Committed: 2}, take: Take{Quantity: 1}, code: CodeAllHeld},
		{name: "safety is not sold", product: someProduct, stock: Stock{OnHand: 3, Safety: 2}, take: Take{Quantity: 2},
			code: CodeInsufficientStock, available: 1, partial: 1},
		{name: "safety above what is left", product: someProduct, stock: Stock{OnHand: 3, Safety: 9}, take: Take{Quantity: 1}, code: CodeSoldOut},

		{name: "a nanosecond before the sale", product: window, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: hour - 1},
			code: CodeSaleNotStarted, at: hour},
		{name: "at the start of the sale", product: window, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: hour}, partial: 1},
		{name: "a nanosecond after the start", product: window, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: hour + 1}, partial: 1},
		{name: "a nanosecond before the end", product: window, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: 2*hour - 1}, partial: 1},
		{name: "at the end of the sale", product: window, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: 2 * hour},
			code: CodeSaleEnded, at: 2 * hour},
		{name: "a nanosecond after the end", product: window, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: 2*hour + 1},
			code: CodeSaleEnded, at: 2 * hour},
		{name: "a sale without end", product: open, stock: Stock{OnHand: 3}, take: Take{Quantity: 1, At: 1<<63 - 1}, partial: 1},
		{name: "paused", product: paused, stock: Stock{OnHand: 3}, take: Take{Quantity: 1}, code: CodePaused},
		{name: "deleted", product: deleted, stock: Stock{OnHand: 3}, take: Take{Quantity: 1}, code: CodeNotFound},

		{name: "up to the limit", product: limited, stock: Stock{OnHand: 9}, take: Take{Quantity: 4}, partial: 4},
		{name: "up to the limit with what the customer had", product: limited, stock: Stock{OnHand: 9}, take: Take{Quantity: 1, Had: 3}, partial: 1},
		{name: "one above the limit", product: limited, stock: Stock{OnHand: 9}, take: Take{Quantity: 5},
			code: CodeQuantityLimitCustomer, remaining: 4, partial: 4},
		{name: "at the limit before", product: limited, stock: Stock{OnHand: 9}, take: Take{Quantity: 1, Had: 4}, code: CodeQuantityLimitCustomer},
		{name: "a limit that was lowered", product: limited, stock: Stock{OnHand: 9}, take: Take{Quantity: 1, Had: 7}, code: CodeQuantityLimitCustomer},
		{name: "no limit", product: someProduct, stock: Stock{OnHand: 9}, take: Take{Quantity: 1, Had: 1 << 40}, partial: 1},
		{name: "the limit is tighter than the stock", product: limited, stock: Stock{OnHand: 3}, take: Take{Quantity: 4, Had: 2},
			code: CodeQuantityLimitCustomer, remaining: 2, partial: 2},
		{name: "the stock is tighter than the limit", product: limited, stock: Stock{OnHand: 1}, take: Take{Quantity: 5, Had: 1},
			code: CodeInsufficientStock, available: 1, partial: 1},
		{name: "limit and stock are at their ends", product: limited, stock: Stock{OnHand: 1, Safety: 2}, take: Take{Quantity: 1, Had: 4},
			code: CodeQuantityLimitCustomer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			granted, refusal := DecideTake(&test.product, test.stock, test.take)
			require.Equal(t, test.code, refusal.Code)
			require.Equal(t, test.available, refusal.Available)
			require.Equal(t, test.remaining, refusal.Remaining)
			require.Equal(t, test.at, refusal.At)
			if refusal.Refused() {
				require.Zero(t, granted, "without Partial it is all or nothing")
				require.Equal(t, test.product.ID, refusal.ProductID)
				require.NotEmpty(t, refusal.Detail)
			} else {
				require.Equal(t, test.take.Quantity, granted)
			}
			test.take.Partial = true
			granted, again := DecideTake(&test.product, test.stock, test.take)
			require.Equal(t, test.partial, granted)
			require.Equal(t, refusal, again, "why it is not all does not depend on Partial")
		})
	}
}

// Whatever the rules and the stock are: what is granted is there and allowed, and
// with Partial nobody who could have one more is refused it.
func TestDecideTakeGrantsWhatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) int64 { return rapid.Int64Range(0, 9).Draw(t, label) }
		product := Product{PurchaseLimit: draw("limit")}
		stock := Stock{Reserved: draw("reserved"), Committed: draw("committed"), Safety: draw("safety")}
		stock.OnHand = stock.Reserved + stock.Committed + draw("free")
		take := Take{Quantity: 1 + draw("quantity"), Had: draw("had"), Partial: rapid.Bool().Draw(t, "partial")}
		fits := func(units int64) bool {
			return units <= take.Quantity && stock.Available() >= units && (product.PurchaseLimit == 0 || take.Had+units <= product.PurchaseLimit)
		}
		granted, refusal := DecideTake(&product, stock, take)
		require.True(t, granted == 0 || fits(granted))
		require.Equal(t, granted < take.Quantity, refusal.Refused())
		require.Equal(t, fits(take.Quantity), !refusal.Refused())
		require.True(t, !take.Partial || !fits(granted+1))
	})
}

func TestCountsForLimit(t *testing.T) {
	product := Product{PurchaseLimit: 1, SaleStartsAt: 100}
	require.False(t, product.CountsForLimit(99))
	require.True(t, product.CountsForLimit(100))
	product.SaleStartsAt = 0
	require.True(t, product.CountsForLimit(0))
	product.PurchaseLimit = 0
	require.False(t, product.CountsForLimit(100), "without a limit nothing counts")
}

// Every code that a take is refused with has a number of its own that leads back.
func TestDropReasonsAreTheCodesOfATake(t *testing.T) {
	seen := map[DropReason]bool{0: true}
	for _, code := range []Code{CodeInsufficientStock, CodeSoldOut, CodeAllHeld, CodeQuantityLimitCustomer,
		CodeSaleNotStarted, CodeSaleEnded, CodePaused, CodeNotFound} {
		reason := DropReasonOf(code)
		require.False(t, seen[reason], code)
		require.True(t, reason.Valid())
		require.Equal(t, code, reason.Code())
		seen[reason] = true
	}
	require.Zero(t, DropReasonOf(CodeOverloaded))
	require.Zero(t, DropReasonOf(""))
	require.Empty(t, DropReason(0).Code())
	require.False(t, DropReason(len(seen)).Valid())
	// The numbers are in journals.
	require.EqualValues(t, 1, DropReasonOf(CodeInsufficientStock))
	require.EqualValues(t, 8, DropReasonOf(CodeNotFound))
}
