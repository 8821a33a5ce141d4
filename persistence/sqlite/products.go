package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// What a start reads of a product, and what all others read.
const (
	saleColumns = `p.id, p.sku, p.name, p.category, p.price_minor, p.currency, p.sale_starts_at, p.sale_ends_at,
		p.hold_seconds, p.safety, p.purchase_limit, p.paused, p.deleted, p.opening_stock`
	productColumns = saleColumns + ", p.description, p.version, p.created_at, p.updated_at"
)

// The queries of products. updateProduct does not name id among what it sets: SQLite
// would look through all lines and movements of the product for references to it.
const (
	insertProducts = `INSERT INTO products (sku, name, description, category, price_minor, currency,
		sale_starts_at, sale_ends_at, hold_seconds, safety, purchase_limit, paused, deleted,
		updated_at, version, id, opening_stock, created_at, search_id)
		VALUES @rows`
	updateProduct = `UPDATE products SET sku = ?1, name = ?2, description = ?3, category = ?4, price_minor = ?5, currency = ?6,
		sale_starts_at = ?7, sale_ends_at = ?8, hold_seconds = ?9, safety = ?10, purchase_limit = ?11, paused = ?12, deleted = ?13,
		updated_at = ?14, version = ?15 WHERE id = ?16 AND version = ?15 - 1`
	selectProductID   = "SELECT id FROM products WHERE id = ?"
	selectAnyProduct  = "SELECT " + productColumns + " FROM products p WHERE p.id = ?"
	selectProduct     = selectAnyProduct + " AND p.deleted = 0"
	selectEachProduct = "SELECT " + productColumns + withStock
	selectEachSale    = "SELECT " + saleColumns + withStock
	withStock         = `, coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.committed, 0), coalesce(s.sold, 0), coalesce(s.version, 0)
		FROM products p LEFT JOIN stock s ON s.product_id = p.id`
)

// CreateProducts inserts products with Version 1, all or none.
func (s *Store) CreateProducts(ctx context.Context, products ...persistence.CatalogueProduct) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		last, err := lastSearchID(ctx, tx)
		if err != nil {
			return err
		}
		err = s.bulk.products.write(ctx, tx, len(products), func(row []any, i int) []any {
			product := products[i]
			product.Version = 1
			return append(append(row, productRow(&product)...), product.OpeningStock, int64(product.CreatedAt), last+int64(i)+1)
		})
		if err != nil {
			return err
		}
		return s.bulk.words.write(ctx, tx, len(products), func(row []any, i int) []any {
			return append(row, last+int64(i)+1, persistence.SearchTextOf(&products[i]), products[i].ID[:])
		})
	})
	if err != nil {
		return fmt.Errorf("create %d products: %w", len(products), err)
	}
	return nil
}

// UpdateProduct replaces a product that has the version before product.Version.
func (s *Store) UpdateProduct(ctx context.Context, product persistence.CatalogueProduct, audit ...persistence.AuditEntry) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, updateProduct, productRow(&product)...)
		if err = oneRow(result, err, persistence.ErrVersion); err == nil {
			_, err = tx.ExecContext(ctx, updateWords, persistence.SearchTextOf(&product), product.ID[:])
			for i := range audit {
				err = errors.Join(err, appendAudit(ctx, tx, &audit[i]))
			}
		}
		if !errors.Is(err, persistence.ErrVersion) {
			return err
		}
		var id inventory.ID
		if err := tx.QueryRowContext(ctx, selectProductID, product.ID[:]).Scan(fixed{id[:]}); err != nil {
			return err
		}
		return persistence.ErrVersion
	})
	if err != nil {
		return fmt.Errorf("update product %s to version %d: %w", product.ID, product.Version, err)
	}
	return nil
}

// productRow returns what can change of a product, and its ID, in the order of
// insertProducts and updateProduct.
func productRow(p *persistence.CatalogueProduct) []any {
	return []any{p.SKU, p.Name, p.Description, p.Category, p.Price.Minor, p.Price.Currency.String(),
		int64(p.SaleStartsAt), int64(p.SaleEndsAt), p.HoldSeconds, p.Safety, p.PurchaseLimit, p.Paused, p.Deleted,
		int64(p.UpdatedAt), p.Version, p.ID[:]}
}

// ProductByID returns a product that is not deleted.
func (s *Store) ProductByID(ctx context.Context, id inventory.ID) (persistence.CatalogueProduct, error) {
	return s.product(ctx, id, selectProduct)
}

// AnyProductByID returns a product, deleted or not, as the last change has left it.
func (s *Store) AnyProductByID(ctx context.Context, id inventory.ID) (product persistence.CatalogueProduct, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error { return scanProduct(tx.QueryRowContext(ctx, selectAnyProduct, id[:]), &product) })
	if err != nil {
		return persistence.CatalogueProduct{}, fmt.Errorf("read product %s: %w", id, err)
	}
	return product, nil
}

func (s *Store) product(ctx context.Context, id inventory.ID, query string) (product persistence.CatalogueProduct, err error) {
	err = s.one(ctx, func(row scanner) error { return scanProduct(row, &product) }, query, id[:])
	if err != nil {
		return persistence.CatalogueProduct{}, fmt.Errorf("read product %s: %w", id, err)
	}
	return product, nil
}

// EachProduct visits every product with its stock, one at a time.
func (s *Store) EachProduct(ctx context.Context, visit func(persistence.CatalogueProduct, inventory.Stock) error) error {
	err := s.eachOfAll(ctx, func(row scanner) error {
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
// the same variables: with a million products their allocation was a third of the reading.
func (s *Store) EachSale(ctx context.Context, visit func(product inventory.Product, opening int64, stock inventory.Stock) error) error {
	var product inventory.Product
	var opening int64
	var stock inventory.Stock
	fields := append(saleFields(&product, &opening), stockFields(&stock)...)
	err := s.eachOfAll(ctx, func(row scanner) error {
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
func scanProduct(row scanner, product *persistence.CatalogueProduct, more ...any) error {
	fields := append(saleFields(&product.Product, &product.OpeningStock),
		&product.Description, &product.Version, &product.CreatedAt, &product.UpdatedAt)
	return row.Scan(append(fields, more...)...)
}

// saleFields returns where saleColumns go.
func saleFields(product *inventory.Product, opening *int64) []any {
	return []any{
		fixed{product.ID[:]}, &product.SKU, &product.Name, &product.Category, &product.Price.Minor, fixed{product.Price.Currency[:]},
		&product.SaleStartsAt, &product.SaleEndsAt, &product.HoldSeconds, &product.Safety, &product.PurchaseLimit,
		&product.Paused, &product.Deleted, opening}
}

// stockFields returns where the quantities of withStock go.
func stockFields(stock *inventory.Stock) []any {
	return []any{&stock.OnHand, &stock.Reserved, &stock.Committed, &stock.Sold, &stock.Version}
}
