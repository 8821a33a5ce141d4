package sqlite

import (
	"database/sql"
	"testing"

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
	require.NoError(t, store.write(t.Context(), func(tx *sql.Tx) error {
		p := projecting{ctx: t.Context(), tx: tx, bulk: store.bulk}
		return p.writeKeys(keys)
	}))
}

func purgeKeys(t *testing.T, store *Store, since inventory.Instant, limit int) int {
	deleted, err := store.PurgeKeys(t.Context(), since, limit)
	require.NoError(t, err)
	return deleted
}

// A call that has deleted its limit goes on after the last key that it deleted: no
// key is passed over, and none is looked at twice in one round.
func TestPurgeGoesOnWhereItStopped(t *testing.T) {
	store := storeOfKeys(t, func(int) inventory.Instant { return 1 })
	const limit = 3
	for lowest := byte(1); lowest < 99; lowest += limit {
		var key inventory.Fingerprint
		require.NoError(t, store.writer.QueryRowContext(t.Context(), "SELECT min(key) FROM idempotency_keys").Scan(fixed{key[:]}))
		require.Equal(t, inventory.Fingerprint{lowest}, key)
		require.Equal(t, limit, purgeKeys(t, store, 2, limit))
	}
	require.Equal(t, 1, purgeKeys(t, store, 2, limit), "the last one")
	require.Zero(t, purgeKeys(t, store, 2, limit))
}

// However few keys there are to delete, a call looks at a part of the table only,
// and after the last part comes the first.
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
	_, err := store.writer.ExecContext(t.Context(), `CREATE TEMP TRIGGER broken BEFORE DELETE ON main.idempotency_keys
		WHEN OLD.key >= x'02' BEGIN SELECT RAISE(ABORT, 'broken'); END`)
	require.NoError(t, err)
	_, err = store.PurgeKeys(t.Context(), 2, 3)
	require.ErrorContains(t, err, "broken")
	_, err = store.writer.ExecContext(t.Context(), "DROP TRIGGER broken")
	require.NoError(t, err)
	require.Equal(t, 100, purgeKeys(t, store, 2, 1000))
}
