package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"holdfast/inventory"
)

// The queries of a purge of movements: where a number of products after a place end,
// and the deletion of the old movements of the products between two places.
//
// A movement goes when it is old, all before it are gone or go too, and it is not the
// newest, which has the version of the stock. The recursion takes one step for each
// movement that goes, from the oldest of each product on; versions have no gaps. The
// products take turns, and the first rows of a product are its oldest ones: so
// whatever number of them is deleted, the rest joins.
const (
	selectProductsEnd    = "SELECT product_id FROM stock WHERE product_id > ? ORDER BY product_id LIMIT 1 OFFSET ?"
	deletePurgedMovement = `WITH RECURSIVE old (product_id, stock_version, newest) AS (
		SELECT s.product_id, m.stock_version, s.version FROM stock s CROSS JOIN stock_movements m
			ON m.product_id = s.product_id AND m.stock_version =
			(SELECT n.stock_version FROM stock_movements n WHERE n.product_id = s.product_id ORDER BY n.stock_version LIMIT 1)
			WHERE s.product_id > ?1 AND s.product_id <= ?2 AND m.at < ?3 AND m.stock_version < s.version
		UNION ALL
		SELECT m.product_id, m.stock_version, old.newest FROM old CROSS JOIN stock_movements m
			ON m.product_id = old.product_id AND m.stock_version = old.stock_version + 1
			WHERE m.at < ?3 AND m.stock_version < old.newest
		LIMIT ?4)
		DELETE FROM stock_movements WHERE (product_id, stock_version) IN (SELECT product_id, stock_version FROM old)`
)

// PurgeMovements walks through the products from where the last call stopped, and
// begins anew at the end. One call looks at limit products at most.
func (s *Store) PurgeMovements(ctx context.Context, before inventory.Instant, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	deleted, err := s.purgedMovements.Step(func(place inventory.ID) (deleted int, next inventory.ID, err error) {
		err = s.write(ctx, func(tx *sql.Tx) (err error) {
			deleted, next, err = purgeMovements(ctx, tx, place, before, limit)
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
func purgeMovements(ctx context.Context, tx *sql.Tx, place inventory.ID, before inventory.Instant, limit int) (
	deleted int, next inventory.ID, err error) {
	end := beyondIDs
	switch err := tx.QueryRowContext(ctx, selectProductsEnd, place[:], limit-1).Scan(fixed{next[:]}); {
	case err == nil:
		end = next[:]
	case !errors.Is(err, sql.ErrNoRows):
		return 0, next, err
	}
	result, err := tx.ExecContext(ctx, deletePurgedMovement, place[:], end, int64(before), limit)
	if err != nil {
		return 0, next, err
	}
	gone, err := result.RowsAffected()
	if int(gone) == limit {
		next = place
	}
	return int(gone), next, err
}
