package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	selectKey     = "SELECT key, body, kind, subject_id, at FROM idempotency_keys WHERE key = $1"
	selectEachKey = `SELECT k.key, k.body, k.kind, k.subject_id, k.at
		FROM idempotency_keys k LEFT JOIN orders o ON k.kind <> 5 AND o.id = k.subject_id
		WHERE (k.kind <> 5 OR k.key <> k.subject_id) AND (k.at >= $1 OR o.state IN (1, 2, 5) OR o.updated_at >= $1)`
)

// KeyByFingerprint returns what a key was last used for.
func (s *Store) KeyByFingerprint(ctx context.Context, fingerprint inventory.Fingerprint) (key persistence.IdempotencyKey, err error) {
	err = s.one(ctx, func(row pgx.Row) error { return scanKey(row, &key) }, selectKey, [16]byte(fingerprint))
	if err != nil {
		return persistence.IdempotencyKey{}, fmt.Errorf("read an idempotency key: %w", err)
	}
	return key, nil
}

// EachKey visits every key that was used, or whose order was last changed, at or after
// since, or whose order is not settled, but those of opening receipts. It reads the whole
// table.
func (s *Store) EachKey(ctx context.Context, since inventory.Instant, visit func(persistence.IdempotencyKey) error) error {
	err := s.all(ctx, func(row pgx.Row) error {
		var key persistence.IdempotencyKey
		if err := scanKey(row, &key); err != nil {
			return err
		}
		return visit(key)
	}, selectEachKey, int64(since))
	if err != nil {
		return fmt.Errorf("visit the idempotency keys: %w", err)
	}
	return nil
}

func scanKey(row pgx.Row, key *persistence.IdempotencyKey) error {
	return row.Scan((*[16]byte)(&key.Key), (*[16]byte)(&key.Body), &key.Kind, (*[16]byte)(&key.Subject), &key.At)
}
