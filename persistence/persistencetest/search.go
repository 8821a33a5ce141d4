package persistencetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// SelectProducts is the model of a list of products: what a store with these has to return.
func SelectProducts(all []persistence.CatalogueProduct, filter persistence.ProductFilter) []persistence.CatalogueProduct {
	var found []persistence.CatalogueProduct
	start := filter.Start()
	for i := range all {
		p := &all[i]
		if !p.Deleted && (filter.Category == "" || p.Category == filter.Category) && hasTerms(p, filter.Terms) &&
			filter.Order.Less(start, filter.Order.PlaceOf(p)) {
			found = append(found, *p)
		}
	}
	slices.SortFunc(found, func(a, b persistence.CatalogueProduct) int {
		if filter.Order.Less(filter.Order.PlaceOf(&a), filter.Order.PlaceOf(&b)) {
			return -1
		}
		return 1
	})
	return found[:min(len(found), max(filter.Limit, 0))]
}

func hasTerms(product *persistence.CatalogueProduct, terms []persistence.SearchTerm) bool {
	if len(terms) == 0 {
		return true
	}
	words := wordsOf(product)
	for _, term := range terms {
		if !slices.ContainsFunc(words, func(word string) bool {
			return word == term.Word || term.Prefix && strings.HasPrefix(word, term.Word)
		}) {
			return false
		}
	}
	return true
}

// knownWords are those of products that were asked for before: the model looks at each
// product again and again.
var knownWords sync.Map

func wordsOf(product *persistence.CatalogueProduct) []string {
	key := persistence.CatalogueProduct{Product: inventory.Product{SKU: product.SKU, Name: product.Name, Category: product.Category, Deleted: product.Deleted}}
	if words, known := knownWords.Load(key); known {
		return words.([]string)
	}
	words := strings.Fields(persistence.SearchTextOf(product))
	knownWords.Store(key, words)
	return words
}

// searchTexts are what is searched for.
var searchTexts = []string{"", "mug", "red mug", "MÜG", "m*", "mug sku", "re* mu*", "none", "sku 7", "sku*", "straße", "日本*", "red red"}

// searchProducts are products with words in common, some of them deleted.
func searchProducts(many int) (all []persistence.CatalogueProduct) {
	words := []string{"Red", "mug", "Müg", "reddish", "Straße", "日本語", "tea-pot", "MUG"}
	for n := range many {
		product := newProduct((n*17)%many + 1)
		product.Name = fmt.Sprintf("%s %s %d", words[n%len(words)], words[n/3%len(words)], n/5)
		product.SKU = fmt.Sprintf("SKU-%d", n)
		product.Category = []string{"", "tea-cups", "tea"}[n%3]
		product.Price.Minor, product.CreatedAt = int64(n*7%11), epoch+inventory.Instant(n%13)
		product.Deleted = n%9 == 0
		all = append(all, product)
	}
	return all
}

// testSearch compares every list with the model, page by page: before and after all
// products have changed.
func testSearch(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	all := searchProducts(60)
	require.NoError(t, store.CreateProducts(ctx, all...))
	requireLists(t, store, all, 0)
	for i := range all {
		all[i].Version, all[i].Deleted = 2, i%4 == 0
		all[i].Name, all[(i+7)%len(all)].Price.Minor = all[(i*5+1)%len(all)].Name, int64(i%5)
	}
	for i := range all {
		require.NoError(t, store.UpdateProduct(ctx, all[i]))
	}
	requireLists(t, store, all, 2)
}

// requireLists looks at each text in each order, and at each of both in each category, but
// not at all three: first is where the categories begin.
func requireLists(t *testing.T, store persistence.Store, all []persistence.CatalogueProduct, first int) {
	t.Helper()
	categories := []string{"", "tea", "tea-cups", "nothing"}
	for i, text := range searchTexts {
		terms, more := persistence.ParseSearch(text)
		require.False(t, more)
		for order := range persistence.ProductOrderCount {
			filter := persistence.ProductFilter{Category: categories[(i+order+first)%len(categories)], Terms: terms, Order: persistence.ProductOrder(order), Limit: 7}
			requireList(t, store, all, filter)
		}
	}
}

func requireList(t *testing.T, store persistence.Store, all []persistence.CatalogueProduct, filter persistence.ProductFilter) {
	t.Helper()
	for {
		found, err := store.Products(t.Context(), filter)
		require.NoError(t, err)
		want := SelectProducts(all, filter)
		require.Len(t, found, len(want), "%+v", filter)
		for i := range want {
			require.Equal(t, want[i], found[i], "%+v", filter)
		}
		if len(found) < filter.Limit {
			return
		}
		filter.After = filter.Order.PlaceOf(&found[len(found)-1])
	}
}

// testDenseSearch searches for words that so many products have that these are walked
// through: the answers are the same.
func testDenseSearch(t *testing.T, opener Opener) {
	store := open(t, opener)
	all := searchProducts(3 * persistence.SearchCollectMax)
	const clustered = persistence.SearchCollectMax * 6 / 5 // one in nine of them is deleted
	for i := range all {
		all[i].Name += " dense"
		if all[i].Price.Minor >= 2 { // by price, they begin after some thousands
			all[i].Name += " later"
		} else {
			all[i].Name += " laterally"
		}
		if i >= len(all)-clustered { // they are together, at the end of some orders
			all[i].Name += " clustered"
			all[i].Price.Minor += 1000
		}
	}
	for chunk := range slices.Chunk(all, 1000) {
		require.NoError(t, store.CreateProducts(t.Context(), chunk...))
	}
	for text, categories := range map[string][]string{"dense mug": {"", "tea"}, "de* sku 77": {"tea"}, "later": {""}, "clustered": {""}} {
		terms, _ := persistence.ParseSearch(text)
		for order := range persistence.ProductOrderCount {
			for _, category := range categories {
				filter := persistence.ProductFilter{Category: category, Terms: terms, Order: persistence.ProductOrder(order), Limit: 50}
				for range 2 {
					found, err := store.Products(t.Context(), filter)
					require.NoError(t, err)
					require.Equal(t, SelectProducts(all, filter), found)
					if len(found) > 0 {
						filter.After = filter.Order.PlaceOf(&found[len(found)-1])
					}
				}
			}
		}
	}
}
