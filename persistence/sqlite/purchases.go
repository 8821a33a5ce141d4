package sqlite

import (
	"context"
	"fmt"

	"holdfast/inventory"
)

// selectEachPurchase finds the lines that count, product by product. CROSS JOIN
// fixes the order of the loops: without a limit no order is looked at. The sums are
// made by EachPurchase, because SQLite would sort all lines of all products for it,
// in memory.
const selectEachPurchase = `SELECT p.id, o.customer_id, i.quantity
	FROM products p
	CROSS JOIN order_items i INDEXED BY order_items_by_product ON i.product_id = p.id
	CROSS JOIN orders o ON o.id = i.order_id
	WHERE p.purchase_limit > 0 AND i.quantity > 0 AND o.state NOT IN (3, 4) AND o.placed_at >= p.sale_starts_at
	ORDER BY p.id`

// EachPurchase visits what counts towards the limits of products. It reads all
// lines of every product that has a limit, and keeps the customers of one product
// in memory.
func (s *Store) EachPurchase(ctx context.Context, visit func(product, customer inventory.ID, units int64) error) error {
	var current inventory.ID
	bought := make(map[inventory.ID]int64)
	visitCurrent := func() error {
		for customer, units := range bought {
			if err := visit(current, customer, units); err != nil {
				return err
			}
		}
		clear(bought)
		return nil
	}
	err := s.eachOfAll(ctx, func(row scanner) error {
		var product, customer inventory.ID
		var units int64
		if err := row.Scan(fixed{product[:]}, fixed{customer[:]}, &units); err != nil {
			return err
		}
		if product != current {
			if err := visitCurrent(); err != nil {
				return err
			}
			current = product
		}
		bought[customer] += units
		return nil
	}, selectEachPurchase)
	if err == nil {
		err = visitCurrent()
	}
	if err != nil {
		return fmt.Errorf("visit the purchases: %w", err)
	}
	return nil
}

// selectPurchasesOf has the position and the counts of one moment: a row without a customer
// is the position alone.
const selectPurchasesOf = `SELECT j.sequence, c.customer_id, c.units
	FROM projection j LEFT JOIN (
		SELECT o.customer_id, sum(i.quantity) AS units FROM order_items i CROSS JOIN orders o ON o.id = i.order_id
		WHERE i.product_id = ? AND i.quantity > 0 AND o.state NOT IN (3, 4) AND o.placed_at >= ?
		GROUP BY o.customer_id) c ON true`

// PurchasesOf visits what counts towards a limit of one product.
func (s *Store) PurchasesOf(ctx context.Context, product inventory.ID, since inventory.Instant,
	visit func(customer inventory.ID, units int64) error) (sequence uint64, err error) {
	err = s.eachOfAll(ctx, func(row scanner) error {
		var customer inventory.ID
		var units *int64
		if err := row.Scan(&sequence, fixed{customer[:]}, &units); err != nil || units == nil {
			return err
		}
		return visit(customer, *units)
	}, selectPurchasesOf, product[:], int64(since))
	if err != nil {
		return 0, fmt.Errorf("visit the purchases of product %s: %w", product, err)
	}
	return sequence, nil
}
