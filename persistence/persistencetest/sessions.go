package persistencetest

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// newSession returns the n-th session of a user: it begins n seconds after the epoch,
// and lives for an hour, or half of one after it was last used.
func newSession(user inventory.ID, n int) persistence.Session {
	begins := epoch.Add(inventory.Instant(n) * inventory.Second)
	return persistence.Session{ID: newID(1_000 + n), User: user, AccountVersion: 1, Generation: 1, Strong: n%2 == 1, CreatedAt: begins, UsedAt: begins,
		EndsAt: begins.Add(3_600 * inventory.Second), IdleMax: 1_800 * inventory.Second, Address: "192.0.2.1", Agent: "Ünit test"}
}

// withUsers opens a store with users 1 and 2.
func withUsers(t *testing.T, opener Opener) (store persistence.Store, one, other inventory.ID) {
	store = open(t, opener)
	require.NoError(t, store.CreateUsers(t.Context(), []persistence.User{newUser(1), newUser(2)}))
	return store, newUser(1).ID, newUser(2).ID
}

// requireLive compares what lives of a user, the last used first.
func requireLive(t *testing.T, store persistence.Store, user inventory.ID, at inventory.Instant, want ...persistence.Session) {
	t.Helper()
	found, err := store.LiveSessions(t.Context(), user, at)
	require.NoError(t, err)
	for i := range want {
		want[i].AccountVersion = 0 // it is not kept
	}
	require.Equal(t, want, found)
}

// ended returns what was ended since a moment.
func ended(t *testing.T, store persistence.Store, since inventory.Instant) map[inventory.ID]inventory.Instant {
	t.Helper()
	found := map[inventory.ID]inventory.Instant{}
	require.NoError(t, store.EachEndedSession(t.Context(), since, func(id inventory.ID, at inventory.Instant) error {
		found[id] = at
		return nil
	}))
	return found
}

func testSessions(t *testing.T, opener Opener) {
	store, one, other := withUsers(t, opener)
	ctx := t.Context()
	first, second, foreign := newSession(one, 1), newSession(one, 2), newSession(other, 3)
	for _, session := range []persistence.Session{first, second, foreign} {
		surplus, err := store.CreateSession(ctx, session)
		require.NoError(t, err)
		require.Empty(t, surplus)
	}
	_, err := store.CreateSession(ctx, newSession(newID(9), 4))
	require.Error(t, err, "a session of nobody")
	requireLive(t, store, one, epoch, second, first)
	requireLive(t, store, one, first.ExpiresAt()-1, second, first)
	requireLive(t, store, one, first.ExpiresAt(), second)

	at := epoch.Add(60 * inventory.Second)
	require.ErrorIs(t, store.EndSession(ctx, one, foreign.ID, at), persistence.ErrNotFound, "another's session")
	require.ErrorIs(t, store.EndSession(ctx, one, first.ID, first.ExpiresAt()), persistence.ErrNotFound, "one that has expired")
	require.NoError(t, store.EndSession(ctx, one, first.ID, at))
	require.ErrorIs(t, store.EndSession(ctx, one, first.ID, at), persistence.ErrNotFound, "one that was ended")
	requireLive(t, store, one, at, second)

	third := newSession(one, 4)
	_, err = store.CreateSession(ctx, third)
	require.NoError(t, err)
	gone, err := store.EndSessions(ctx, one, third.ID, at+1)
	require.NoError(t, err)
	require.Equal(t, []inventory.ID{second.ID}, gone)
	requireLive(t, store, one, at, third)
	requireLive(t, store, other, at, foreign)
	require.Equal(t, map[inventory.ID]inventory.Instant{first.ID: at, second.ID: at + 1}, ended(t, store, 0))
	require.Equal(t, map[inventory.ID]inventory.Instant{second.ID: at + 1}, ended(t, store, at+1))
	gone, err = store.EndSessions(ctx, one, inventory.ID{}, at+2)
	require.NoError(t, err)
	require.Equal(t, []inventory.ID{third.ID}, gone)
}

func testSessionsAreBounded(t *testing.T, opener Opener) {
	store, one, other := withUsers(t, opener)
	ctx := t.Context()
	foreign := newSession(other, 500)
	_, err := store.CreateSession(ctx, foreign)
	require.NoError(t, err)
	for n := range persistence.SessionsPerUserMax {
		surplus, err := store.CreateSession(ctx, newSession(one, n))
		require.NoError(t, err)
		require.Empty(t, surplus)
	}
	// The oldest one is used, so it is the second that has to go.
	_, err = store.RotateSession(ctx, newSession(one, 0).ID, 1, epoch.Add(50*inventory.Second))
	require.NoError(t, err)
	surplus, err := store.CreateSession(ctx, newSession(one, 100))
	require.NoError(t, err)
	require.Equal(t, []inventory.ID{newSession(one, 1).ID}, surplus)
	live, err := store.LiveSessions(ctx, one, epoch.Add(100*inventory.Second))
	require.NoError(t, err)
	require.Len(t, live, persistence.SessionsPerUserMax)
	require.True(t, slices.ContainsFunc(live, func(session persistence.Session) bool { return session.ID == newSession(one, 0).ID }))
	requireLive(t, store, other, epoch, foreign)

	var group sync.WaitGroup
	for n := range 3 * persistence.SessionsPerUserMax {
		group.Go(func() {
			_, err := store.CreateSession(ctx, newSession(one, 200+n))
			require.NoError(t, err)
		})
	}
	group.Wait()
	live, err = store.LiveSessions(ctx, one, epoch.Add(400*inventory.Second))
	require.NoError(t, err)
	require.Len(t, live, persistence.SessionsPerUserMax, "logins at the same time")
}

