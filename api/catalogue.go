package api

import (
	"context"
	"sync"

	"holdfast/actors"
	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
)

// catalogue reads and writes rows of the catalogue. A read of one row, or of a page of them,
// may be answered with a copy: of the rows alone, never of their stock. Every write goes through here and
// invalidates the copies, so only what changes the database behind the server's back is
// seen late: in copies by [persistence.CacheLifetimeDefault] at most, and by the engine, which
// sells by the rules that it has, at the next edit of the product here.
type catalogue struct {
	store persistence.Store
	// cache is nil when each read asks the store.
	cache persistence.Cache
	clock clock.Clock

	// mutex guards editing, the products that are being edited, each with what is closed at
	// the end, and settling, those of which the engine may not have the present row.
	mutex    sync.Mutex
	editing  map[inventory.ID]chan struct{}
	settling map[inventory.ID]bool
	settlers sync.WaitGroup
	// categories, guarded too, are those that are known to have products.
	categories map[string]bool
	// living ends with the server.
	living context.Context
}

// product returns the row of a product, or [persistence.ErrNotFound]. Only of products
// that the engine has are there copies, so that nobody fills the cache, or the server
// behind it, by asking for what does not exist; and that there is no product is not kept.
func (c *catalogue) product(ctx context.Context, engine actors.Facade, id inventory.ID) (persistence.CatalogueProduct, error) {
	if _, known := engine.Stock(id); !known || c.cache == nil {
		return c.store.ProductByID(ctx, id)
	}
	copied, err := c.cache.Get(ctx, productKey(id), func(ctx context.Context) (persistence.Loaded, error) {
		row, err := c.store.ProductByID(ctx, id)
		if err != nil {
			return persistence.Loaded{}, err
		}
		return persistence.Loaded{Value: appendProductCopy(nil, &row)}, nil
	})
	if err != nil {
		return persistence.CatalogueProduct{}, err
	}
	if row, ok := decodeProductCopy(copied, id); ok {
		return row, nil
	}
	return c.store.ProductByID(ctx, id)
}

// create makes a product. Whatever the answer is, it may have been done.
func (c *catalogue) create(ctx context.Context, product *persistence.CatalogueProduct) error {
	defer c.forget(ctx, product.ID)
	return c.store.CreateProducts(ctx, *product)
}

// forget is called after every write of a row.
func (c *catalogue) forget(ctx context.Context, id inventory.ID) {
	if c.cache != nil {
		c.cache.Invalidate(ctx, productKey(id), editionKey)
	}
}

// productKeyPrefix is how the keys of rows begin.
const productKeyPrefix = "product:"

func productKey(id inventory.ID) string {
	var buffer [len(productKeyPrefix) + 36]byte
	return string(id.AppendText(append(buffer[:0], productKeyPrefix...)))
}
