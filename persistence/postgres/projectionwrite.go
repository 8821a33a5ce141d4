package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/inventory"
	"holdfast/persistence"
)

// What is new is copied; what is there, or may be, is changed by one statement over
// arrays, one array for each column.
const (
	copyOrders = `COPY orders (id, customer_id, state, extended, currency, placed_at, expires_at, updated_at,
		sequence, refund_due, key_fingerprint, body) FROM STDIN (FORMAT binary)`
	copyItems = `COPY order_items (order_id, product_id, quantity, price_minor, stock_version, dropped, released, shipped,
		returned, dropped_for, sku) FROM STDIN (FORMAT binary)`
	copyMovements = `COPY stock_movements (product_id, stock_version, sequence, at, delta_on_hand, delta_reserved,
		delta_committed, on_hand, reserved, committed, order_id, by_id, kind, reason, note) FROM STDIN (FORMAT binary)`
	updateOrders = `UPDATE orders SET state = new.state, expires_at = new.expires_at, extended = new.extended,
		refund_due = new.refund_due, updated_at = new.updated_at, sequence = new.sequence
		FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[])
		AS new (id, state, expires_at, extended, refund_due, updated_at, sequence) WHERE orders.id = new.id`
	updateItems = `UPDATE order_items SET quantity = quantity - new.released, released = order_items.released + new.released,
		shipped = order_items.shipped + new.shipped, returned = order_items.returned + new.returned
		FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
		AS new (order_id, product_id, released, shipped, returned)
		WHERE order_items.order_id = new.order_id AND order_items.product_id = new.product_id`
	upsertStock = `INSERT INTO stock (product_id, on_hand, reserved, committed, sold, version)
		SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
		ON CONFLICT (product_id) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved,
		committed = excluded.committed, sold = excluded.sold, version = excluded.version`
	upsertKeys = `INSERT INTO idempotency_keys (key, body, subject_id, at, kind)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::smallint[])
		ON CONFLICT (key) DO UPDATE SET body = excluded.body, subject_id = excluded.subject_id, at = excluded.at,
		kind = excluded.kind`
)

// Bytes of a typical row, to have the room at once.
const (
	orderBytes    = 12*4 + 2 + 4*16 + 2 + 1 + 3 + 5*8
	itemBytes     = 11*4 + 2 + 2*16 + 3*8 + 4*4 + 2 + 24
	movementBytes = 15*4 + 2 + 3*16 + 9*8 + 2 + 16
)

// write stores what the run changes.
func (p *projecting) write(run *persistence.Run, changes *persistence.Changes) error {
	if err := p.copy(orderRows(changes.Placed)); err != nil {
		return fmt.Errorf("write the orders: %w", err)
	}
	if err := p.copy(itemRows(changes.Placed)); err != nil {
		return fmt.Errorf("write the lines of orders: %w", err)
	}
	if err := p.copy(movementRows(changes.Movements)); err != nil {
		return fmt.Errorf("write the movements: %w", err)
	}
	err := p.send(func(batch *pgx.Batch) {
		queueStocks(batch, run.Products, changes.Stocks)
		queueKeys(batch, changes.Keys)
		queueStates(batch, changes.Continued)
		queueLines(batch, changes.Lines)
	})
	if err != nil {
		return fmt.Errorf("change stock, keys and orders: %w", err)
	}
	return nil
}

func orderRows(orders []inventory.Order) *rows {
	r := newRows(copyOrders, 12, len(orders), orderBytes)
	for i := range orders {
		o := &orders[i]
		r.next()
		r.uuid(o.ID)
		r.uuid(o.Customer)
		r.smallint(uint8(o.State))
		r.boolean(o.Extended)
		r.bytes(o.Currency[:])
		r.bigint(int64(o.PlacedAt))
		r.bigint(int64(o.ExpiresAt))
		r.bigint(int64(o.UpdatedAt))
		r.bigint(int64(o.Sequence))
		r.bigint(o.RefundDue)
		r.uuid(o.Key)
		r.uuid(o.Body)
	}
	return r
}

func itemRows(orders []inventory.Order) *rows {
	r := newRows(copyItems, 11, len(orders), itemBytes) // most orders have one line
	for i := range orders {
		for j := range orders[i].Lines {
			l := &orders[i].Lines[j]
			r.next()
			r.uuid(orders[i].ID)
			r.uuid(l.ProductID)
			r.bigint(l.Quantity)
			r.bigint(l.Price)
			r.bigint(int64(l.StockVersion))
			r.integer(l.Dropped)
			r.integer(l.Released)
			r.integer(l.Shipped)
			r.integer(l.Returned)
			r.smallint(uint8(l.DroppedFor))
			r.string(l.SKU)
		}
	}
	return r
}

