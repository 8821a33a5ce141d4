package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Copies of pages have the number of an edition of the catalogue in their keys. Every write
// makes that number be forgotten, and the next one is another: so the pages of before are
// asked for no more, whichever they are, and a page that was read before the write and is
// kept after it is one of them. The number is a copy like others, which all processes that
// share a cache share.

const (
	// editionKey is that of the number, pageKeyPrefix how the keys of pages begin.
	editionKey    = "edition"
	pageKeyPrefix = "page:"
	editionBytes  = 16
)

// categoriesMax bounds the categories whose first pages are copied.
const categoriesMax = 1024

// isCopied reports whether there may be a copy of the page. There are only of those that
// many ask for, the first of the usual length, of all products and of each category that has
// some: so nobody fills the cache by asking for what nobody else asks for.
func (c *catalogue) isCopied(filter *persistence.ProductFilter) bool {
	if c.cache == nil || len(filter.Terms) > 0 || filter.After != (persistence.Place{}) || filter.Limit != pageLimitDefault+1 {
		return false
	}
	if filter.Category == "" {
		return true
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.categories[filter.Category]
}

// know takes note of a category that has products.
func (c *catalogue) know(category string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.categories) < categoriesMax {
		c.categories[category] = true
	}
}

// page returns the rows that the filter selects, from a copy if there is one.
func (c *catalogue) page(ctx context.Context, filter *persistence.ProductFilter) ([]persistence.CatalogueProduct, error) {
	if !c.isCopied(filter) {
		rows, err := c.store.Products(ctx, *filter)
		if len(rows) > 0 && filter.Category != "" && c.cache != nil {
			c.know(filter.Category)
		}
		return rows, err
	}
	edition, err := c.cache.Get(ctx, editionKey, func(context.Context) (persistence.Loaded, error) {
		number := make([]byte, editionBytes)
		_, _ = rand.Read(number) // never fails: crypto/rand ends the process instead
		return persistence.Loaded{Value: number, KeepFor: persistence.CacheLifetimeMax}, nil
	})
	if err != nil || len(edition) != editionBytes {
		return c.store.Products(ctx, *filter)
	}
	copied, err := c.cache.Get(ctx, pageKey(edition, filter), func(ctx context.Context) (persistence.Loaded, error) {
		rows, err := c.store.Products(ctx, *filter)
		return persistence.Loaded{Value: appendPageCopy(nil, rows)}, err
	})
	if err != nil {
		return nil, err
	}
	if rows, ok := decodePageCopy(copied, filter.Limit); ok {
		return rows, nil
	}
	return c.store.Products(ctx, *filter)
}

// pageKey is the key of the page that a filter selects: a hash of all of it that differs
// between the pages that are copied.
func pageKey(edition []byte, filter *persistence.ProductFilter) string {
	all := append(make([]byte, 0, 512), edition...)
	all = append(all, byte(filter.Order))
	all = append(all, filter.Category...)
	hash := sha256.Sum256(all)
	return pageKeyPrefix + hex.EncodeToString(hash[:])
}

// appendPageCopy appends the copy of a page: the copies of its rows, each after its length.
func appendPageCopy(dst []byte, rows []persistence.CatalogueProduct) []byte {
	var row []byte
	for i := range rows {
		row = appendProductCopy(row[:0], &rows[i])
		dst = append(binary.AppendUvarint(dst, uint64(len(row))), row...)
	}
	return dst
}

// decodePageCopy returns the rows of a copy of a page of at most so many.
func decodePageCopy(data []byte, most int) (rows []persistence.CatalogueProduct, ok bool) {
	d := copyDecoder{left: data}
	rows = make([]persistence.CatalogueProduct, 0, min(most, len(data)/minProductCopyBytes))
	for len(d.left) > 0 {
		length, n := binary.Uvarint(d.left)
		d.take(max(n, 1))
		if d.bad || n <= 0 || length > uint64(len(d.left)) || length < minProductCopyBytes || len(rows) == most {
			return nil, false
		}
		one := d.take(int(length)) // #nosec G115 -- no longer than data
		row, is := decodeProductCopy(one, inventory.ID(one[productCopyIDAt:productCopyIDAt+len(inventory.ID{})]))
		if !is {
			return nil, false
		}
		rows = append(rows, row)
	}
	return rows, true
}
