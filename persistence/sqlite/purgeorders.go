package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// The queries of a purge of orders: where a number of orders after a place end, those
// between two places that may go, with the key that placed each and the number of its
// lines, and what is deleted. An order of which selectEachPurchase finds a line stays.
const (
	selectOrdersEnd       = "SELECT id FROM orders WHERE id > ? AND id <= ? ORDER BY id LIMIT 1 OFFSET ?"
	selectPurgeableOrders = `SELECT o.id, o.key_fingerprint, (SELECT count(*) FROM order_items i WHERE i.order_id = o.id)
		FROM orders o WHERE o.id > ?1 AND o.id <= ?2 AND o.state NOT IN (1, 2, 5) AND o.updated_at < ?3
		AND (o.state IN (3, 4) OR NOT EXISTS (SELECT 1 FROM order_items i CROSS JOIN products p ON p.id = i.product_id
			WHERE i.order_id = o.id AND i.quantity > 0 AND p.purchase_limit > 0 AND o.placed_at >= p.sale_starts_at))
		ORDER BY o.id LIMIT ?4`
	deletePurgedItems      = "DELETE FROM order_items WHERE order_id IN (VALUES @rows)"
	deletePurgedKeys       = "DELETE FROM idempotency_keys WHERE (key, subject_id) IN (VALUES @rows)"
	deletePurgedChangeKeys = "DELETE FROM idempotency_keys WHERE kind IN (6, 7) AND subject_id IN (VALUES @rows)"
	deletePurgedOrders     = "DELETE FROM orders WHERE id IN (VALUES @rows)"
	raisePurgedBefore      = "UPDATE projection SET purged_before = max(purged_before, ?)"
	selectPurgedBefore     = "SELECT purged_before FROM projection"
)

// purgeableOrder is an order that may go.
type purgeableOrder struct {
	id    inventory.ID
	key   inventory.Fingerprint
	lines int
}

// PurgeOrders walks through the orders in the order of their IDs, which is that of when
// they were placed, from where the last call stopped, and begins anew where the IDs
// begin of orders that were placed later. So it needs no index by time, which every
// change of an order would have to move, and what is deleted together lies together.
//
// One call looks at purgeStride × limit orders at most. With a limit of 1,000 it holds
// the writer for 57 ms when it deletes 1,000 orders of one line, and for 4 ms when it
// looks at 16,000 that stay (BenchmarkPurge, two very busy processors).
func (s *Store) PurgeOrders(ctx context.Context, at persistence.Position, before inventory.Instant, limit int) (int, error) {
	if limit <= 0 || before <= 0 {
		return 0, nil
	}
	deleted, err := s.purgedOrders.Step(func(place inventory.ID) (deleted int, next inventory.ID, err error) {
		err = s.write(ctx, func(tx *sql.Tx) (err error) {
			p := purgingOrders{ctx: ctx, tx: tx, bulk: s.bulk, before: before, limit: limit}
			if err := p.expect(&at); err != nil {
				return err
			}
			deleted, next, err = p.purge(place)
			return err
		})
		return deleted, next, err
	})
	if err != nil {
		return 0, fmt.Errorf("purge the orders: %w", err)
	}
	return deleted, nil
}

// PurgedBefore returns the latest moment that orders were deleted for.
func (s *Store) PurgedBefore(ctx context.Context) (before inventory.Instant, err error) {
	if err = s.one(ctx, func(row scanner) error { return row.Scan(&before) }, selectPurgedBefore); err != nil {
		return 0, fmt.Errorf("read until when orders were purged: %w", err)
	}
	return before, nil
}

// purgingOrders is the work of one transaction.
type purgingOrders struct {
	ctx    context.Context
	tx     *sql.Tx
	bulk   *bulkStatements
	before inventory.Instant
	limit  int
}

// expect returns ErrPositionMoved unless the projection stands at a position.
func (p *purgingOrders) expect(at *persistence.Position) error {
	var found persistence.Position
	err := p.tx.QueryRowContext(p.ctx, selectPosition).Scan(fixed{found.Journal[:]}, &found.Epoch, &found.Sequence, fixed{found.Hash[:]})
	if err == nil && found != *at {
		err = fmt.Errorf("%w: it stands at %s, not at %s", persistence.ErrPositionMoved, found, *at)
	}
	return err
}

// purge deletes orders after a place and returns the place where the next call goes on:
// after the last order that was looked at, or zero, which no order is.
func (p *purgingOrders) purge(place inventory.ID) (deleted int, next inventory.ID, err error) {
	last := inventory.NewID(p.before+inventory.Millisecond, 0, 0, 0)
	switch err := p.tx.QueryRowContext(p.ctx, selectOrdersEnd, place[:], last[:], purgeStride*p.limit-1).Scan(fixed{next[:]}); {
	case err == nil:
		last = next
	case !errors.Is(err, sql.ErrNoRows):
		return 0, next, err
	}
	orders, more, err := p.find(place, last)
	if err != nil || len(orders) == 0 {
		return 0, next, err
	}
	if more {
		next = orders[len(orders)-1].id
	}
	return len(orders), next, p.delete(orders)
}

// find returns orders between two places that may go. more says that there may be others.
func (p *purgingOrders) find(place, last inventory.ID) (orders []purgeableOrder, more bool, err error) {
	rows, err := p.tx.QueryContext(p.ctx, selectPurgeableOrders, place[:], last[:], int64(p.before), p.limit)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for lines := 0; len(orders) < p.limit && lines < p.limit; {
		if !rows.Next() {
			return orders, false, rows.Err()
		}
		var order purgeableOrder
		if err := rows.Scan(fixed{order.id[:]}, fixed{order.key[:]}, &order.lines); err != nil {
			return nil, false, err
		}
		orders, lines = append(orders, order), lines+order.lines
	}
	return orders, true, nil
}

// delete deletes orders with their lines and keys.
func (p *purgingOrders) delete(orders []purgeableOrder) error {
	id := func(row []any, i int) []any { return append(row, orders[i].id[:]) }
	keyAndID := func(row []any, i int) []any { return append(row, orders[i].key[:], orders[i].id[:]) }
	for _, step := range []struct {
		statement *bulk
		row       func([]any, int) []any
	}{{&p.bulk.purgedItems, id}, {&p.bulk.purgedKeys, keyAndID}, {&p.bulk.purgedChangeKeys, id}, {&p.bulk.purgedOrders, id}} {
		if err := step.statement.write(p.ctx, p.tx, len(orders), step.row); err != nil {
			return err
		}
	}
	_, err := p.tx.ExecContext(p.ctx, raisePurgedBefore, int64(p.before))
	return err
}
