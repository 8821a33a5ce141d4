package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
)

// purgeStride is how many keys PurgeKeys looks at for each that it may delete. A caller
// that goes on while calls reach their limit leaves about one key in purgeStride that
// could be deleted; a larger stride leaves fewer, and makes calls that find nothing
// longer.
const purgeStride = 16

// The queries of a purge: where a number of keys after a place end, and the keys
// between two places that are old and that selectEachKey does not visit.
const (
	selectPurgeEnd = "SELECT key FROM idempotency_keys WHERE key > $1 ORDER BY key LIMIT 1 OFFSET $2"
	deletePurged   = `DELETE FROM idempotency_keys WHERE key IN (
		SELECT k.key FROM idempotency_keys k WHERE k.key > $1 AND k.key <= $2 AND k.at < $3
		AND NOT EXISTS (SELECT 1 FROM orders o WHERE k.kind <> 5 AND o.id = k.subject_id
			AND (o.state IN (1, 2, 5) OR o.updated_at >= $3))
		ORDER BY k.key LIMIT $4) RETURNING key`
)

// PurgeKeys walks through the keys in their own order, from where the last call
// stopped, and begins anew at the end. Keys are hashes, so every part of them is a fair
// sample of all, and what is deleted together lies together. One call looks at
// purgeStride × limit keys at most.
//
// It locks the position's row, as Project does: a key that is used again in the same
// moment is not the one that was looked at, and must not be deleted in its place.
func (s *Store) PurgeKeys(ctx context.Context, since inventory.Instant, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	deleted, err := s.purgedKeys.Step(func(place inventory.Fingerprint) (deleted int, next inventory.Fingerprint, err error) {
		err = transact(ctx, s.projectors, func(t *transaction) (err error) {
			deleted, next, err = t.purge(place, since, limit)
			return err
		})
		return deleted, next, err
	})
	if err != nil {
		return 0, fmt.Errorf("purge the idempotency keys: %w", err)
	}
	return deleted, nil
}

// scanEnd reads where a stride of a walk ends: next, or beyondIDs when it is the last.
func scanEnd(next, end *[16]byte) func(pgx.Row) error {
	*end = beyondIDs
	return func(row pgx.Row) error {
		err := row.Scan(next)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		*end = *next
		return err
	}
}

// purge deletes keys after a place and returns the place where the next call goes on:
// after the last key that was looked at, or zero, which no key is.
func (t *transaction) purge(place inventory.Fingerprint, since inventory.Instant, limit int) (
	deleted int, next inventory.Fingerprint, err error) {
	var end [16]byte
	err = t.send(func(batch *pgx.Batch) {
		batch.Queue(lockPosition)
		batch.Queue(selectPurgeEnd, [16]byte(place), purgeStride*limit-1).QueryRow(scanEnd((*[16]byte)(&next), &end))
	})
	if err != nil {
		return 0, next, err
	}
	var last inventory.Fingerprint
	err = t.send(func(batch *pgx.Batch) {
		batch.Queue(deletePurged, [16]byte(place), end, int64(since), limit).Query(func(rows pgx.Rows) error {
			for ; rows.Next(); deleted++ {
				var key inventory.Fingerprint
				if err := rows.Scan((*[16]byte)(&key)); err != nil {
					return err
				}
				if bytes.Compare(key[:], last[:]) > 0 {
					last = key
				}
			}
			return rows.Err()
		})
	})
	if deleted == limit {
		next = last
	}
	return deleted, next, err
}
