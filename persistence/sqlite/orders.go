package sqlite

import (
	"context"
	"fmt"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

// An order is read together with its lines by one statement: one row for each
// line, the order's own columns repeated.
const (
	orderColumns = `o.id, o.customer_id, o.state, o.currency, o.placed_at, o.expires_at, o.updated_at,
		o.key_fingerprint, o.body, o.sequence, o.extended, o.refund_due,
		i.product_id, i.quantity, i.price_minor, i.sku, i.stock_version,
		i.dropped, i.dropped_for, i.released, i.shipped, i.returned`
	selectOrder = "SELECT " + orderColumns + ` FROM orders o JOIN order_items i ON i.order_id = o.id
		WHERE o.id = ? ORDER BY i.product_id`
	// CROSS JOIN fixes the order of the loops: the index by state gives the orders
	// and the key of the items gives their lines, already in order.
	selectEachReservedOrder = "SELECT " + orderColumns + ` FROM orders o CROSS JOIN order_items i ON i.order_id = o.id
		WHERE o.state = ? ORDER BY o.id, i.product_id`
)

// OrderByID returns an order.
func (s *Store) OrderByID(ctx context.Context, id inventory.ID) (inventory.Order, error) {
	var order inventory.Order
	err := s.eachOrder(ctx, func(found *inventory.Order) error { order = *found; return nil }, selectOrder, id[:])
	if err == nil && order.ID.IsZero() {
		err = persistence.ErrNotFound
	}
	if err != nil {
		return inventory.Order{}, fmt.Errorf("read order %s: %w", id, err)
	}
	return order, nil
}

// EachReservedOrder visits every order in state Reserved, ascending by ID.
func (s *Store) EachReservedOrder(ctx context.Context, visit func(inventory.Order) error) error {
	err := s.eachOrder(ctx, func(order *inventory.Order) error { return visit(*order) },
		selectEachReservedOrder, int64(inventory.Reserved))
	if err != nil {
		return fmt.Errorf("visit the reserved orders: %w", err)
	}
	return nil
}

// Orders selects orders, newest first.
func (s *Store) Orders(ctx context.Context, filter persistence.OrderFilter) ([]inventory.Order, error) {
	text, arguments := ordersQuery(&filter)
	var orders []inventory.Order
	err := s.eachOrder(ctx, func(order *inventory.Order) error {
		orders = append(orders, *order)
		return nil
	}, text, arguments...)
	if err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}

// ordersQuery puts the query for a filter together. The inner query selects the
// page along one index that has the orders by ID: the customer's, else the
// product's, else the state's, else the key. What else is asked for is checked
// for each order on the way.
func ordersQuery(filter *persistence.OrderFilter) (text string, arguments []any) {
	from, id, index := "orders r", "r.id", ""
	var conditions []string
	where := func(condition string, argument any) {
		conditions, arguments = append(conditions, condition), append(arguments, argument)
	}
	hasCustomer, hasProduct := !filter.Customer.IsZero(), !filter.Product.IsZero()
	switch {
	case hasCustomer:
		index = " INDEXED BY orders_by_customer"
		where("r.customer_id = ?", filter.Customer[:])
		if hasProduct {
			where("EXISTS (SELECT 1 FROM order_items l WHERE l.order_id = r.id AND l.product_id = ?)", filter.Product[:])
		}
	case hasProduct:
		from, id = "order_items l INDEXED BY order_items_by_product CROSS JOIN orders r ON r.id = l.order_id", "l.order_id"
		where("l.product_id = ?", filter.Product[:])
	case filter.State != 0:
		index = " INDEXED BY orders_by_state"
	}
	if filter.State != 0 {
		where("r.state = ?", int64(filter.State))
	}
	where(id+" < ?", before(&filter.Before))
	page := "SELECT r.* FROM " + from + index + " WHERE " + strings.Join(conditions, " AND ") +
		" ORDER BY " + id + " DESC LIMIT ?"
	return "SELECT " + orderColumns + " FROM (" + page + `) o CROSS JOIN order_items i ON i.order_id = o.id
		ORDER BY o.id DESC, i.product_id`, append(arguments, max(filter.Limit, 0))
}

// eachOrder calls visit for every order of a query of orderColumns whose rows of
// one order follow each other. The order is the visitor's to keep.
func (s *Store) eachOrder(ctx context.Context, visit func(*inventory.Order) error, text string, arguments ...any) error {
	var current, order inventory.Order
	err := s.each(ctx, func(row scanner) error {
		var line inventory.Line
		if err := scanOrder(row, &order, &line); err != nil {
			return err
		}
		if order.ID != current.ID {
			if len(current.Lines) > 0 {
				if err := visit(&current); err != nil {
					return err
				}
			}
			current = order
		}
		current.Lines = append(current.Lines, line)
		return nil
	}, text, arguments...)
	if err == nil && len(current.Lines) > 0 {
		err = visit(&current)
	}
	return err
}

func scanOrder(row scanner, order *inventory.Order, line *inventory.Line) error {
	return row.Scan(fixed{order.ID[:]}, fixed{order.Customer[:]}, &order.State, fixed{order.Currency[:]},
		&order.PlacedAt, &order.ExpiresAt, &order.UpdatedAt, fixed{order.Key[:]}, fixed{order.Body[:]}, &order.Sequence,
		&order.Extended, &order.RefundDue,
		fixed{line.ProductID[:]}, &line.Quantity, &line.Price, &line.SKU, &line.StockVersion,
		&line.Dropped, &line.DroppedFor, &line.Released, &line.Shipped, &line.Returned)
}
