package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
	"holdfast/persistence"
)

// The queries of a purge of orders: where a number of orders after a place end, those
// between two places that may go, with the key that placed each and the number of its
// lines, and what is deleted. An order of which selectEachPurchase finds a line stays.
const (
	selectOrdersEnd       = "SELECT id FROM orders WHERE id > $1 AND id <= $2 ORDER BY id LIMIT 1 OFFSET $3"
	selectPurgeableOrders = `SELECT o.id, o.key_fingerprint, (SELECT count(*) FROM order_items i WHERE i.order_id = o.id)
		FROM orders o WHERE o.id > $1 AND o.id <= $2 AND o.state NOT IN (1, 2, 5) AND o.updated_at < $3
		AND (o.state IN (3, 4) OR NOT EXISTS (SELECT 1 FROM order_items i JOIN products p ON p.id = i.product_id
			WHERE i.order_id = o.id AND i.quantity > 0 AND p.purchase_limit > 0 AND o.placed_at >= p.sale_starts_at))
		ORDER BY o.id LIMIT $4`
	deletePurgedItems = "DELETE FROM order_items WHERE order_id = ANY($1)"
	deletePurgedKeys  = `DELETE FROM idempotency_keys k USING unnest($1::uuid[], $2::uuid[]) AS gone (key, id)
		WHERE k.key = gone.key AND k.subject_id = gone.id`
	deletePurgedChangeKeys = "DELETE FROM idempotency_keys WHERE kind IN (6, 7) AND subject_id = ANY($1)"
	deletePurgedOrders     = "DELETE FROM orders WHERE id = ANY($1)"
	raisePurgedBefore      = "UPDATE projection SET purged_before = greatest(purged_before, $1)"
	selectPurgedBefore     = "SELECT purged_before FROM projection"
)

// PurgeOrders walks through the orders in the order of their IDs, which is that of when
// they were placed, from where the last call stopped, and begins anew where the IDs
// begin of orders that were placed later. So it needs no index by time, which every
// change of an order would have to move, and what is deleted together lies together.
//
// One call looks at purgeStride × limit orders at most. It locks the position's row, as
// Project does, so that no order changes meanwhile.
func (s *Store) PurgeOrders(ctx context.Context, at persistence.Position, before inventory.Instant, limit int) (int, error) {
	if limit <= 0 || before <= 0 {
		return 0, nil
	}
	deleted, err := s.purgedOrders.Step(func(place inventory.ID) (deleted int, next inventory.ID, err error) {
		err = transact(ctx, s.projectors, func(t *transaction) (err error) {
			p := purgingOrders{transaction: t, before: before, limit: limit}
			deleted, next, err = p.purge(&at, place)
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
	if err = s.one(ctx, func(row pgx.Row) error { return row.Scan(&before) }, selectPurgedBefore); err != nil {
		return 0, fmt.Errorf("read until when orders were purged: %w", err)
	}
	return before, nil
}

// purgingOrders is the work of one transaction.
type purgingOrders struct {
	*transaction
	before inventory.Instant
	limit  int
}

// purge deletes orders after a place, unless the projection stands elsewhere than at a
// position, and returns the place where the next call goes on: after the last order
// that was looked at, or zero, which no order is.
func (p *purgingOrders) purge(at *persistence.Position, place inventory.ID) (deleted int, next inventory.ID, err error) {
	last := inventory.NewID(p.before+inventory.Millisecond, 0, 0, 0)
	var found persistence.Position
	err = p.send(func(batch *pgx.Batch) {
		batch.Queue(lockPosition).QueryRow(func(row pgx.Row) error { return scanPosition(row, &found) })
		batch.Queue(selectOrdersEnd, [16]byte(place), [16]byte(last), purgeStride*p.limit-1).QueryRow(func(row pgx.Row) error {
			err := row.Scan((*[16]byte)(&next))
			switch {
			case errors.Is(err, pgx.ErrNoRows):
				return nil
			case err == nil:
				last = next
			}
			return err
		})
	})
	if err == nil && found != *at {
		err = fmt.Errorf("%w: it stands at %s, not at %s", persistence.ErrPositionMoved, found, *at)
	}
	if err != nil {
		return 0, next, err
	}
	ids, keys, more, err := p.find(place, last)
	if err != nil || len(ids) == 0 {
		return 0, next, err
	}
	if more {
		next = ids[len(ids)-1]
	}
	return len(ids), next, p.delete(ids, keys)
}

// find returns orders between two places that may go, and the keys that placed them.
// more says that there may be others.
func (p *purgingOrders) find(place, last inventory.ID) (ids [][16]byte, keys [][16]byte, more bool, err error) {
	err = p.send(func(batch *pgx.Batch) {
		batch.Queue(selectPurgeableOrders, [16]byte(place), [16]byte(last), int64(p.before), p.limit).Query(func(rows pgx.Rows) error {
			for lines := 0; rows.Next(); {
				if more = len(ids) == p.limit || lines >= p.limit; more {
					break
				}
				var id, key [16]byte
				var count int
				if err := rows.Scan(&id, &key, &count); err != nil {
					return err
				}
				ids, keys, lines = append(ids, id), append(keys, key), lines+count
			}
			return rows.Err()
		})
	})
	return ids, keys, more || len(ids) == p.limit, err
}

// delete deletes orders with their lines and keys.
func (p *purgingOrders) delete(ids, keys [][16]byte) error {
	return p.send(func(batch *pgx.Batch) {
		batch.Queue(deletePurgedItems, ids)
		batch.Queue(deletePurgedKeys, keys, ids)
		batch.Queue(deletePurgedChangeKeys, ids)
		batch.Queue(deletePurgedOrders, ids)
		batch.Queue(raisePurgedBefore, int64(p.before))
	})
}
