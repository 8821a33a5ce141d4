package persistencetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// setRole changes the role of an account, and ends its sessions.
func setRole(t *testing.T, store persistence.Store, id inventory.ID, role persistence.Role, at inventory.Instant) {
	t.Helper()
	_, _, err := store.ChangeUser(t.Context(), id, persistence.UserChange{At: at, Edit: func(user *persistence.User) error {
		user.Role = role
		user.Version++
		return nil
	}})
	require.NoError(t, err)
}

func requireUser(t *testing.T, store persistence.Store, want persistence.User) {
	t.Helper()
	found, err := store.UserByID(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, found)
}

// testChangeUser changes everything of an account, and lets its sessions end or go on.
func testChangeUser(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	user, other := newUser(1), newUser(2)
	require.NoError(t, store.CreateUsers(ctx, []persistence.User{user, other}))
	kept, gone, foreign := newSession(user.ID, 1), newSession(user.ID, 2), newSession(other.ID, 3)
	for _, session := range []persistence.Session{kept, gone, foreign} {
		_, err := store.CreateSession(ctx, session)
		require.NoError(t, err)
	}
	nothing := func(*persistence.User) error { return nil }
	_, _, err := store.ChangeUser(ctx, newID(9), persistence.UserChange{Edit: nothing})
	require.ErrorIs(t, err, persistence.ErrNotFound)
	refused := errors.New("refused")
	_, _, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{Audit: &persistence.AuditEntry{}, Edit: func(user *persistence.User) error {
		user.Name = "Not this one"
		return refused
	}})
	require.ErrorIs(t, err, refused)
	requireUser(t, store, user)

	want := user
	want.Factor = persistence.SecondFactor{Secret: []byte{0, 1, 255}, Active: true, Step: 7, Failures: 3, FailedAt: epoch,
		RecoveryCodes: [][32]byte{{1}, {31: 2}}}
	want.Name, want.Email, want.PasswordHash, want.Disabled = "Another", "Another@Example.com", "$argon2id$2", true
	found, ended, err := store.ChangeUser(ctx, user.ID, persistence.UserChange{At: epoch + 5, Edit: func(u *persistence.User) error { *u = want; return nil }})
	require.NoError(t, err)
	require.Empty(t, ended, "the version is the same")
	want.Email = "another@example.com"
	require.Equal(t, want, found)
	requireUser(t, store, want)
	requireUser(t, store, other)

	want.Role, want.Version, want.ChangedAt, want.Factor = persistence.RoleAdmin, 2, epoch+6, persistence.SecondFactor{}
	found, ended, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{At: epoch + 6, Keep: kept.ID, Audit: &persistence.AuditEntry{Action: "user.role"},
		Edit: func(u *persistence.User) error {
			u.Role, u.Version, u.Factor = persistence.RoleAdmin, u.Version+1, persistence.SecondFactor{}
			return nil
		}})
	require.NoError(t, err)
	require.Equal(t, []inventory.ID{gone.ID}, ended)
	require.Equal(t, want, found)
	requireUser(t, store, want)
	requireLive(t, store, user.ID, epoch+6, kept)
	requireLive(t, store, other.ID, epoch+6, foreign)
	requireActions(t, store, "user.role")

	_, _, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{Edit: func(u *persistence.User) error { u.Email = other.Email; return nil }})
	require.ErrorIs(t, err, persistence.ErrExists)
	_, _, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{Edit: func(u *persistence.User) error { u.Role = "emperor"; return nil }})
	require.Error(t, err)
	requireUser(t, store, want)

	_, _, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{Forget: true, Edit: nothing})
	require.NoError(t, err)
	kept.Address, kept.Agent = "", ""
	requireLive(t, store, user.ID, epoch+6, kept)
	requireLive(t, store, other.ID, epoch+6, foreign)
}

