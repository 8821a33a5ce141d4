package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
)

const selectEachPurchase = `SELECT p.id, o.customer_id, sum(i.quantity)::bigint
	FROM products p JOIN order_items i ON i.product_id = p.id JOIN orders o ON o.id = i.order_id
	WHERE p.purchase_limit > 0 AND i.quantity > 0 AND o.state NOT IN (3, 4) AND o.placed_at >= p.sale_starts_at
	GROUP BY p.id, o.customer_id`

// EachPurchase visits what counts towards the limits of products. It reads all lines of
// every product that has a limit.
func (s *Store) EachPurchase(ctx context.Context, visit func(product, customer inventory.ID, units int64) error) error {
	err := s.all(ctx, func(row pgx.Row) error {
		var product, customer inventory.ID
		var units int64
		if err := row.Scan((*[16]byte)(&product), (*[16]byte)(&customer), &units); err != nil {
			return err
		}
		return visit(product, customer, units)
	}, selectEachPurchase)
	if err != nil {
		return fmt.Errorf("visit the purchases: %w", err)
	}
	return nil
}

// selectPurchasesOf has the position and the counts of one moment: a row without a customer
// is the position alone.
const selectPurchasesOf = `SELECT j.sequence, c.customer_id, c.units
	FROM projection j LEFT JOIN (
		SELECT o.customer_id, sum(i.quantity)::bigint AS units FROM order_items i JOIN orders o ON o.id = i.order_id
		WHERE i.product_id = $1 AND i.quantity > 0 AND o.state NOT IN (3, 4) AND o.placed_at >= $2
		GROUP BY o.customer_id) c ON true`

// PurchasesOf visits what counts towards a limit of one product.
func (s *Store) PurchasesOf(ctx context.Context, product inventory.ID, since inventory.Instant,
	visit func(customer inventory.ID, units int64) error) (sequence uint64, err error) {
	err = s.all(ctx, func(row pgx.Row) error {
		var customer *[16]byte
		var units *int64
		if err := row.Scan(&sequence, &customer, &units); err != nil || customer == nil {
			return err
		}
		return visit(*customer, *units)
	}, selectPurchasesOf, [16]byte(product), int64(since))
	if err != nil {
		return 0, fmt.Errorf("visit the purchases of product %s: %w", product, err)
	}
	return sequence, nil
}
