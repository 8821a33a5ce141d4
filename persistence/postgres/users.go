package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	newUserColumns = "id, email, name, role, password_hash, disabled, created_at"
	userColumns    = newUserColumns + ", version, changed_at, factor_secret, factor_active, factor_step, factor_failures, factor_failed_at, recovery_codes"
	copyUsers      = "COPY users (" + newUserColumns + ") FROM STDIN (FORMAT binary)"
	ensureUsers    = "INSERT INTO users (" + newUserColumns + `)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[])
		ON CONFLICT (id) DO NOTHING`
	selectUserByEmail = "SELECT " + userColumns + " FROM users WHERE email = $1"
	selectUserByID    = "SELECT " + userColumns + " FROM users WHERE id = $1"
	selectUserToEdit  = selectUserByID + " FOR NO KEY UPDATE"
	selectUsers       = "SELECT " + userColumns + " FROM users WHERE email > $1 AND email >= $2 AND email < $3 ORDER BY email LIMIT $4"
	selectUsersOfRole = "SELECT " + userColumns + " FROM users WHERE role = $5 AND email > $1 AND email >= $2 AND email < $3 ORDER BY email LIMIT $4"
	selectAdmin       = "SELECT 1 FROM users WHERE role = 'admin' AND NOT disabled LIMIT 1"
	countAdmins       = "SELECT count(*) FROM (" + selectAdmin + ") AS one"
	updateUser        = `UPDATE users SET email = $1, name = $2, role = $3, password_hash = $4, disabled = $5, version = $6, changed_at = $7,
		factor_secret = $8, factor_active = $9, factor_step = $10, factor_failures = $11, factor_failed_at = $12, recovery_codes = $13 WHERE id = $14`
	forgetPerson  = "UPDATE sessions SET address = '', agent = '' WHERE user_id = $1"
	selectChanged = "SELECT id, version, changed_at FROM users WHERE changed_at > 0 AND changed_at >= $1"
)

// userBytes is the size of a typical row.
const userBytes = 256

// CreateUsers inserts accounts, all or none.
func (s *Store) CreateUsers(ctx context.Context, users []persistence.User) error {
	err := s.write(ctx, func(t *transaction) error { return t.copy(userRows(users)) })
	if err != nil {
		return fmt.Errorf("create %d accounts: %w", len(users), err)
	}
	return nil
}

func userRows(users []persistence.User) *rows {
	r := newRows(copyUsers, 7, len(users), userBytes)
	for i := range users {
		user := &users[i]
		r.next()
		r.uuid(user.ID)
		r.string(strings.ToLower(user.Email))
		r.string(user.Name)
		r.string(string(user.Role))
		r.string(user.PasswordHash)
		r.boolean(user.Disabled)
		r.bigint(int64(user.CreatedAt))
	}
	return r
}

// EnsureUsers inserts the accounts whose ID is not there.
func (s *Store) EnsureUsers(ctx context.Context, users []persistence.User) (created int, err error) {
	type user = persistence.User
	err = s.write(ctx, func(t *transaction) error {
		return t.send(func(batch *pgx.Batch) {
			batch.Queue(ensureUsers,
				column(users, func(u *user) [16]byte { return u.ID }), column(users, func(u *user) string { return strings.ToLower(u.Email) }),
				column(users, func(u *user) string { return u.Name }), column(users, func(u *user) string { return string(u.Role) }),
				column(users, func(u *user) string { return u.PasswordHash }), column(users, func(u *user) bool { return u.Disabled }),
				column(users, func(u *user) int64 { return int64(u.CreatedAt) }),
			).Exec(func(tag pgconn.CommandTag) error { created = int(tag.RowsAffected()); return nil })
		})
	})
	if err != nil {
		return 0, fmt.Errorf("ensure %d accounts: %w", len(users), err)
	}
	return created, nil
}

// UserByEmail returns the account with that address, in whatever case.
func (s *Store) UserByEmail(ctx context.Context, email string) (persistence.User, error) {
	if !storable(email) {
		return persistence.User{}, fmt.Errorf("read an account: %w", persistence.ErrNotFound)
	}
	return s.user(ctx, selectUserByEmail, strings.ToLower(email))
}

