package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	insertAPIKey       = "INSERT INTO api_keys (id, name, role, hash, created_at) VALUES (?, ?, ?, ?, ?)"
	selectAPIKeys      = "SELECT id, name, role, hash, created_at FROM api_keys ORDER BY name"
	selectAPIKeyByHash = "SELECT id, name, role, hash, created_at FROM api_keys WHERE hash = ?"
	deleteAPIKey       = "DELETE FROM api_keys WHERE id = ?"
)

// CreateAPIKey inserts a key.
func (s *Store) CreateAPIKey(ctx context.Context, key persistence.APIKey, audit persistence.AuditEntry) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, insertAPIKey, key.ID[:], key.Name, string(key.Role), key.Hash[:], int64(key.CreatedAt)); err != nil {
			return err
		}
		return appendAudit(ctx, tx, &audit)
	})
	if err != nil {
		return fmt.Errorf("create an API key: %w", err)
	}
	return nil
}

// DeleteAPIKey deletes a key.
func (s *Store) DeleteAPIKey(ctx context.Context, id inventory.ID, audit persistence.AuditEntry) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, deleteAPIKey, id[:])
		if err := oneRow(result, err, persistence.ErrNotFound); err != nil {
			return err
		}
		return appendAudit(ctx, tx, &audit)
	})
	if err != nil {
		return fmt.Errorf("delete an API key: %w", err)
	}
	return nil
}

// APIKeys lists all keys, ascending by name.
func (s *Store) APIKeys(ctx context.Context) (keys []persistence.APIKey, err error) {
	err = s.each(ctx, func(row scanner) error {
		keys = append(keys, persistence.APIKey{})
		return scanAPIKey(row, &keys[len(keys)-1])
	}, selectAPIKeys)
	if err != nil {
		return nil, fmt.Errorf("list the API keys: %w", err)
	}
	return keys, nil
}

// APIKeyByHash returns the key with that hash.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (key persistence.APIKey, err error) {
	err = s.one(ctx, func(row scanner) error { return scanAPIKey(row, &key) }, selectAPIKeyByHash, hash[:])
	if err != nil {
		return persistence.APIKey{}, fmt.Errorf("read an API key: %w", err)
	}
	return key, nil
}

func scanAPIKey(row scanner, key *persistence.APIKey) error {
	return row.Scan(fixed{key.ID[:]}, &key.Name, &key.Role, fixed{key.Hash[:]}, &key.CreatedAt)
}
