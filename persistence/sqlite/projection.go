package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// The statements of a projection. Those with rowsPlace take many rows. OR FAIL
// spares SQLite the notes that it needs to undo one failed statement: whatever
// fails here undoes the whole transaction. The foreign keys are deferred for the
// same reason.
const (
	selectPosition = "SELECT journal, epoch, sequence, hash FROM projection"
	movePosition   = `UPDATE projection SET journal = ?, epoch = ?, sequence = ?, hash = ?
		WHERE journal = ? AND epoch = ? AND sequence = ? AND hash = ?`
	selectStock = `SELECT p.id, coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.committed, 0), coalesce(s.sold, 0),
		coalesce(s.version, 0) FROM products p LEFT JOIN stock s ON s.product_id = p.id WHERE p.id IN (VALUES @rows)`
	selectStates = "SELECT id, customer_id, state, expires_at, extended, refund_due FROM orders WHERE id IN (VALUES @rows)"
	insertOrders = `INSERT OR FAIL INTO orders (id, customer_id, state, currency, placed_at, expires_at, updated_at,
		key_fingerprint, body, sequence) VALUES @rows`
	updateOrders = `UPDATE OR FAIL orders SET state = new.column2, expires_at = new.column3, extended = new.column4,
		refund_due = new.column5, updated_at = new.column6, sequence = new.column7
		FROM (VALUES @rows) AS new WHERE orders.id = new.column1`
	// A line of which everything was placed, as most are, leaves its counts to their
	// defaults: binding a parameter is a good part of what a row costs.
	insertItems        = "INSERT OR FAIL INTO order_items (order_id, product_id, quantity, price_minor, sku, stock_version) VALUES @rows"
	insertCountedItems = `INSERT OR FAIL INTO order_items (order_id, product_id, quantity, price_minor, sku, stock_version,
		dropped, dropped_for, released, shipped, returned) VALUES @rows`
	updateItems = `UPDATE OR FAIL order_items SET quantity = quantity - new.column3, released = released + new.column3,
		shipped = shipped + new.column4, returned = returned + new.column5
		FROM (VALUES @rows) AS new WHERE order_items.order_id = new.column1 AND order_items.product_id = new.column2`
	insertMovements = `INSERT OR FAIL INTO stock_movements (product_id, stock_version, sequence, kind, order_id,
		delta_on_hand, delta_reserved, delta_committed, on_hand, reserved, committed, by_id, reason, note, at) VALUES @rows`
	upsertStock = `INSERT OR FAIL INTO stock (product_id, on_hand, reserved, committed, sold, version) VALUES @rows
		ON CONFLICT (product_id) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved,
		committed = excluded.committed, sold = excluded.sold, version = excluded.version`
	upsertKeys = `INSERT OR FAIL INTO idempotency_keys (key, body, kind, subject_id, at) VALUES @rows
		ON CONFLICT (key) DO UPDATE SET body = excluded.body, kind = excluded.kind,
		subject_id = excluded.subject_id, at = excluded.at`
)

// Position returns where the projection stands.
func (s *Store) Position(ctx context.Context) (position persistence.Position, err error) {
	err = s.one(ctx, func(row scanner) error {
		return row.Scan(fixed{position.Journal[:]}, &position.Epoch, &position.Sequence, fixed{position.Hash[:]})
	}, selectPosition)
	if err != nil {
		return persistence.Position{}, fmt.Errorf("read the projection's position: %w", err)
	}
	return position, nil
}

// Project applies the run (from, to] and moves the position, or changes nothing.
func (s *Store) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	run, err := persistence.NewRun(from, to, records)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		p := projecting{ctx: ctx, tx: tx, bulk: s.bulk}
		err := p.project(run)
		if isConstraint(err) {
			return fmt.Errorf("%w: the records do not continue what is stored: %w", persistence.ErrCorrupt, err)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("project records %d to %d: %w", from.Sequence+1, to.Sequence, err)
	}
	return nil
}

// projecting is the work of one transaction.
type projecting struct {
	ctx  context.Context
	tx   *sql.Tx
	bulk *bulkStatements
}

func (p *projecting) project(run *persistence.Run) error {
	if err := p.move(&run.From, &run.To); err != nil {
		return err
	}
	stocks, err := p.loadStocks(run.Products)
	if err != nil {
		return fmt.Errorf("load the stock: %w", err)
	}
	orders, err := p.loadOrders(run.Orders)
	if err != nil {
		return fmt.Errorf("load the orders: %w", err)
	}
	changes, err := run.Fold(stocks, orders)
	if err != nil {
		return err
	}
	return p.write(run, changes)
}

// move moves the position. It comes first, so that nothing is read before this
// transaction is known to be the one that continues the projection.
func (p *projecting) move(from, to *persistence.Position) error {
	result, err := p.tx.ExecContext(p.ctx, movePosition,
		to.Journal[:], int64(to.Epoch), int64(to.Sequence), to.Hash[:],
		from.Journal[:], int64(from.Epoch), int64(from.Sequence), from.Hash[:])
	return oneRow(result, err, persistence.ErrPositionMoved)
}

func (p *projecting) loadStocks(products []inventory.ID) (map[inventory.ID]inventory.Stock, error) {
	stocks := make(map[inventory.ID]inventory.Stock, len(products))
	err := p.bulk.loadStock.load(p.ctx, p.tx, products, func(row scanner) error {
		var id inventory.ID
		var stock inventory.Stock
		err := row.Scan(fixed{id[:]}, &stock.OnHand, &stock.Reserved, &stock.Committed, &stock.Sold, &stock.Version)
		stocks[id] = stock
		return err
	})
	return stocks, err
}

