package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two servers of the real program are compared, round after round.
func TestFewAndManyProductsAreCompared(t *testing.T) {
	var out strings.Builder
	ratios, err := Flat{Holdfast: buildHoldfast(t), Products: []int{1, 120}, Rounds: 2, Duration: 200 * time.Millisecond, WarmUp: 50 * time.Millisecond,
		Connections: 8, Customers: 20, Out: &out}.Run(t.Context())
	t.Log("\n" + out.String())
	require.NoError(t, err)
	require.Len(t, ratios, 2)
	require.InDelta(t, 1, ratios[0], 0)
	require.Positive(t, ratios[1])
	require.Regexp(t, `(?s)\n1 products: .*\n120 products: .*\n120 products: .*\n1 products: `, out.String(), "the order alternates")
	require.Regexp(t, `(?m)^ +2 +120 +[1-9]`, out.String())
}

// Orders are spread evenly, and one that is not accepted is no measurement.
func TestALoadIsSpreadAndAllAccepted(t *testing.T) {
	s, stub := stubSession(t, "")
	_, err := s.putOnSale(1, 1_000_000)
	require.NoError(t, err)
	entries, err := s.load(t.Context(), 2, 20*time.Millisecond)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	s.products = make([]flashProduct, 7)
	count := map[uint32]int{}
	for serial := range uint32(70) {
		count[s.spread(serial)]++
	}
	require.Len(t, count, 7)
	for product, orders := range count {
		require.Equal(t, 10, orders, "product %d", product)
	}
	s.products = s.products[:0]
	_, err = s.putOnSale(1, 0)
	require.Error(t, err, "it has orders already")
	stub.orders = map[string]stubOrder{}
	_, err = s.putOnSale(1, 0)
	require.NoError(t, err)
	_, err = s.load(t.Context(), 2, 20*time.Millisecond)
	require.ErrorContains(t, err, "refused all_held")
}

func TestSpanOf(t *testing.T) {
	require.Zero(t, spanOf(nil))
	require.Equal(t, 7*time.Millisecond, spanOf([]flashEntry{{due: 4 * time.Millisecond, took: 5_000}, {due: 2 * time.Millisecond, took: 1_000}}))
}

func TestWhatCannotBeComparedIsRefused(t *testing.T) {
	good := Flat{Products: []int{1}, Rounds: 1, Duration: time.Second, Connections: 1, Customers: 1}
	require.NoError(t, good.validate())
	for want, change := range map[string]func(*Flat){
		"0 numbers of products":  func(f *Flat) { f.Products = nil },
		"9 numbers of products":  func(f *Flat) { f.Products = make([]int, 9) },
		"0 products are not":     func(f *Flat) { f.Products = []int{1, 0} },
		"there is nothing":       func(f *Flat) { f.Rounds = 0 },
		"from 1 to 10000 conne":  func(f *Flat) { f.Connections = 0 },
		"from 1 to 1000000 cust": func(f *Flat) { f.Customers = 1_000_001 },
	} {
		bad := good
		change(&bad)
		assert.ErrorContains(t, bad.validate(), want)
	}
}
