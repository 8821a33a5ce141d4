package sqlite

import (
	"context"
	"fmt"

	"holdfast/inventory"
)

// selectEachPurchase sums up, product by product, what customers have of those
// that have a limit. CROSS JOIN fixes the order of the loops: without a limit no
// order is looked at.
const selectEachPurchase = `SELECT p.id, o.customer_id, sum(i.quantity)
	FROM products p
	CROSS JOIN order_items i INDEXED BY order_items_by_product ON i.product_id = p.id
	CROSS JOIN orders o ON o.id = i.order_id
	WHERE p.purchase_limit > 0 AND i.quantity > 0 AND o.state NOT IN (3, 4) AND o.placed_at >= p.sale_starts_at
	GROUP BY p.id, o.customer_id`

// EachPurchase visits what counts towards the limits of products. It reads all
// lines of every product that has a limit.
func (s *Store) EachPurchase(ctx context.Context, visit func(product, customer inventory.ID, units int64) error) error {
	err := s.each(ctx, func(row scanner) error {
		var product, customer inventory.ID
		var units int64
		if err := row.Scan(fixed{product[:]}, fixed{customer[:]}, &units); err != nil {
			return err
		}
		return visit(product, customer, units)
	}, selectEachPurchase)
	if err != nil {
		return fmt.Errorf("visit the purchases: %w", err)
	}
	return nil
}
