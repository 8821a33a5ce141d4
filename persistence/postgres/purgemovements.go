package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
)

// The queries of a purge of movements: where a number of products after a place end,
// the old movements of the products between two places, and their deletion.
//
// A movement goes when it is old, all before it are gone or go too, and it is not the
// newest, which has the version of the stock. The recursion takes one step for each
// movement that goes, from the oldest of each product on; versions have no gaps. The
// products take turns, and the first rows of a product are its oldest ones: so
// whatever number of them is deleted, the rest joins. LATERAL with a LIMIT keeps the
// planner from reading the whole ledger for a step.
const (
	selectProductsEnd = "SELECT product_id FROM stock WHERE product_id > $1 ORDER BY product_id LIMIT 1 OFFSET $2"
	selectPurgeable   = `WITH RECURSIVE old (product_id, stock_version, newest) AS (
		SELECT s.product_id, m.stock_version, s.version FROM stock s
			CROSS JOIN LATERAL (SELECT n.stock_version, n.at FROM stock_movements n WHERE n.product_id = s.product_id
				ORDER BY n.stock_version LIMIT 1) m
			WHERE s.product_id > $1 AND s.product_id <= $2 AND m.at < $3 AND m.stock_version < s.version
		UNION ALL
		SELECT old.product_id, m.stock_version, old.newest FROM old
			CROSS JOIN LATERAL (SELECT n.stock_version, n.at FROM stock_movements n WHERE n.product_id = old.product_id
				AND n.stock_version = old.stock_version + 1 LIMIT 1) m
			WHERE m.at < $3 AND m.stock_version < old.newest)
		SELECT product_id, stock_version FROM old LIMIT $4`
	deleteMovements = `DELETE FROM stock_movements m USING unnest($1::uuid[], $2::bigint[]) AS gone (product_id, stock_version)
		WHERE m.product_id = gone.product_id AND m.stock_version = gone.stock_version`
)

// PurgeMovements walks through the products from where the last call stopped, and
// begins anew at the end. One call looks at limit products at most. It locks the
// position's row, as Project does.
func (s *Store) PurgeMovements(ctx context.Context, before inventory.Instant, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	deleted, err := s.purgedMovements.Step(func(place inventory.ID) (deleted int, next inventory.ID, err error) {
		err = transact(ctx, s.projectors, func(t *transaction) (err error) {
			deleted, next, err = t.purgeMovements(place, before, limit)
			return err
		})
		return deleted, next, err
	})
	if err != nil {
		return 0, fmt.Errorf("purge the movements: %w", err)
	}
	return deleted, nil
}

// purgeMovements deletes movements of products after a place and returns the place
// where the next call goes on: the same when there may be more to delete there.
func (t *transaction) purgeMovements(place inventory.ID, before inventory.Instant, limit int) (deleted int, next inventory.ID, err error) {
	var end [16]byte
	err = t.send(func(batch *pgx.Batch) {
		batch.Queue(lockPosition)
		batch.Queue(selectProductsEnd, [16]byte(place), limit-1).QueryRow(scanEnd((*[16]byte)(&next), &end))
	})
	if err != nil {
		return 0, next, err
	}
	products, versions, err := t.purgeableMovements(place, end, before, limit)
	if err != nil || len(products) == 0 {
		return 0, next, err
	}
	if len(products) == limit {
		next = place
	}
	err = t.send(func(batch *pgx.Batch) { batch.Queue(deleteMovements, products, versions) })
	return len(products), next, err
}

// purgeableMovements returns movements, by their keys, of the products between two
// places.
func (t *transaction) purgeableMovements(place inventory.ID, end [16]byte, before inventory.Instant, limit int) (
	products [][16]byte, versions []int64, err error) {
	err = t.send(func(batch *pgx.Batch) {
		batch.Queue(selectPurgeable, [16]byte(place), end, int64(before), limit).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var product [16]byte
				var version int64
				if err := rows.Scan(&product, &version); err != nil {
					return err
				}
				products, versions = append(products, product), append(versions, version)
			}
			return rows.Err()
		})
	})
	return products, versions, err
}