// UserByID returns an account.
func (s *Store) UserByID(ctx context.Context, id inventory.ID) (persistence.User, error) {
	return s.user(ctx, selectUserByID, [16]byte(id))
}

func (s *Store) user(ctx context.Context, text string, argument any) (user persistence.User, err error) {
	err = s.one(ctx, func(row pgx.Row) error { return scanUser(row, &user) }, text, argument)
	if err != nil {
		return persistence.User{}, fmt.Errorf("read an account: %w", err)
	}
	return user, nil
}

func scanUser(row pgx.Row, user *persistence.User) error {
	var codes []byte
	err := row.Scan((*[16]byte)(&user.ID), &user.Email, &user.Name, &user.Role, &user.PasswordHash,
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
	if !storable(filter.EmailPrefix) || !storable(filter.After) {
		return nil, nil
	}
	text, arguments := selectUsers, []any{filter.After, filter.EmailPrefix, filter.EmailPrefix + persistence.BeyondText, max(filter.Limit, 0)}
	if filter.Role != "" {
		text, arguments = selectUsersOfRole, append(arguments, string(filter.Role))
	}
	err = s.each(ctx, func(row pgx.Row) error {
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
	var admins int
	if err := s.one(ctx, func(row pgx.Row) error { return row.Scan(&admins) }, countAdmins); err != nil {
		return false, fmt.Errorf("look for an admin: %w", err)
	}
	return admins > 0, nil
}

// CreateFirstAdmin inserts an account while there is no admin. Those who try it at the same
// time wait for the head of the record.
func (s *Store) CreateFirstAdmin(ctx context.Context, user persistence.User, audit persistence.AuditEntry) error {
	err := s.write(ctx, func(t *transaction) error {
		if err := t.appendAudit(&audit); err != nil {
			return err
		}
		var admins int
		if err := t.send(func(batch *pgx.Batch) {
			batch.Queue(countAdmins).QueryRow(func(row pgx.Row) error { return row.Scan(&admins) })
		}); err != nil {
			return err
		}
		if admins > 0 {
			return persistence.ErrVersion
		}
		return t.copy(userRows([]persistence.User{user}))
	})
	if err != nil {
		return fmt.Errorf("create the first admin: %w", err)
	}
	return nil
}

// ChangeUser changes an account.
func (s *Store) ChangeUser(ctx context.Context, id inventory.ID, change persistence.UserChange) (user persistence.User, ended []inventory.ID, err error) {
	err = s.write(ctx, func(t *transaction) error {
		user, ended = persistence.User{}, nil
		if err := t.send(func(batch *pgx.Batch) {
			batch.Queue(selectUserToEdit, [16]byte(id)).QueryRow(func(row pgx.Row) error { return scanUser(row, &user) })
		}); err != nil {
			return err
		}
		before := user.Version
		if err := change.Apply(&user); err != nil {
			return err
		}
		factor := &user.Factor
		err := t.send(func(batch *pgx.Batch) {
			batch.Queue(updateUser, user.Email, user.Name, string(user.Role), user.PasswordHash, user.Disabled, user.Version, int64(user.ChangedAt),
				bytesOf(factor.Secret), factor.Active, factor.Step, factor.Failures, int64(factor.FailedAt), bytesOf(persistence.JoinRecoveryCodes(factor.RecoveryCodes)), [16]byte(id))
			if user.Version != before {
				batch.Queue(endSessions, [16]byte(id), [16]byte(change.Keep), int64(change.At)).Query(appendIDs(&ended))
			}
			if change.Forget {
				batch.Queue(forgetPerson, [16]byte(id))
			}
		})
		if err == nil && change.Audit != nil && change.Audit.Action != "" {
			err = t.appendAudit(change.Audit)
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
	err := s.all(ctx, func(row pgx.Row) error {
		var id inventory.ID
		var version int64
		var at inventory.Instant
		if err := row.Scan((*[16]byte)(&id), &version, &at); err != nil {
			return err
		}
		return visit(id, version, at)
	}, selectChanged, int64(since))
	if err != nil {
		return fmt.Errorf("visit the accounts that were changed: %w", err)
	}
	return nil
}
