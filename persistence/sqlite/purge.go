package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"holdfast/inventory"
)

// purgeStride is how many keys PurgeKeys looks at for each that it may delete. A
// caller that goes on while calls reach their limit leaves about one key in
// purgeStride that could be deleted; a larger stride leaves fewer, and makes calls
// that find nothing longer.
const purgeStride = 16

// The queries of a purge: where a number of keys after a place end, and the keys
// between two places that are old and that selectEachKey does not visit.
const (
	selectPurgeEnd = "SELECT key FROM idempotency_keys WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?"
	deletePurged   = `DELETE FROM idempotency_keys WHERE key IN (
		SELECT k.key FROM idempotency_keys k WHERE k.key > ?1 AND k.key <= ?2 AND k.at < ?3
		AND NOT EXISTS (SELECT 1 FROM orders o WHERE k.kind <> 5 AND o.id = k.subject_id
			AND (o.state IN (1, 2, 5) OR o.updated_at >= ?3))
		ORDER BY k.key LIMIT ?4) RETURNING key`
)

// PurgeKeys walks through the keys in their own order, from where the last call
// stopped, and begins anew at the end. Keys are hashes, so every part of them is a
// fair sample of all, and what is deleted together lies together: a call writes
// few pages, where deleting by time would write one for nearly every key. An index
// by time would cost every order an insert, and not help: old keys of orders that
// wait to be shipped would be looked at again and again.
//
// One call looks at purgeStride × limit keys at most. With a limit of 2,000 it
// holds the writer for 4 ms when the keys are young, 13 ms when it deletes 2,000,
// and 70 ms at worst: when all are old, and their orders wait to be shipped
// (BenchmarkPurgeKeys, two busy processors).
func (s *Store) PurgeKeys(ctx context.Context, since inventory.Instant, limit int) (int, error) {
	if limit <= 0 {
		return 0, nil
	}
	deleted, err := s.purgedKeys.Step(func(place inventory.Fingerprint) (deleted int, next inventory.Fingerprint, err error) {
		err = s.write(ctx, func(tx *sql.Tx) (err error) {
			deleted, next, err = purge(ctx, tx, place, since, limit)
			return err
		})
		return deleted, next, err
	})
	if err != nil {
		return 0, fmt.Errorf("purge the idempotency keys: %w", err)
	}
	return deleted, nil
}

// purge deletes keys after a place and returns the place where the next call goes
// on: after the last key that was looked at, or zero, which no key is.
func purge(ctx context.Context, tx *sql.Tx, place inventory.Fingerprint, since inventory.Instant, limit int) (
	deleted int, next inventory.Fingerprint, err error) {
	end := beyondIDs
	switch err := tx.QueryRowContext(ctx, selectPurgeEnd, place[:], purgeStride*limit-1).Scan(fixed{next[:]}); {
	case err == nil:
		end = next[:]
	case !errors.Is(err, sql.ErrNoRows):
		return 0, next, err
	}
	rows, err := tx.QueryContext(ctx, deletePurged, place[:], end, int64(since), limit)
	if err != nil {
		return 0, next, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last inventory.Fingerprint
	for ; rows.Next(); deleted++ {
		var key inventory.Fingerprint
		if err := rows.Scan(fixed{key[:]}); err != nil {
			return 0, next, err
		}
		if bytes.Compare(key[:], last[:]) > 0 {
			last = key
		}
	}
	if deleted == limit {
		next = last
	}
	return deleted, next, rows.Err()
}
