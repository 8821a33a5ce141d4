package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
	"holdfast/persistence"
)

// An order is read together with its lines by one statement: one row for each line, the
// order's own columns repeated.
const (
	orderColumns = `o.id, o.customer_id, o.state, o.currency, o.placed_at, o.expires_at, o.updated_at,
		o.key_fingerprint, o.body, o.sequence, o.extended, o.refund_due,
		i.product_id, i.quantity, i.price_minor, i.sku, i.stock_version,
		i.dropped, i.dropped_for, i.released, i.shipped, i.returned`
	selectOrder = "SELECT " + orderColumns + ` FROM orders o JOIN order_items i ON i.order_id = o.id
		WHERE o.id = $1 ORDER BY i.product_id`
	selectEachReservedOrder = "SELECT " + orderColumns + ` FROM orders o JOIN order_items i ON i.order_id = o.id
		WHERE o.state = $1 ORDER BY o.id, i.product_id`
)

// OrderByID returns an order.
func (s *Store) OrderByID(ctx context.Context, id inventory.ID) (inventory.Order, error) {
	var order inventory.Order
	collect := &orderCollector{visit: func(found *inventory.Order) error { order = *found; return nil }}
	err := s.each(ctx, collect.row, selectOrder, [16]byte(id))
	if err := collect.end(err); err != nil {
		return inventory.Order{}, fmt.Errorf("read order %s: %w", id, err)
	}
	if order.ID.IsZero() {
		return inventory.Order{}, fmt.Errorf("read order %s: %w", id, persistence.ErrNotFound)
	}
	return order, nil
}

// EachReservedOrder visits every order in state Reserved, ascending by ID.
func (s *Store) EachReservedOrder(ctx context.Context, visit func(inventory.Order) error) error {
	collect := &orderCollector{visit: func(order *inventory.Order) error { return visit(*order) }}
	err := s.all(ctx, collect.row, selectEachReservedOrder, int16(inventory.Reserved))
	if err := collect.end(err); err != nil {
		return fmt.Errorf("visit the reserved orders: %w", err)
	}
	return nil
}

// Orders selects orders, newest first.
func (s *Store) Orders(ctx context.Context, filter persistence.OrderFilter) ([]inventory.Order, error) {
	var orders []inventory.Order
	collect := &orderCollector{visit: func(order *inventory.Order) error {
		orders = append(orders, *order)
		return nil
	}}
	text, arguments := ordersQuery(&filter)
	err := s.each(ctx, collect.row, text, arguments...)
	if err := collect.end(err); err != nil {
		return nil, fmt.Errorf("list orders: %w", err)
	}
	return orders, nil
}

// ordersQuery puts the query for a filter together. The inner query selects the page
// along an index that has the orders by ID: the customer's, the product's, the state's,
// or the key.
func ordersQuery(filter *persistence.OrderFilter) (text string, arguments []any) {
	from, id := "orders r", "r.id"
	conditions := make([]string, 0, 4)
	where := func(condition string, argument any) {
		arguments = append(arguments, argument)
		conditions = append(conditions, condition+" $"+strconv.Itoa(len(arguments)))
	}
	hasCustomer, hasProduct := !filter.Customer.IsZero(), !filter.Product.IsZero()
	if hasCustomer {
		where("r.customer_id =", [16]byte(filter.Customer))
	}
	if hasProduct {
		from, id = "order_items l JOIN orders r ON r.id = l.order_id", "l.order_id"
		where("l.product_id =", [16]byte(filter.Product))
	}
	if filter.State != 0 {
		where("r.state =", int16(filter.State))
	}
	if !filter.Before.IsZero() {
		where(id+" <", [16]byte(filter.Before))
	}
	page := "SELECT r.* FROM " + from
	if len(conditions) > 0 {
		page += " WHERE " + strings.Join(conditions, " AND ")
	}
	arguments = append(arguments, max(filter.Limit, 0))
	page += " ORDER BY " + id + " DESC LIMIT $" + strconv.Itoa(len(arguments))
	return "SELECT " + orderColumns + " FROM (" + page + `) o JOIN order_items i ON i.order_id = o.id
		ORDER BY o.id DESC, i.product_id`, arguments
}

// orderCollector makes orders of rows of orderColumns, where the rows of one order
// follow each other. The order is the visitor's to keep.
type orderCollector struct {
	visit          func(*inventory.Order) error
	current, order inventory.Order
}

func (c *orderCollector) row(row pgx.Row) error {
	var line inventory.Line
	if err := scanOrder(row, &c.order, &line); err != nil {
		return err
	}
	if c.order.ID != c.current.ID {
		if err := c.end(nil); err != nil {
			return err
		}
		c.current = c.order
	}
	c.current.Lines = append(c.current.Lines, line)
	return nil
}

// end visits the last order, unless there was an error, which it returns.
func (c *orderCollector) end(err error) error {
	if err != nil || len(c.current.Lines) == 0 {
		return err
	}
	return c.visit(&c.current)
}

func scanOrder(row pgx.Row, order *inventory.Order, line *inventory.Line) error {
	return row.Scan((*[16]byte)(&order.ID), (*[16]byte)(&order.Customer), &order.State, currency{&order.Currency},
		&order.PlacedAt, &order.ExpiresAt, &order.UpdatedAt, (*[16]byte)(&order.Key), (*[16]byte)(&order.Body), &order.Sequence,
		&order.Extended, &order.RefundDue,
		(*[16]byte)(&line.ProductID), &line.Quantity, &line.Price, &line.SKU, &line.StockVersion,
		&line.Dropped, &line.DroppedFor, &line.Released, &line.Shipped, &line.Returned)
}
