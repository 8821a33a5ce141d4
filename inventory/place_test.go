package inventory

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

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
	_, refusal = DecidePlace(make([]Line, OrderLinesMax+1), make([]*Product, OrderLinesMax+1))
	require.Equal(t, CodeValidationFailed, refusal.Code, "too many lines")
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