// testSessionsOfAnOldAccount begins sessions of an account that was changed or disabled since
// its owner was asked for the password: there are none.
func testSessionsOfAnOldAccount(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	user := newUser(1)
	require.NoError(t, store.CreateUsers(ctx, []persistence.User{user}))
	old := newSession(user.ID, 1)
	setRole(t, store, user.ID, persistence.RoleAdmin, epoch)
	_, err := store.CreateSession(ctx, old)
	require.ErrorIs(t, err, persistence.ErrVersion)
	old.AccountVersion = 2
	_, err = store.CreateSession(ctx, old)
	require.NoError(t, err)
	_, _, err = store.ChangeUser(ctx, user.ID, persistence.UserChange{Edit: func(user *persistence.User) error { user.Disabled = true; return nil }})
	require.NoError(t, err)
	another := newSession(user.ID, 2)
	another.AccountVersion = 2
	_, err = store.CreateSession(ctx, another)
	require.ErrorIs(t, err, persistence.ErrVersion)
	_, err = store.CreateSession(ctx, newSession(newID(99), 3))
	require.Error(t, err, "of nobody")
}

// testCreateUsersAtOnce registers one address fifty times at once: one account is made, and
// it is the one whose caller was told so.
func testCreateUsersAtOnce(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	const callers = 50
	results := make([]error, callers)
	var group sync.WaitGroup
	for n := range callers {
		group.Go(func() {
			user := newUser(n + 1)
			user.Email = "one@example.org"
			results[n] = store.CreateUsers(ctx, []persistence.User{user})
		})
	}
	group.Wait()
	found, err := store.UserByEmail(ctx, "one@example.org")
	require.NoError(t, err)
	for n, err := range results {
		if newUser(n+1).ID == found.ID {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, persistence.ErrExists)
		}
	}
}

// testChangeUserAtOnce lets many take the same step: of each step one succeeds, and nobody
// overwrites what another has done.
func testChangeUserAtOnce(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	user := newUser(1)
	require.NoError(t, store.CreateUsers(ctx, []persistence.User{user}))
	used := errors.New("used")
	const callers, steps = 10, 5
	results := make(chan error, callers*steps)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for step := int64(1); step <= steps; step++ {
				_, _, err := store.ChangeUser(ctx, user.ID, persistence.UserChange{Edit: func(u *persistence.User) error {
					if u.Factor.Step >= step {
						return used
					}
					u.Factor.Step = step
					u.Factor.Failures++
					return nil
				}})
				results <- err
			}
		})
	}
	group.Wait()
	close(results)
	accepted := int64(0)
	for err := range results {
		if err == nil {
			accepted++
			continue
		}
		require.ErrorIs(t, err, used)
	}
	found, err := store.UserByID(ctx, user.ID)
	require.NoError(t, err)
	require.LessOrEqual(t, accepted, int64(steps))
	require.Equal(t, accepted, found.Factor.Failures)
	require.EqualValues(t, steps, found.Factor.Step)
}

// testListUsers reads every page of every filter.
func testListUsers(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	var all []persistence.User
	for n := range 30 {
		user := newUser(n)
		user.Email = fmt.Sprintf("%s-%02d@example.com", []string{"ada", "bob", "ünal"}[n%3], n)
		if n%4 == 0 {
			user.Role = persistence.RoleAdmin
		}
		all = append(all, user)
	}
	require.NoError(t, store.CreateUsers(ctx, all))
	for _, prefix := range []string{"", "a", "bob-", "ü", "c", "ada-00@example.com", "zzz"} {
		for _, role := range []persistence.Role{"", persistence.RoleAdmin, persistence.RoleService} {
			want := map[inventory.ID]persistence.User{}
			for _, user := range all {
				if strings.HasPrefix(user.Email, prefix) && (role == "" || user.Role == role) {
					want[user.ID] = user
				}
			}
			filter := persistence.UserFilter{EmailPrefix: prefix, Role: role, Limit: 4}
			for page := filter.Limit; page == filter.Limit; {
				users, err := store.ListUsers(ctx, filter)
				require.NoError(t, err)
				page = len(users)
				for _, user := range users {
					require.Less(t, filter.After, user.Email)
					require.Equal(t, want[user.ID], user)
					delete(want, user.ID)
					filter.After = user.Email
				}
			}
			require.Empty(t, want, "%q %q", prefix, role)
		}
	}
}

