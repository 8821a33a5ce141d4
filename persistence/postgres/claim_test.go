package postgres

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// waitMax bounds every wait of a test, and waitStep is the pause between two looks.
const (
	waitMax  = 30 * time.Second
	waitStep = 10 * time.Millisecond
)

// One program at a time has the database; the next one has it when that has ended. Those
// in another schema or database are not concerned.
func TestOneProgramClaimsADatabase(t *testing.T) {
	first, address := openNew(t)
	require.NoError(t, first.Claim(t.Context(), nil))
	require.NoError(t, first.Claim(t.Context(), nil), "it has it")
	second := newAt(t, address)
	err := second.Claim(t.Context(), nil)
	require.ErrorIs(t, err, ErrClaimed)
	require.ErrorContains(t, err, `"holdfast" from 127.0.0.1`)
	require.ErrorContains(t, err, "stop that one first")
	require.False(t, IsAway(err), "waiting would not help")

	execute(t, first, "CREATE SCHEMA elsewhere")
	require.NoError(t, newAt(t, with(t, address, func(u *url.URL) { u.RawQuery += "&search_path=elsewhere" })).Claim(t.Context(), nil))
	require.NoError(t, newAt(t, testserver.SharedPostgres(t).NewDatabase(t)).Claim(t.Context(), nil))
	require.NoError(t, first.Close())
	require.NoError(t, second.Claim(t.Context(), nil))
}

// endClaim ends the session that has the claim, as a broken network or a server that
// restarts does.
func endClaim(t *testing.T, store *Store, by *Store) {
	execute(t, by, "SELECT pg_terminate_backend($1)", int32(store.claimant()))
}

// A claim outlives its session.
func TestAClaimIsTakenAnew(t *testing.T) {
	first, address := openNew(t)
	lost := make(chan error, 1)
	require.NoError(t, first.Claim(t.Context(), func(err error) { lost <- err }))
	before := first.claimant()
	endClaim(t, first, first)
	require.Eventually(t, func() bool { return first.claimant() != before }, waitMax, waitStep)
	require.ErrorIs(t, newAt(t, address).Claim(t.Context(), nil), ErrClaimed)
	require.Empty(t, lost)
}

// Who finds that another program has taken the database must not go on.
func TestAClaimThatAnotherHasTakenIsLost(t *testing.T) {
	first, address := openNew(t)
	lost := make(chan error, 1)
	require.NoError(t, first.Claim(t.Context(), func(err error) { lost <- err }))
	other := newAt(t, address)
	// The server hands the lock to the one that waits for it.
	waiting, err := other.readers.Acquire(t.Context())
	require.NoError(t, err)
	defer waiting.Release()
	_, err = waiting.Exec(t.Context(), "SET lock_timeout = 0")
	require.NoError(t, err)
	taken := make(chan error, 1)
	go func() {
		_, err := waiting.Exec(t.Context(), "SELECT pg_advisory_lock("+claimName+")", claimSeed)
		taken <- err
	}()
	require.Eventually(t, func() bool {
		var waiters int
		err := first.readers.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "+
			"AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiters)
		return err == nil && waiters == 1
	}, waitMax, waitStep)
	endClaim(t, first, first)
	require.NoError(t, <-taken)
	require.ErrorIs(t, <-lost, ErrClaimed)
}