func movementRows(movements []persistence.Movement) *rows {
	r := newRows(copyMovements, 15, len(movements), movementBytes)
	for i := range movements {
		m := &movements[i]
		before, after := &m.Before, &m.After
		r.next()
		r.uuid(m.ProductID)
		r.bigint(int64(after.Version))
		r.bigint(int64(m.Sequence))
		r.bigint(int64(m.At))
		r.bigint(after.OnHand - before.OnHand)
		r.bigint(after.Reserved - before.Reserved)
		r.bigint(after.Committed - before.Committed)
		r.bigint(after.OnHand)
		r.bigint(after.Reserved)
		r.bigint(after.Committed)
		r.nullableID(m.Order)
		r.uuid(m.By)
		r.smallint(uint8(m.Kind))
		r.string(m.Reason)
		r.string(m.Note)
	}
	return r
}

// column collects one value of each row.
func column[R, V any](rows []R, value func(*R) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return values
}

// changeAll returns what checks that a statement changed so many rows, each once. A row
// that is not there is ErrCorrupt.
func changeAll(rows int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if missing := int64(rows) - tag.RowsAffected(); missing != 0 {
			return fmt.Errorf("%w: %d of %d rows are not there", persistence.ErrCorrupt, missing, rows)
		}
		return nil
	}
}

// queueStates changes orders that are there.
func queueStates(batch *pgx.Batch, orders []inventory.Order) {
	if len(orders) == 0 {
		return
	}
	type order = inventory.Order
	batch.Queue(updateOrders,
		column(orders, func(o *order) [16]byte { return o.ID }), column(orders, func(o *order) int16 { return int16(o.State) }),
		column(orders, func(o *order) int64 { return int64(o.ExpiresAt) }), column(orders, func(o *order) bool { return o.Extended }),
		column(orders, func(o *order) int64 { return o.RefundDue }), column(orders, func(o *order) int64 { return int64(o.UpdatedAt) }),
		column(orders, func(o *order) int64 { return int64(o.Sequence) }),
	).Exec(changeAll(len(orders)))
}

// queueLines changes lines of orders that are there. The schema checks that they have
// the units.
func queueLines(batch *pgx.Batch, lines []persistence.LineChange) {
	if len(lines) == 0 {
		return
	}
	type line = persistence.LineChange
	batch.Queue(updateItems,
		column(lines, func(l *line) [16]byte { return l.Order }), column(lines, func(l *line) [16]byte { return l.Product }),
		column(lines, func(l *line) int64 { return l.Released }), column(lines, func(l *line) int64 { return l.Shipped }),
		column(lines, func(l *line) int64 { return l.Returned }),
	).Exec(changeAll(len(lines)))
}

func queueStocks(batch *pgx.Batch, products []inventory.ID, stocks []inventory.Stock) {
	if len(stocks) == 0 {
		return
	}
	type stock = inventory.Stock
	batch.Queue(upsertStock, uuids(products),
		column(stocks, func(s *stock) int64 { return s.OnHand }), column(stocks, func(s *stock) int64 { return s.Reserved }),
		column(stocks, func(s *stock) int64 { return s.Committed }), column(stocks, func(s *stock) int64 { return s.Sold }),
		column(stocks, func(s *stock) int64 { return int64(s.Version) })).Exec(changeAll(len(stocks)))
}

func queueKeys(batch *pgx.Batch, keys []persistence.IdempotencyKey) {
	keys = lastUses(keys)
	if len(keys) == 0 {
		return
	}
	type key = persistence.IdempotencyKey
	batch.Queue(upsertKeys,
		column(keys, func(k *key) [16]byte { return k.Key }), column(keys, func(k *key) [16]byte { return k.Body }),
		column(keys, func(k *key) [16]byte { return k.Subject }), column(keys, func(k *key) int64 { return int64(k.At) }),
		column(keys, func(k *key) int16 { return int16(k.Kind) })).Exec(changeAll(len(keys)))
}

// lastUses returns the last use of each key: one statement cannot change a row twice.
func lastUses(keys []persistence.IdempotencyKey) []persistence.IdempotencyKey {
	places := make(map[inventory.Fingerprint]int, len(keys))
	last := make([]persistence.IdempotencyKey, 0, len(keys))
	for _, key := range keys {
		if place, known := places[key.Key]; known {
			last[place] = key
			continue
		}
		places[key.Key] = len(last)
		last = append(last, key)
	}
	return last
}
