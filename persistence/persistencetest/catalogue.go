package persistencetest

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

func newProduct(n int) persistence.CatalogueProduct {
	return persistence.CatalogueProduct{
		Product: inventory.Product{ID: newID(n), SKU: fmt.Sprintf("SKU-%d", n),
			Name: fmt.Sprintf("Product %d", n), Category: fmt.Sprintf("category %d", n%3), HoldSeconds: inventory.HoldSecondsDefault,
			Price: inventory.Money{Minor: int64(100 + n), Currency: inventory.Currency{'E', 'U', 'R'}}},
		Description: "It's a \"thing\";\n-- ünïcode",
		Version:     1, CreatedAt: epoch, UpdatedAt: epoch.Add(1),
	}
}

func testProducts(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	plain, full, deleted := newProduct(1), newProduct(2), newProduct(3)
	full.SaleStartsAt, full.SaleEndsAt, full.HoldSeconds = epoch, math.MaxInt64, inventory.HoldSecondsMax
	full.Safety, full.Paused, full.OpeningStock = inventory.StockQuantityMax, true, inventory.StockQuantityMax
	full.PurchaseLimit = math.MaxInt64
	full.Price.Minor = inventory.PriceMinorMax
	deleted.Deleted = true
	created := plain
	created.Version = 99
	require.NoError(t, store.CreateProducts(ctx, created), "the first version is 1, whatever is asked for")
	require.NoError(t, store.CreateProducts(ctx, full))
	require.NoError(t, store.CreateProducts(ctx, deleted))

	for _, want := range []persistence.CatalogueProduct{plain, full} {
		found, err := store.ProductByID(ctx, want.ID)
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
	_, err := store.ProductByID(ctx, deleted.ID)
	require.ErrorIs(t, err, persistence.ErrNotFound)

	taken := newProduct(4)
	taken.SKU = plain.SKU
	require.ErrorIs(t, store.CreateProducts(ctx, taken), persistence.ErrExists)
	taken.SKU = deleted.SKU
	require.ErrorIs(t, store.CreateProducts(ctx, taken), persistence.ErrExists, "a deleted product keeps its SKU")
	_, err = store.ProductByID(ctx, taken.ID)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	products, err := store.Products(ctx, persistence.ProductFilter{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, []persistence.CatalogueProduct{plain, full}, products)
}

// testProductsAllOrNone creates many products of which one is refused.
func testProductsAllOrNone(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	const many = 300
	products := make([]persistence.CatalogueProduct, many)
	for i := range products {
		products[i] = newProduct(1 + i)
	}
	require.NoError(t, store.CreateProducts(ctx, products...))
	require.NoError(t, store.CreateProducts(ctx))
	for _, place := range []int{0, many / 2, many - 1} {
		more := make([]persistence.CatalogueProduct, many)
		for i := range more {
			more[i] = newProduct(1 + many + i)
		}
		more[place].SKU = products[7].SKU
		require.ErrorIs(t, store.CreateProducts(ctx, more...), persistence.ErrExists)
		more[place].SKU = more[(place+1)%many].SKU
		require.ErrorIs(t, store.CreateProducts(ctx, more...), persistence.ErrExists, "twice in one call")
	}
	found, err := store.Products(ctx, persistence.ProductFilter{Limit: 2 * many})
	require.NoError(t, err)
	require.Equal(t, products, found, "of a refused call nothing is there")
}

// testUpdateProduct changes all that can change of a product, and then refuses.
func testUpdateProduct(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	product, other := newProduct(1), newProduct(2)
	product.OpeningStock = 7
	require.NoError(t, store.CreateProducts(ctx, product))
	require.NoError(t, store.CreateProducts(ctx, other))
	require.NoError(t, store.Project(ctx, persistence.Position{}, positionAt(1), []persistence.Record{receipt(1, product.ID, 10)}))

	changed := persistence.CatalogueProduct{
		Product: inventory.Product{ID: product.ID, SKU: "new", Name: "n", Category: "c", Price: inventory.Money{Minor: 1, Currency: inventory.Currency{'U', 'S', 'D'}},
			SaleStartsAt: epoch, SaleEndsAt: epoch + 1, HoldSeconds: 3, Safety: 4, PurchaseLimit: 5, Paused: true},
		Description: "d", OpeningStock: 99, Version: 2, CreatedAt: epoch + 9, UpdatedAt: epoch + 2}
	require.NoError(t, store.UpdateProduct(ctx, changed))
	changed.OpeningStock, changed.CreatedAt = product.OpeningStock, product.CreatedAt
	requireProduct(t, store, changed)
	requireProduct(t, store, other)
	require.NoError(t, store.EachProduct(ctx, func(found persistence.CatalogueProduct, stock inventory.Stock) error {
		if found.ID == product.ID {
			require.Equal(t, changed, found)
			require.Equal(t, inventory.Stock{OnHand: 10, Safety: 4, Version: 1}, stock)
		}
		return nil
	}))

	for _, version := range []int64{-1, 0, 1, 2, 4} {
		stale := changed
		stale.Version, stale.Name = version, "stale"
		require.ErrorIs(t, store.UpdateProduct(ctx, stale), persistence.ErrVersion, "version %d after 2", version)
		stale.SKU = other.SKU
		require.ErrorIs(t, store.UpdateProduct(ctx, stale), persistence.ErrVersion, "a stale version says so, whatever else is wrong")
	}
	taken, missing := changed, newProduct(3)
	taken.Version, taken.SKU, missing.Version = 3, other.SKU, 2
	require.ErrorIs(t, store.UpdateProduct(ctx, taken), persistence.ErrExists)
	require.ErrorIs(t, store.UpdateProduct(ctx, missing), persistence.ErrNotFound)
	requireProduct(t, store, changed)
	_, err := store.ProductByID(ctx, missing.ID)
	require.ErrorIs(t, err, persistence.ErrNotFound)

	changed.Version, changed.Deleted = 3, true
	require.NoError(t, store.UpdateProduct(ctx, changed))
	_, err = store.ProductByID(ctx, changed.ID)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	changed.Version, changed.Deleted, changed.SKU = 4, false, product.SKU
	require.NoError(t, store.UpdateProduct(ctx, changed))
	requireProduct(t, store, changed)
}

func requireProduct(t *testing.T, store persistence.Store, want persistence.CatalogueProduct) {
	t.Helper()
	found, err := store.ProductByID(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, found)
}

// receipt is a record that brings units of a product.
func receipt(sequence uint64, product inventory.ID, units int64) persistence.Record {
	return persistence.Record{Sequence: sequence, Event: inventory.Event{Kind: inventory.StockAdjusted, At: epoch,
		Lines: []inventory.Line{{ProductID: product, Quantity: units}}}}
}

// testUpdateProductRace lets several editors make the same next version: of each
// version, exactly one is made, and it is that of the one who was told so.
func testUpdateProductRace(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	product := newProduct(1)
	require.NoError(t, store.CreateProducts(ctx, product))
	const editors, versions = 4, 20
	for version := int64(2); version <= versions; version++ {
		failures := make([]error, editors)
		var group sync.WaitGroup
		for i := range failures {
			edited := product
			edited.Version, edited.Name = version, fmt.Sprintf("editor %d", i)
			group.Go(func() { failures[i] = store.UpdateProduct(ctx, edited) })
		}
		group.Wait()
		made := 0
		for i, err := range failures {
			if err == nil {
				made++
				product.Version, product.Name = version, fmt.Sprintf("editor %d", i)
				continue
			}
			require.ErrorIs(t, err, persistence.ErrVersion)
		}
		require.Equal(t, 1, made)
		requireProduct(t, store, product)
	}
}

// testProductsPaging reads every page size and category to the end.
func testProductsPaging(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	const many = 40
	var all []persistence.CatalogueProduct
	for n := range many {
		product := newProduct((n*17)%many + 1)
		product.Deleted = n%7 == 0
		require.NoError(t, store.CreateProducts(ctx, product))
		all = append(all, product)
	}
	for _, category := range []string{"", "category 0", "category 1", "category 2", "nothing"} {
		want := make(map[inventory.ID]persistence.CatalogueProduct)
		for _, product := range all {
			if !product.Deleted && (category == "" || product.Category == category) {
				want[product.ID] = product
			}
		}
		for limit := 1; limit <= many+1; limit += 3 {
			found := pagesOfProducts(t, store, category, limit)
			require.Len(t, found, len(want))
			for i, product := range found {
				require.Equal(t, want[product.ID], product)
				require.True(t, i == 0 || found[i-1].ID.String() < product.ID.String(), "not ascending")
			}
		}
	}
	none, err := store.Products(ctx, persistence.ProductFilter{})
	require.NoError(t, err)
	require.Empty(t, none)
}

func pagesOfProducts(t *testing.T, store persistence.Store, category string, limit int) (all []persistence.CatalogueProduct) {
	filter := persistence.ProductFilter{Category: category, Limit: limit}
	for {
		page, err := store.Products(t.Context(), filter)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), limit)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		end := filter.Order.PlaceOf(&page[len(page)-1])
		require.NotEqual(t, filter.After, end, "a page ends where the one before it did")
		filter.After = end
	}
}

// testEachProduct visits products with and without stock, deleted ones too.
func testEachProduct(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	moved, unmoved, deleted := newProduct(1), newProduct(2), newProduct(3)
	moved.Safety, unmoved.Safety, deleted.Deleted = 3, 4, true
	for _, product := range []persistence.CatalogueProduct{moved, unmoved, deleted} {
		require.NoError(t, store.CreateProducts(ctx, product))
	}
	require.NoError(t, store.Project(ctx, persistence.Position{}, positionAt(1), []persistence.Record{receipt(1, moved.ID, 10)}))

	visited := make(map[inventory.ID]inventory.Stock)
	require.NoError(t, store.EachProduct(ctx, func(product persistence.CatalogueProduct, stock inventory.Stock) error {
		visited[product.ID] = stock
		require.Equal(t, product.ID == deleted.ID, product.Deleted)
		return nil
	}))
	require.Equal(t, map[inventory.ID]inventory.Stock{
		moved.ID: {OnHand: 10, Safety: 3, Version: 1}, unmoved.ID: {Safety: 4}, deleted.ID: {}}, visited)
}
