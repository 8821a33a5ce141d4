package sqlite

import (
	"context"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	keyColumns    = "key, body, kind, subject_id, at"
	selectKey     = "SELECT " + keyColumns + " FROM idempotency_keys WHERE key = ?"
	selectEachKey = `SELECT k.key, k.body, k.kind, k.subject_id, k.at
		FROM idempotency_keys k LEFT JOIN orders o ON k.kind <> 5 AND o.id = k.subject_id
		WHERE (k.kind <> 5 OR k.key <> k.subject_id) AND (k.at >= ?1 OR o.state IN (1, 2, 5) OR o.updated_at >= ?1)`
)

// KeyByFingerprint returns what a key was last used for.
func (s *Store) KeyByFingerprint(ctx context.Context, fingerprint inventory.Fingerprint) (key persistence.IdempotencyKey, err error) {
	err = s.one(ctx, func(row scanner) error { return scanKey(row, &key) }, selectKey, fingerprint[:])
	if err != nil {
		return persistence.IdempotencyKey{}, fmt.Errorf("read an idempotency key: %w", err)
	}
	return key, nil
}

// EachKey visits every key that was used, or whose order was last changed, at or
// after since, or whose order is not settled, but those of opening receipts. It reads the
// whole table.
func (s *Store) EachKey(ctx context.Context, since inventory.Instant, visit func(persistence.IdempotencyKey) error) error {
	err := s.eachOfAll(ctx, func(row scanner) error {
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

func scanKey(row scanner, key *persistence.IdempotencyKey) error {
	return row.Scan(fixed{key.Key[:]}, fixed{key.Body[:]}, &key.Kind, fixed{key.Subject[:]}, &key.At)
}
