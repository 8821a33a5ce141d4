package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/inventory"
	"holdfast/persistence"
)

// What a start reads of a product, and what all others read.
const (
	saleColumns = `p.id, p.sku, p.name, p.category, p.price_minor, p.currency, p.sale_starts_at, p.sale_ends_at,
		p.hold_seconds, p.safety, p.purchase_limit, p.paused, p.deleted, p.opening_stock`
	productColumns = saleColumns + ", p.description, p.version, p.created_at, p.updated_at"
)

// The queries of products.
const (
	copyProducts = `COPY products (id, sku, name, description, category, price_minor, currency, sale_starts_at, sale_ends_at,
		hold_seconds, safety, purchase_limit, paused, deleted, opening_stock, version, created_at, updated_at, words)
		FROM STDIN (FORMAT binary)`
	updateProduct = `UPDATE products SET sku = $1, name = $2, description = $3, category = $4, price_minor = $5, currency = $6,
		sale_starts_at = $7, sale_ends_at = $8, hold_seconds = $9, safety = $10, purchase_limit = $11, paused = $12, deleted = $13,
		updated_at = $14, version = $15, words = $17 WHERE id = $16 AND version = $15::bigint - 1`
	selectProductID   = "SELECT version FROM products WHERE id = $1"
	selectAnyProduct  = "SELECT " + productColumns + " FROM products p WHERE p.id = $1"
	selectProduct     = selectAnyProduct + " AND NOT p.deleted"
	selectEachProduct = "SELECT " + productColumns + withStock
	selectEachSale    = "SELECT " + saleColumns + withStock
	withStock         = `, coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.committed, 0), coalesce(s.sold, 0), coalesce(s.version, 0)
		FROM products p LEFT JOIN stock s ON s.product_id = p.id`
)

// productBytes is the size of a typical row.
const productBytes = 512

// CreateProducts inserts products with Version 1, all or none.
func (s *Store) CreateProducts(ctx context.Context, products ...persistence.CatalogueProduct) error {
	err := s.write(ctx, func(t *transaction) error { return t.copy(productRows(products)) })
	if err != nil {
		return fmt.Errorf("create %d products: %w", len(products), err)
	}
	return nil
}

func productRows(products []persistence.CatalogueProduct) *rows {
	r := newRows(copyProducts, 19, len(products), productBytes)
	for i := range products {
		p := &products[i]
		r.next()
		r.uuid(p.ID)
		r.string(p.SKU)
		r.string(p.Name)
		r.string(p.Description)
		r.string(p.Category)
		r.bigint(p.Price.Minor)
		r.string(p.Price.Currency.String())
		r.bigint(int64(p.SaleStartsAt))
		r.bigint(int64(p.SaleEndsAt))
		r.bigint(int64(p.HoldSeconds))
		r.bigint(p.Safety)
		r.bigint(p.PurchaseLimit)
		r.boolean(p.Paused)
		r.boolean(p.Deleted)
		r.bigint(p.OpeningStock)
		r.bigint(1)
		r.bigint(int64(p.CreatedAt))
		r.bigint(int64(p.UpdatedAt))
		r.string(persistence.SearchTextOf(p))
	}
	return r
}

// UpdateProduct replaces a product that has the version before product.Version.
func (s *Store) UpdateProduct(ctx context.Context, product persistence.CatalogueProduct, audit ...persistence.AuditEntry) error {
	p := &product
	err := s.write(ctx, func(t *transaction) error {
		err := t.send(func(batch *pgx.Batch) {
			batch.Queue(updateProduct, p.SKU, p.Name, p.Description, p.Category, p.Price.Minor, p.Price.Currency.String(),
				int64(p.SaleStartsAt), int64(p.SaleEndsAt), p.HoldSeconds, p.Safety, p.PurchaseLimit, p.Paused, p.Deleted,
				int64(p.UpdatedAt), p.Version, [16]byte(p.ID), persistence.SearchTextOf(p),
			).Exec(func(tag pgconn.CommandTag) error { return oneRow(tag, persistence.ErrVersion) })
		})
		for i := range audit {
			if err == nil {
				err = t.appendAudit(&audit[i])
			}
		}
		if !errors.Is(err, persistence.ErrVersion) {
			return err
		}
		var version int64
		return errors.Join(t.send(func(batch *pgx.Batch) {
			batch.Queue(selectProductID, [16]byte(p.ID)).QueryRow(func(row pgx.Row) error { return row.Scan(&version) })
		}), err)
	})
	if err != nil {
		return fmt.Errorf("update product %s to version %d: %w", product.ID, product.Version, err)
	}
	return nil
}

