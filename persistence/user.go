package persistence

import (
	"context"
	"crypto/sha256"
	"strings"

	"holdfast/inventory"
)

// User is an account of a person.
type User struct {
	ID    inventory.ID
	Email string
	Name  string
	Role  Role
	// PasswordHash is a PHC string; empty means that no password opens the account.
	PasswordHash string
	Disabled     bool
	CreatedAt    inventory.Instant
	// Version counts from 1 what ended the access tokens that name an older one, and
	// ChangedAt is when that was last; zero when it never was.
	Version   int64
	ChangedAt inventory.Instant
	Factor    SecondFactor
}

// SecondFactor is what the one who logs in has to have besides a password: a device that
// makes codes, or one of a few codes on paper.
type SecondFactor struct {
	// Secret is shared with the device, and sealed; empty when there is none. Until Active
	// it was not shown that the device has it.
	Secret []byte
	Active bool
	// Step is the time step of the last code that was accepted: none is good twice.
	Step int64
	// Failures are the wrong codes that were counted, the last one at FailedAt.
	Failures int64
	FailedAt inventory.Instant
	// RecoveryCodes are the hashes of the codes that were not used yet.
	RecoveryCodes [][32]byte
}

// RecoveryCodesMax bounds the codes of one account.
const RecoveryCodesMax = 10

// UserFilter selects accounts, ascending by address.
type UserFilter struct {
	// EmailPrefix is what the address begins with, in lower case; empty selects all.
	EmailPrefix string
	// Role selects one role; empty selects all.
	Role Role
	// After selects addresses behind it; empty starts at the first.
	After string
	// Limit is the most accounts to return.
	Limit int
}

// UserChange changes an account.
type UserChange struct {
	At inventory.Instant
	// Edit changes what it is given, but neither ID nor CreatedAt. When it raises Version by
	// one, ChangedAt becomes At, and all sessions of the account end but Keep, which may be
	// zero. When it returns an error, nothing is changed. It may be called more than once,
	// with the account as it is each time, and must not do anything else.
	Edit func(user *User) error
	Keep inventory.ID
	// Forget removes from the sessions of the account what tells of the person.
	Forget bool
	// Audit is appended with the change; nil, and one without an action, is nothing. Edit may
	// change it.
	Audit *AuditEntry
}

// Users is the part of a [Store] that keeps accounts of people.
type Users interface {
	// CreateUsers inserts accounts with Version 1 and without a second factor, all or none;
	// ErrExists when an address is taken. Addresses are compared in lower case.
	CreateUsers(ctx context.Context, users []User) error
	// CreateFirstAdmin is CreateUsers for one account while there is no admin; else it is
	// ErrVersion. Of many calls at once, one succeeds.
	CreateFirstAdmin(ctx context.Context, user User, audit AuditEntry) error
	// EnsureUsers inserts the accounts whose ID is not there, leaves the others as they
	// are, and returns how many it made. All or none; ErrExists when an address is
	// taken by another account.
	EnsureUsers(ctx context.Context, users []User) (created int, err error)
	UserByEmail(ctx context.Context, email string) (User, error)
	UserByID(ctx context.Context, id inventory.ID) (User, error)
	// ListUsers lists accounts.
	ListUsers(ctx context.Context, filter UserFilter) ([]User, error)
	// HasAdmin reports whether there is an admin who is not disabled.
	HasAdmin(ctx context.Context) (bool, error)
	// ChangeUser changes an account, which no other change of it overlaps, and returns it as
	// it is then, with the sessions that have ended; ErrNotFound when there is none,
	// ErrExists when its new address is taken.
	ChangeUser(ctx context.Context, id inventory.ID, change UserChange) (user User, ended []inventory.ID, err error)
	// EachChangedUser calls visit for every account whose Version was changed at or after
	// since.
	EachChangedUser(ctx context.Context, since inventory.Instant, visit func(id inventory.ID, version int64, at inventory.Instant) error) error
}

// Apply edits the account as the change says. Every [Store] calls it in its transaction.
func (c *UserChange) Apply(user *User) error {
	before := user.Version
	if err := c.Edit(user); err != nil {
		return err
	}
	user.Email = strings.ToLower(user.Email)
	if user.Version != before {
		user.ChangedAt = c.At
	}
	return nil
}

// BeyondText comes after every text, when texts are compared byte by byte.
const BeyondText = "\U0010FFFF\U0010FFFF"

// JoinRecoveryCodes returns hashes as they are stored: one after the other.
func JoinRecoveryCodes(codes [][32]byte) (joined []byte) {
	for i := range codes {
		joined = append(joined, codes[i][:]...)
	}
	return joined
}

// SplitRecoveryCodes undoes JoinRecoveryCodes.
func SplitRecoveryCodes(joined []byte) (codes [][32]byte) {
	for ; len(joined) >= sha256.Size; joined = joined[sha256.Size:] {
		codes = append(codes, [sha256.Size]byte(joined))
	}
	return codes
}
