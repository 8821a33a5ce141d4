package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	newUserColumns    = "id, email, name, role, password_hash, disabled, created_at"
	userColumns       = newUserColumns + ", version, changed_at, factor_secret, factor_active, factor_step, factor_failures, factor_failed_at, recovery_codes"
	insertUsers       = "INSERT INTO users (" + newUserColumns + ") VALUES @rows"
	ensureUsers       = insertUsers + " ON CONFLICT (id) DO NOTHING"
	selectUserByEmail = "SELECT " + userColumns + " FROM users WHERE email = ?"
	selectUserByID    = "SELECT " + userColumns + " FROM users WHERE id = ?"
	selectUsers       = "SELECT " + userColumns + " FROM users WHERE email > ?1 AND email >= ?2 AND email < ?3 ORDER BY email LIMIT ?4"
	selectUsersOfRole = "SELECT " + userColumns + " FROM users WHERE role = ?5 AND email > ?1 AND email >= ?2 AND email < ?3 ORDER BY email LIMIT ?4"
	selectAdmin       = "SELECT 1 FROM users WHERE role = 'admin' AND disabled = 0 LIMIT 1"
	// updateUser does not name id among what it sets: SQLite would look for references to it.
	updateUser = `UPDATE users SET email = ?, name = ?, role = ?, password_hash = ?, disabled = ?, version = ?, changed_at = ?,
		factor_secret = ?, factor_active = ?, factor_step = ?, factor_failures = ?, factor_failed_at = ?, recovery_codes = ? WHERE id = ?`
	forgetPerson  = "UPDATE sessions SET address = '', agent = '' WHERE user_id = ?"
	selectChanged = "SELECT id, version, changed_at FROM users WHERE changed_at > 0 AND changed_at >= ?"
)

// CreateUsers inserts accounts, all or none.
func (s *Store) CreateUsers(ctx context.Context, users []persistence.User) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return s.bulk.users.write(ctx, tx, len(users), func(row []any, i int) []any { return appendUser(row, &users[i]) })
	})
	if err != nil {
		return fmt.Errorf("create %d accounts: %w", len(users), err)
	}
	return nil
}

// EnsureUsers inserts the accounts whose ID is not there.
func (s *Store) EnsureUsers(ctx context.Context, users []persistence.User) (created int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		created = 0
		return s.bulk.ensuredUsers.each(ctx, tx, len(users), func(row []any, i int) []any { return appendUser(row, &users[i]) },
			func(statement *sql.Stmt, arguments []any) error {
				result, err := statement.ExecContext(ctx, arguments...)
				if err != nil {
					return err
				}
				inserted, err := result.RowsAffected()
				created += int(inserted)
				return err
			})
	})
	if err != nil {
		return 0, fmt.Errorf("ensure %d accounts: %w", len(users), err)
	}
	return created, nil
}

func appendUser(row []any, user *persistence.User) []any {
	return append(row, user.ID[:], strings.ToLower(user.Email), user.Name, string(user.Role),
		user.PasswordHash, user.Disabled, int64(user.CreatedAt))
}

// UserByEmail returns the account with that address, in whatever case.
func (s *Store) UserByEmail(ctx context.Context, email string) (persistence.User, error) {
	return s.user(ctx, selectUserByEmail, strings.ToLower(email))
}

// UserByID returns an account.
func (s *Store) UserByID(ctx context.Context, id inventory.ID) (persistence.User, error) {
	return s.user(ctx, selectUserByID, id[:])
}

func (s *Store) user(ctx context.Context, text string, argument any) (user persistence.User, err error) {
	err = s.one(ctx, func(row scanner) error { return scanUser(row, &user) }, text, argument)
	if err != nil {
		return persistence.User{}, fmt.Errorf("read an account: %w", err)
	}
	return user, nil
}

func scanUser(row scanner, user *persistence.User) error {
	var codes []byte
	err := row.Scan(fixed{user.ID[:]}, &user.Email, &user.Name, &user.Role, &user.PasswordHash,
		&user.Disabled, &user.CreatedAt, &user.Version, &user.ChangedAt, &user.Factor.Secret, &user.Factor.Active,
		&user.Factor.Step, &user.Factor.Failures, &user.Factor.FailedAt, &codes)
	if len(user.Factor.Secret) == 0 {
		user.Factor.Secret = nil
	}
	user.Factor.RecoveryCodes = persistence.SplitRecoveryCodes(codes)
	return err
}