// ProductByID returns a product that is not deleted.
func (s *Store) ProductByID(ctx context.Context, id inventory.ID) (persistence.CatalogueProduct, error) {
	return s.product(ctx, id, selectProduct)
}

// AnyProductByID returns a product, deleted or not. It waits for a change that is being
// committed.
func (s *Store) AnyProductByID(ctx context.Context, id inventory.ID) (product persistence.CatalogueProduct, err error) {
	err = s.write(ctx, func(t *transaction) error {
		return t.send(func(batch *pgx.Batch) {
			batch.Queue(selectAnyProduct+" FOR SHARE", [16]byte(id)).QueryRow(func(row pgx.Row) error { return scanProduct(row, &product) })
		})
	})
	if err != nil {
		return persistence.CatalogueProduct{}, fmt.Errorf("read product %s: %w", id, err)
	}
	return product, nil
}

func (s *Store) product(ctx context.Context, id inventory.ID, query string) (product persistence.CatalogueProduct, err error) {
	err = s.one(ctx, func(row pgx.Row) error { return scanProduct(row, &product) }, query, [16]byte(id))
	if err != nil {
		return persistence.CatalogueProduct{}, fmt.Errorf("read product %s: %w", id, err)
	}
	return product, nil
}

// EachProduct visits every product with its stock, one at a time.
func (s *Store) EachProduct(ctx context.Context, visit func(persistence.CatalogueProduct, inventory.Stock) error) error {
	err := s.all(ctx, func(row pgx.Row) error {
		var product persistence.CatalogueProduct
		var stock inventory.Stock
		if err := scanProduct(row, &product, stockFields(&stock)...); err != nil {
			return err
		}
		stock.Safety = product.Safety
		return visit(product, stock)
	}, selectEachProduct)
	if err != nil {
		return fmt.Errorf("visit the products: %w", err)
	}
	return nil
}

// EachSale visits what a start needs of every product, one at a time. All rows are read into
// the same variables, so that a million of them are not as many allocations.
func (s *Store) EachSale(ctx context.Context, visit func(product inventory.Product, opening int64, stock inventory.Stock) error) error {
	var product inventory.Product
	var opening int64
	var stock inventory.Stock
	fields := append(saleFields(&product, &opening), stockFields(&stock)...)
	err := s.all(ctx, func(row pgx.Row) error {
		if err := row.Scan(fields...); err != nil {
			return err
		}
		stock.Safety = product.Safety
		return visit(product, opening, stock)
	}, selectEachSale)
	if err != nil {
		return fmt.Errorf("visit the sales: %w", err)
	}
	return nil
}

// scanProduct reads productColumns and what follows them.
func scanProduct(row pgx.Row, product *persistence.CatalogueProduct, more ...any) error {
	fields := append(saleFields(&product.Product, &product.OpeningStock),
		&product.Description, &product.Version, &product.CreatedAt, &product.UpdatedAt)
	return row.Scan(append(fields, more...)...)
}

// saleFields returns where saleColumns go.
func saleFields(product *inventory.Product, opening *int64) []any {
	return []any{
		(*[16]byte)(&product.ID), &product.SKU, &product.Name, &product.Category, &product.Price.Minor, currency{&product.Price.Currency},
		&product.SaleStartsAt, &product.SaleEndsAt, &product.HoldSeconds, &product.Safety, &product.PurchaseLimit,
		&product.Paused, &product.Deleted, opening}
}

// stockFields returns where the quantities of withStock go.
func stockFields(stock *inventory.Stock) []any {
	return []any{&stock.OnHand, &stock.Reserved, &stock.Committed, &stock.Sold, &stock.Version}
}