// testFirstAdmin lets many want to be the first admin.
func testFirstAdmin(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	gone := newUser(99)
	gone.Role, gone.Disabled = persistence.RoleAdmin, true
	require.NoError(t, store.CreateUsers(ctx, []persistence.User{newUser(98), gone}))
	has, err := store.HasAdmin(ctx)
	require.NoError(t, err)
	require.False(t, has, "who is disabled is none")
	const many = 6
	results := make([]error, many)
	var group sync.WaitGroup
	for n := range many {
		admin := newUser(n)
		admin.Role = persistence.RoleAdmin
		group.Go(func() { results[n] = store.CreateFirstAdmin(ctx, admin, persistence.AuditEntry{Action: "admin.first"}) })
	}
	group.Wait()
	made := 0
	for n, err := range results {
		_, missing := store.UserByID(ctx, newUser(n).ID)
		if err == nil {
			made++
			require.NoError(t, missing)
			continue
		}
		require.ErrorIs(t, err, persistence.ErrVersion)
		require.ErrorIs(t, missing, persistence.ErrNotFound)
	}
	require.Equal(t, 1, made)
	has, err = store.HasAdmin(ctx)
	require.NoError(t, err)
	require.True(t, has)
	requireActions(t, store, "admin.first")
}

// requireActions requires the actions of the record, newest first, and that it is whole.
func requireActions(t *testing.T, store persistence.Store, want ...string) {
	t.Helper()
	entries, err := store.AuditEntries(t.Context(), persistence.AuditFilter{Limit: len(want) + 1})
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Action)
	}
	require.Equal(t, want, found)
	verified, err := persistence.VerifyAudit(t.Context(), store)
	require.NoError(t, err)
	require.EqualValues(t, len(want), verified)
}

// testAudit appends entries and reads them back.
func testAudit(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	entries, err := store.AuditEntries(ctx, persistence.AuditFilter{Limit: 5})
	require.NoError(t, err)
	require.Empty(t, entries)
	const many = 12
	for n := range many {
		require.NoError(t, store.AppendAudit(ctx, persistence.AuditEntry{At: epoch + inventory.Instant(n), Actor: newID(n), Action: fmt.Sprintf("action.%d", n),
			Subject: "Über", Detail: strings.Repeat("ü", n*100), Address: "192.0.2.1", Number: 77, Hash: [32]byte{1}}))
	}
	var all []persistence.AuditEntry
	for before := int64(0); ; {
		page, err := store.AuditEntries(ctx, persistence.AuditFilter{Before: before, Limit: 5})
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		before = page[len(page)-1].Number
	}
	require.Len(t, all, many)
	for i, entry := range all {
		require.EqualValues(t, many-i, entry.Number)
		require.Equal(t, fmt.Sprintf("action.%d", many-1-i), entry.Action)
		require.Equal(t, newID(many-1-i), entry.Actor)
		require.LessOrEqual(t, len(entry.Detail), 1024)
	}
	verified, err := persistence.VerifyAudit(ctx, store)
	require.NoError(t, err)
	require.EqualValues(t, many, verified)
}

// testAuditAtOnce appends from many sides: the chain has no gap.
func testAuditAtOnce(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			for range 10 {
				require.NoError(t, store.AppendAudit(ctx, persistence.AuditEntry{Action: "x"}))
			}
		})
	}
	group.Wait()
	verified, err := persistence.VerifyAudit(ctx, store)
	require.NoError(t, err)
	require.EqualValues(t, 50, verified)
}