func (p *projecting) loadOrders(ids []inventory.ID) (map[inventory.ID]inventory.Order, error) {
	orders := make(map[inventory.ID]inventory.Order, len(ids))
	err := p.bulk.loadOrders.load(p.ctx, p.tx, ids, func(row scanner) error {
		var order inventory.Order
		err := row.Scan(fixed{order.ID[:]}, fixed{order.Customer[:]}, &order.State, &order.ExpiresAt, &order.Extended, &order.RefundDue)
		orders[order.ID] = order
		return err
	})
	return orders, err
}

func (p *projecting) write(run *persistence.Run, changes *persistence.Changes) error {
	if err := p.writeOrders(changes.Placed); err != nil {
		return fmt.Errorf("write the orders: %w", err)
	}
	if err := p.writeStates(changes.Continued); err != nil {
		return fmt.Errorf("write the states of orders: %w", err)
	}
	if err := p.changeItems(changes.Lines); err != nil {
		return fmt.Errorf("change the lines of orders: %w", err)
	}
	if err := p.writeMovements(changes.Movements); err != nil {
		return fmt.Errorf("write the movements: %w", err)
	}
	if err := p.writeStocks(run.Products, changes.Stocks); err != nil {
		return fmt.Errorf("write the stock: %w", err)
	}
	if err := p.writeKeys(changes.Keys); err != nil {
		return fmt.Errorf("write the idempotency keys: %w", err)
	}
	return nil
}

// writeOrders inserts orders and their lines. What few orders have is left to its
// default first, and written afterwards as it is for an order that was there.
func (p *projecting) writeOrders(orders []inventory.Order) error {
	err := p.bulk.orders.write(p.ctx, p.tx, len(orders), func(row []any, i int) []any {
		o := &orders[i]
		return append(row, o.ID[:], o.Customer[:], int64(o.State), o.Currency.String(), int64(o.PlacedAt),
			int64(o.ExpiresAt), int64(o.UpdatedAt), o.Key[:], o.Body[:], int64(o.Sequence))
	})
	if err != nil {
		return err
	}
	var more []inventory.Order
	for i := range orders {
		if orders[i].Extended || orders[i].RefundDue != 0 {
			more = append(more, orders[i])
		}
	}
	if err := p.writeStates(more); err != nil {
		return err
	}
	return p.writeItems(orders)
}

// writeItems inserts the lines of orders.
func (p *projecting) writeItems(orders []inventory.Order) error {
	type item struct {
		order *inventory.ID
		line  *inventory.Line
	}
	plain := make([]item, 0, len(orders)) // most orders have one line
	var counted []item
	for i := range orders {
		for j := range orders[i].Lines {
			line := &orders[i].Lines[j]
			if line.Dropped == 0 && line.Released == 0 && line.Shipped == 0 {
				plain = append(plain, item{&orders[i].ID, line})
			} else {
				counted = append(counted, item{&orders[i].ID, line})
			}
		}
	}
	err := p.bulk.items.write(p.ctx, p.tx, len(plain), func(row []any, i int) []any {
		order, l := plain[i].order, plain[i].line
		return append(row, order[:], l.ProductID[:], l.Quantity, l.Price, l.SKU, int64(l.StockVersion))
	})
	if err != nil {
		return err
	}
	return p.bulk.countedItems.write(p.ctx, p.tx, len(counted), func(row []any, i int) []any {
		order, l := counted[i].order, counted[i].line
		return append(row, order[:], l.ProductID[:], l.Quantity, l.Price, l.SKU, int64(l.StockVersion),
			int64(l.Dropped), int64(l.DroppedFor), int64(l.Released), int64(l.Shipped), int64(l.Returned))
	})
}

// writeStates changes orders that are there.
func (p *projecting) writeStates(orders []inventory.Order) error {
	return p.bulk.continued.change(p.ctx, p.tx, len(orders), func(row []any, i int) []any {
		o := &orders[i]
		return append(row, o.ID[:], int64(o.State), int64(o.ExpiresAt), o.Extended, o.RefundDue, int64(o.UpdatedAt), int64(o.Sequence))
	})
}

// changeItems changes lines of orders that are there. The schema checks that they
// have the units.
func (p *projecting) changeItems(lines []persistence.LineChange) error {
	return p.bulk.changedItems.change(p.ctx, p.tx, len(lines), func(row []any, i int) []any {
		l := &lines[i]
		return append(row, l.Order[:], l.Product[:], l.Released, l.Shipped, l.Returned)
	})
}

func (p *projecting) writeMovements(movements []persistence.Movement) error {
	return p.bulk.movements.write(p.ctx, p.tx, len(movements), func(row []any, i int) []any {
		m := &movements[i]
		before, after := &m.Before, &m.After
		return append(row, m.ProductID[:], int64(after.Version), int64(m.Sequence), int64(m.Kind), nullableID(&m.Order),
			after.OnHand-before.OnHand, after.Reserved-before.Reserved, after.Committed-before.Committed,
			after.OnHand, after.Reserved, after.Committed, m.By[:], m.Reason, m.Note, int64(m.At))
	})
}

func (p *projecting) writeStocks(products []inventory.ID, stocks []inventory.Stock) error {
	return p.bulk.stock.write(p.ctx, p.tx, len(stocks), func(row []any, i int) []any {
		stock := &stocks[i]
		return append(row, products[i][:], stock.OnHand, stock.Reserved, stock.Committed, stock.Sold, int64(stock.Version))
	})
}

func (p *projecting) writeKeys(keys []persistence.IdempotencyKey) error {
	return p.bulk.keys.write(p.ctx, p.tx, len(keys), func(row []any, i int) []any {
		key := &keys[i]
		return append(row, key.Key[:], key.Body[:], int64(key.Kind), key.Subject[:], int64(key.At))
	})
}
