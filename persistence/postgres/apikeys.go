package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	insertAPIKey       = "INSERT INTO api_keys (id, name, role, hash, created_at) VALUES ($1, $2, $3, $4, $5)"
	selectAPIKeys      = "SELECT id, name, role, hash, created_at FROM api_keys ORDER BY name"
	deleteAPIKey       = "DELETE FROM api_keys WHERE id = $1"
	selectAPIKeyByHash = "SELECT id, name, role, hash, created_at FROM api_keys WHERE hash = $1"
)

// CreateAPIKey inserts a key.
func (s *Store) CreateAPIKey(ctx context.Context, key persistence.APIKey, audit persistence.AuditEntry) error {
	err := s.write(ctx, func(t *transaction) error {
		err := t.send(func(batch *pgx.Batch) {
			batch.Queue(insertAPIKey, [16]byte(key.ID), key.Name, string(key.Role), key.Hash[:], int64(key.CreatedAt))
		})
		if err != nil {
			return err
		}
		return t.appendAudit(&audit)
	})
	if err != nil {
		return fmt.Errorf("create an API key: %w", err)
	}
	return nil
}

// DeleteAPIKey deletes a key.
func (s *Store) DeleteAPIKey(ctx context.Context, id inventory.ID, audit persistence.AuditEntry) error {
	err := s.write(ctx, func(t *transaction) error {
		err := t.send(func(batch *pgx.Batch) {
			batch.Queue(deleteAPIKey, [16]byte(id)).Exec(func(tag pgconn.CommandTag) error { return oneRow(tag, persistence.ErrNotFound) })
		})
		if err != nil {
			return err
		}
		return t.appendAudit(&audit)
	})
	if err != nil {
		return fmt.Errorf("delete an API key: %w", err)
	}
	return nil
}

// APIKeys lists all keys, ascending by name.
func (s *Store) APIKeys(ctx context.Context) (keys []persistence.APIKey, err error) {
	err = s.each(ctx, func(row pgx.Row) error {
		var key persistence.APIKey
		err := scanAPIKey(row, &key)
		keys = append(keys, key)
		return err
	}, selectAPIKeys)
	if err != nil {
		return nil, fmt.Errorf("list the API keys: %w", err)
	}
	return keys, nil
}

// APIKeyByHash returns the key with that hash.
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (key persistence.APIKey, err error) {
	err = s.one(ctx, func(row pgx.Row) error { return scanAPIKey(row, &key) }, selectAPIKeyByHash, hash[:])
	if err != nil {
		return persistence.APIKey{}, fmt.Errorf("read an API key: %w", err)
	}
	return key, nil
}

func scanAPIKey(row pgx.Row, key *persistence.APIKey) error {
	var hash []byte
	err := row.Scan((*[16]byte)(&key.ID), &key.Name, &key.Role, &hash, &key.CreatedAt)
	copy(key.Hash[:], hash)
	return err
}
