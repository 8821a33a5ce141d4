package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

const userColumns = "id, email, name, role, password_hash, disabled, created_at"

// CreateUsers inserts accounts, all or none.
func (s *Store) CreateUsers(ctx context.Context, users []persistence.User) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return s.bulk.users.write(ctx, tx, len(users), func(row []any, i int) []any {
			user := &users[i]
			return append(row, user.ID[:], strings.ToLower(user.Email), user.Name, string(user.Role),
				user.PasswordHash, user.Disabled, int64(user.CreatedAt))
		})
	})
	if err != nil {
		return fmt.Errorf("create %d accounts: %w", len(users), err)
	}
	return nil
}

// UserByEmail returns the account with that address, in whatever case.
func (s *Store) UserByEmail(ctx context.Context, email string) (persistence.User, error) {
	return s.user(ctx, "SELECT "+userColumns+" FROM users WHERE email = ?", strings.ToLower(email))
}

// UserByID returns an account.
func (s *Store) UserByID(ctx context.Context, id inventory.ID) (persistence.User, error) {
	return s.user(ctx, "SELECT "+userColumns+" FROM users WHERE id = ?", id[:])
}

func (s *Store) user(ctx context.Context, text string, argument any) (user persistence.User, err error) {
	err = s.one(ctx, func(row scanner) error {
		return row.Scan(fixed{user.ID[:]}, &user.Email, &user.Name, &user.Role, &user.PasswordHash,
			&user.Disabled, &user.CreatedAt)
	}, text, argument)
	if err != nil {
		return persistence.User{}, fmt.Errorf("read an account: %w", err)
	}
	return user, nil
}

// SetUserRole changes the role of the account with that address.
func (s *Store) SetUserRole(ctx context.Context, email string, role persistence.Role) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE users SET role = ? WHERE email = ?", string(role), strings.ToLower(email))
		return oneRow(result, err, persistence.ErrNotFound)
	})
	if err != nil {
		return fmt.Errorf("set the role of an account: %w", err)
	}
	return nil
}

// oneRow returns missing unless a statement changed a row.
func oneRow(result sql.Result, err, missing error) error {
	if err != nil {
		return err
	}
	changed, err := result.RowsAffected()
	if err == nil && changed == 0 {
		return missing
	}
	return err
}