// ListUsers lists accounts, ascending by address.
func (s *Store) ListUsers(ctx context.Context, filter persistence.UserFilter) (users []persistence.User, err error) {
	text, arguments := selectUsers, []any{filter.After, filter.EmailPrefix, filter.EmailPrefix + persistence.BeyondText, max(filter.Limit, 0)}
	if filter.Role != "" {
		text, arguments = selectUsersOfRole, append(arguments, string(filter.Role))
	}
	err = s.each(ctx, func(row scanner) error {
		users = append(users, persistence.User{})
		return scanUser(row, &users[len(users)-1])
	}, text, arguments...)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return users, nil
}

// HasAdmin reports whether there is an admin who is not disabled.
func (s *Store) HasAdmin(ctx context.Context) (bool, error) {
	var one int
	err := s.one(ctx, func(row scanner) error { return row.Scan(&one) }, selectAdmin)
	if err != nil && !errors.Is(err, persistence.ErrNotFound) {
		return false, fmt.Errorf("look for an admin: %w", err)
	}
	return err == nil, nil
}

// CreateFirstAdmin inserts an account while there is no admin.
func (s *Store) CreateFirstAdmin(ctx context.Context, user persistence.User, audit persistence.AuditEntry) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var one int
		switch err := tx.QueryRowContext(ctx, selectAdmin).Scan(&one); {
		case err == nil:
			return persistence.ErrVersion
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := s.bulk.users.write(ctx, tx, 1, func(row []any, _ int) []any { return appendUser(row, &user) }); err != nil {
			return err
		}
		return appendAudit(ctx, tx, &audit)
	})
	if err != nil {
		return fmt.Errorf("create the first admin: %w", err)
	}
	return nil
}

// ChangeUser changes an account.
func (s *Store) ChangeUser(ctx context.Context, id inventory.ID, change persistence.UserChange) (user persistence.User, ended []inventory.ID, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		user, ended = persistence.User{}, nil
		if err := scanUser(tx.QueryRowContext(ctx, selectUserByID, id[:]), &user); err != nil {
			return err
		}
		before := user.Version
		if err := change.Apply(&user); err != nil {
			return err
		}
		factor := &user.Factor
		_, err := tx.ExecContext(ctx, updateUser, user.Email, user.Name, string(user.Role), user.PasswordHash, user.Disabled, user.Version, int64(user.ChangedAt),
			bytesOf(factor.Secret), factor.Active, factor.Step, factor.Failures, int64(factor.FailedAt), bytesOf(persistence.JoinRecoveryCodes(factor.RecoveryCodes)), id[:])
		if err == nil && user.Version != before {
			ended, err = returnedIDs(tx.QueryContext(ctx, endSessions, id[:], change.Keep[:], int64(change.At)))
		}
		if err == nil && change.Forget {
			_, err = tx.ExecContext(ctx, forgetPerson, id[:])
		}
		if err == nil && change.Audit != nil && change.Audit.Action != "" {
			err = appendAudit(ctx, tx, change.Audit)
		}
		return err
	})
	if err != nil {
		return persistence.User{}, nil, fmt.Errorf("change an account: %w", err)
	}
	return user, ended, nil
}

// bytesOf returns bytes that are not NULL.
func bytesOf(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// EachChangedUser visits the accounts whose version was changed at or after since.
func (s *Store) EachChangedUser(ctx context.Context, since inventory.Instant, visit func(inventory.ID, int64, inventory.Instant) error) error {
	err := s.each(ctx, func(row scanner) error {
		var id inventory.ID
		var version int64
		var at inventory.Instant
		if err := row.Scan(fixed{id[:]}, &version, &at); err != nil {
			return err
		}
		return visit(id, version, at)
	}, selectChanged, int64(since))
	if err != nil {
		return fmt.Errorf("visit the accounts that were changed: %w", err)
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