func testSessionRotation(t *testing.T, opener Opener) {
	store, one, _ := withUsers(t, opener)
	ctx := t.Context()
	session := newSession(one, 1)
	_, err := store.CreateSession(ctx, session)
	require.NoError(t, err)

	at := epoch.Add(100 * inventory.Second)
	found, err := store.RotateSession(ctx, session.ID, 1, at)
	require.NoError(t, err)
	session.Generation, session.UsedAt, session.AccountVersion = 2, at, 0
	require.Equal(t, session, found)
	for name, generation := range map[string]int64{"an older one": 1, "one that is not there yet": 3} {
		found, err = store.RotateSession(ctx, session.ID, generation, at+1)
		require.ErrorIs(t, err, persistence.ErrVersion, name)
		require.Equal(t, session, found, name)
	}
	require.Equal(t, at.Add(session.IdleMax), session.ExpiresAt())
	requireLive(t, store, one, session.ExpiresAt()-1, session)
	requireLive(t, store, one, session.ExpiresAt())
	_, err = store.RotateSession(ctx, session.ID, 2, session.ExpiresAt())
	require.ErrorIs(t, err, persistence.ErrNotFound, "not used for too long")
	_, err = store.RotateSession(ctx, newID(9), 1, at)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	requireLive(t, store, one, at, session)

	var group sync.WaitGroup
	var rotated, refused atomic.Int32
	for range 50 {
		group.Go(func() {
			switch _, err := store.RotateSession(ctx, session.ID, 2, at+1); {
			case err == nil:
				rotated.Add(1)
			case errors.Is(err, persistence.ErrVersion):
				refused.Add(1)
			}
		})
	}
	group.Wait()
	require.Equal(t, []int32{1, 49}, []int32{rotated.Load(), refused.Load()})

	late := session.EndsAt - inventory.Second
	_, err = store.RotateSession(ctx, session.ID, 3, at.Add(1_500*inventory.Second))
	require.NoError(t, err)
	found, err = store.RotateSession(ctx, session.ID, 4, late-1_000*inventory.Second)
	require.NoError(t, err)
	require.Equal(t, session.EndsAt, found.ExpiresAt(), "however often it is used")
	_, err = store.RotateSession(ctx, session.ID, 5, session.EndsAt)
	require.ErrorIs(t, err, persistence.ErrNotFound, "after its end")

	require.NoError(t, store.EndSession(ctx, one, session.ID, late))
	_, err = store.RotateSession(ctx, session.ID, 5, late)
	require.ErrorIs(t, err, persistence.ErrNotFound, "after it was ended")
}

func testSessionsAreForgotten(t *testing.T, opener Opener) {
	store, one, other := withUsers(t, opener)
	ctx := t.Context()
	const many = 10
	for n := range many {
		_, err := store.CreateSession(ctx, newSession(one, n))
		require.NoError(t, err)
	}
	at := epoch.Add(60 * inventory.Second)
	for n := range many {
		require.NoError(t, store.EndSession(ctx, one, newSession(one, n).ID, at))
	}
	// One of another user comes when they are just remembered, then one each second.
	for n := range 6 {
		session := newSession(other, 100+n)
		session.CreatedAt = at.Add(persistence.SessionMemory + inventory.Instant(n))
		session.UsedAt, session.EndsAt = session.CreatedAt, session.CreatedAt.Add(inventory.Second)
		_, err := store.CreateSession(ctx, session)
		require.NoError(t, err)
		require.Len(t, ended(t, store, 0), max(0, many-n*persistence.SessionsForgottenAtOnce))
	}
	last := newSession(other, 200)
	last.CreatedAt = at.Add(2*persistence.SessionMemory + 10*inventory.Second)
	last.UsedAt, last.EndsAt = last.CreatedAt, last.CreatedAt.Add(inventory.Second)
	_, err := store.CreateSession(ctx, last)
	require.NoError(t, err)
	live, err := store.LiveSessions(ctx, other, epoch)
	require.NoError(t, err)
	require.Len(t, live, 1+6-persistence.SessionsForgottenAtOnce, "those that have expired go as those that were ended")
}

func testChangedUsers(t *testing.T, opener Opener) {
	store, one, other := withUsers(t, opener)
	ctx := t.Context()
	type change struct {
		version int64
		at      inventory.Instant
	}
	changed := func(since inventory.Instant) map[inventory.ID]change {
		found := map[inventory.ID]change{}
		require.NoError(t, store.EachChangedUser(ctx, since, func(id inventory.ID, version int64, at inventory.Instant) error {
			found[id] = change{version, at}
			return nil
		}))
		return found
	}
	require.Empty(t, changed(0))
	session, foreign := newSession(one, 1), newSession(other, 2)
	for _, session := range []persistence.Session{session, foreign} {
		_, err := store.CreateSession(ctx, session)
		require.NoError(t, err)
	}
	setRole(t, store, one, persistence.RoleAdmin, epoch)
	requireLive(t, store, one, epoch)
	requireLive(t, store, other, epoch, foreign)
	setRole(t, store, other, persistence.RoleAdmin, epoch+1)
	setRole(t, store, one, persistence.RoleCustomer, epoch+2)
	require.Equal(t, map[inventory.ID]change{one: {3, epoch + 2}, other: {2, epoch + 1}}, changed(0))
	require.Equal(t, map[inventory.ID]change{one: {3, epoch + 2}}, changed(epoch+2))
}
