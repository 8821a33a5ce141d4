package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"holdfast/persistence"
)

// CreateAPIKey inserts a key.
func (s *Store) CreateAPIKey(ctx context.Context, key persistence.APIKey) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO api_keys (id, name, role, hash, created_at) VALUES (?, ?, ?, ?, ?)",
			key.ID[:], key.Name, string(key.Role), key.Hash[:], int64(key.CreatedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("create an API key: %w", err)
	}
	return nil
}

// APIKeyByHash returns the key with that hash.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (key persistence.APIKey, err error) {
	err = s.one(ctx, func(row scanner) error {
		return row.Scan(fixed{key.ID[:]}, &key.Name, &key.Role, fixed{key.Hash[:]}, &key.CreatedAt)
	}, "SELECT id, name, role, hash, created_at FROM api_keys WHERE hash = ?", hash[:])
	if err != nil {
		return persistence.APIKey{}, fmt.Errorf("read an API key: %w", err)
	}
	return key, nil
}
