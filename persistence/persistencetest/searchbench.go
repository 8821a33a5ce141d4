package persistencetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// manyProducts is how many products MeasureSearch fills a catalogue with.
const manyProducts = 1_000_000

// MeasureSearch measures lists of a million products: the median of each, in milliseconds.
// Before it, refresh lets the database know what it has.
func MeasureSearch(b *testing.B, store persistence.Store, refresh func()) {
	fillCatalogue(b, store)
	refresh()
	b.Logf("a catalogue of %d products was made in %s", manyProducts, b.Elapsed().Round(time.Second))
	page1000 := persistence.Place{ID: manyID(20 * 999)}
	for _, list := range []struct {
		name, text string
		filter     persistence.ProductFilter
		want       int
	}{
		{"List", "", persistence.ProductFilter{}, 21},
		{"Page1000", "", persistence.ProductFilter{After: page1000}, 21},
		{"ByPrice", "", persistence.ProductFilter{Order: persistence.ByPrice}, 21},
		{"ByName", "", persistence.ProductFilter{Order: persistence.ByName}, 21},
		{"Category", "", persistence.ProductFilter{Category: "things-7"}, 21},
		{"CategoryByPrice", "", persistence.ProductFilter{Category: "things-7", Order: persistence.ByPrice}, 21},
		{"Search10", "rare", persistence.ProductFilter{}, 10},
		{"Search1000", "some", persistence.ProductFilter{}, 21},
		{"Search1000ByPrice", "some", persistence.ProductFilter{Order: persistence.ByPrice}, 21},
		{"Search1000InCategory", "some", persistence.ProductFilter{Category: "things-0", Order: persistence.ByPrice}, 21},
		{"Search20000InCategory", "common", persistence.ProductFilter{Category: "things-0", Order: persistence.ByName}, 21},
		{"Search100000", "common", persistence.ProductFilter{}, 21},
		{"Search100000ByPrice", "common", persistence.ProductFilter{Order: persistence.ByPrice}, 21},
		{"Search100000ByName", "common lamp", persistence.ProductFilter{Order: persistence.ByName}, 21},
		{"SearchPrefix", "comm*", persistence.ProductFilter{}, 21},
		{"SearchLastThousands", "late", persistence.ProductFilter{}, 21},
	} {
		b.Run(list.name, func(b *testing.B) {
			filter := list.filter
			filter.Terms, _ = persistence.ParseSearch(list.text)
			filter.Limit = 21 // a page, and one more to know whether it is the last
			var took []time.Duration
			for b.Loop() {
				asked := b.Elapsed()
				found, err := store.Products(b.Context(), filter)
				took = append(took, b.Elapsed()-asked)
				require.NoError(b, err)
				require.Len(b, found, list.want)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/float64(time.Millisecond), "median-ms")
			b.ReportMetric(float64(took[len(took)*99/100])/float64(time.Millisecond), "p99-ms")
		})
	}
}

// fillCatalogue makes a million products: of one in ten the name has the word common, of a
// thousand some, of ten rare, and of the last ten thousand late.
func fillCatalogue(b *testing.B, store persistence.Store) {
	const chunk = 2_000
	products := make([]persistence.CatalogueProduct, chunk)
	for begin := 0; begin < manyProducts; begin += chunk {
		for i := range products {
			n := begin + i
			words := ""
			for every, word := range map[int]string{10: " common", 1_000: " some", 100_000: " rare"} {
				if n%every == 0 {
					words += word
				}
			}
			if n >= manyProducts-10_000 {
				words += " late"
			}
			products[i] = persistence.CatalogueProduct{Product: inventory.Product{ID: manyID(n), SKU: fmt.Sprintf("SKU-%07d", n), HoldSeconds: 600,
				Name: fmt.Sprintf("Lamp %d%s", n*104_729%manyProducts, words), Category: fmt.Sprintf("things-%d", n%50),
				Price: inventory.Money{Minor: int64(n*7919%100_000 + 100), Currency: inventory.Currency{'E', 'U', 'R'}}},
				Description:  "It glows.",
				OpeningStock: 10, CreatedAt: epoch + inventory.Instant(n)}
		}
		require.NoError(b, store.CreateProducts(b.Context(), products...))
	}
}

// manyID is the n-th ID, in the order in which products are made.
func manyID(n int) inventory.ID {
	return inventory.NewID(epoch.Add(inventory.Instant(n)*inventory.Millisecond), 0, uint16(n), uint64(n)) // #nosec G115 -- bits of an ID
}
