package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// storeOfKeys returns a store with a hundred keys, ascending, that were used at the
// moments that at says.
func storeOfKeys(t *testing.T, at func(n int) inventory.Instant) *Store {
	store, _ := openNew(t)
	keys := make([]persistence.IdempotencyKey, 100)
	for n := range keys {
		keys[n] = persistence.IdempotencyKey{Key: inventory.Fingerprint{byte(n + 1)}, Kind: inventory.StockAdjusted, At: at(n)}
	}
	useKeys(t, store, keys...)
	return store
}

func useKeys(t testing.TB, store *Store, keys ...persistence.IdempotencyKey) {
	require.NoError(t, store.write(t.Context(), func(tx *transaction) error {
		return tx.send(func(batch *pgx.Batch) { queueKeys(batch, keys) })
	}))
}

func purgeKeys(t *testing.T, store *Store, since inventory.Instant, limit int) int {
	deleted, err := store.PurgeKeys(t.Context(), since, limit)
	require.NoError(t, err)
	return deleted
}

// A call that has deleted its limit goes on after the last key that it deleted: no key
// is passed over, and none is looked at twice in one round.
func TestPurgeGoesOnWhereItStopped(t *testing.T) {
	store := storeOfKeys(t, func(int) inventory.Instant { return 1 })
	const limit = 3
	for lowest := byte(1); lowest < 99; lowest += limit {
		var key inventory.Fingerprint
		require.NoError(t, store.readers.QueryRow(t.Context(), "SELECT key FROM idempotency_keys ORDER BY key LIMIT 1").Scan((*[16]byte)(&key)))
		require.Equal(t, inventory.Fingerprint{lowest}, key)
		require.Equal(t, limit, purgeKeys(t, store, 2, limit))
	}
	require.Equal(t, 1, purgeKeys(t, store, 2, limit), "the last one")
	require.Zero(t, purgeKeys(t, store, 2, limit))
}

// However few keys there are to delete, a call looks at a part of the table only, and
// after the last part comes the first.
func TestPurgeLooksAtAPartOfTheKeys(t *testing.T) {
	const limit = 2
	const part = limit * purgeStride
	store := storeOfKeys(t, func(n int) inventory.Instant {
		if n == part-1 || n == part || n == 99 {
			return 1
		}
		return 5
	})
	var found []int
	for range 4 {
		found = append(found, purgeKeys(t, store, 2, limit))
	}
	require.Equal(t, []int{1, 1, 0, 1}, found, "100 keys are four parts")
	useKeys(t, store, persistence.IdempotencyKey{Key: inventory.Fingerprint{1}, Kind: inventory.StockAdjusted, At: 1})
	require.Equal(t, 1, purgeKeys(t, store, 2, limit), "the fifth call begins anew")
}

// A purge that fails has deleted nothing, and the next one looks at the same part.
func TestPurgeThatFailsChangesNothing(t *testing.T) {
	store := storeOfKeys(t, func(int) inventory.Instant { return 1 })
	execute(t, store, `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$`)
	execute(t, store, "CREATE TRIGGER broken BEFORE DELETE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION broken()")
	_, err := store.PurgeKeys(t.Context(), 2, 3)
	require.ErrorContains(t, err, "broken")
	execute(t, store, "DROP TRIGGER broken ON idempotency_keys")
	require.Equal(t, 100, purgeKeys(t, store, 2, 1000))
}

// A key that is used again while it is about to be deleted stays: the purge waits for
// the projection, and looks at what is there then.
func TestPurgeLeavesAKeyThatIsUsedAgain(t *testing.T) {
	store := storeOfKeys(t, func(int) inventory.Instant { return 1 })
	tx, err := store.readers.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }() // it has ended unless the test failed
	_, err = tx.Exec(t.Context(), "UPDATE projection SET epoch = 1")
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "UPDATE idempotency_keys SET at = 9 WHERE key = $1", [16]byte{50})
	require.NoError(t, err)
	deleted := make(chan int, 1)
	failed := make(chan error, 1)
	go func() {
		n, err := store.PurgeKeys(t.Context(), 2, 1000)
		deleted <- n
		failed <- err
	}()
	awaitBlocked(t, store)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, 99, <-deleted)
	require.NoError(t, <-failed)
	key, err := store.KeyByFingerprint(t.Context(), inventory.Fingerprint{50})
	require.NoError(t, err)
	require.EqualValues(t, 9, key.At)
}
