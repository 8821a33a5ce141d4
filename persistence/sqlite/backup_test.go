package sqlite

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

// A copy that is made while the projection goes on is the history at its own position.
func TestABackupIsOneMoment(t *testing.T) {
	store, path := openNew(t)
	history := persistencetest.NewHistory(5, 4)
	history.CreateProducts(t, store)
	history.Grow(400)
	var projecting sync.WaitGroup
	projecting.Go(func() { projectInSteps(t, store, history, 400) })
	target := filepath.Join(t.TempDir(), "copy.db")
	position, schema, err := Backup(t.Context(), path, target)
	projecting.Wait()
	require.NoError(t, err)
	require.Equal(t, newestVersion(t), schema)
	info, err := os.Stat(target)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	copied, err := Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, copied.Close()) }()
	found, err := copied.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, position, found)
	persistencetest.RequireHistory(t, copied, history)
	projectInSteps(t, copied, history, 400)
	persistencetest.RequireHistory(t, copied, history)
}

func TestABackupRefuses(t *testing.T) {
	folder := t.TempDir()
	_, _, err := Backup(t.Context(), filepath.Join(folder, "missing.db"), filepath.Join(folder, "copy.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = os.Stat(filepath.Join(folder, "missing.db"))
	require.ErrorIs(t, err, os.ErrNotExist, "a backup makes no database")

	broken := filepath.Join(folder, "broken.db")
	require.NoError(t, os.WriteFile(broken, make([]byte, 100_000), 0o600))
	_, _, err = Backup(t.Context(), broken, filepath.Join(folder, "copy.db"))
	require.ErrorIs(t, err, persistence.ErrCorrupt)

	_, path := openNew(t)
	full := filepath.Join(folder, "full.db")
	require.NoError(t, os.WriteFile(full, []byte("something"), 0o600))
	_, _, err = Backup(t.Context(), path, full)
	require.Error(t, err, "what is there is not written over")
}

// projectInSteps projects a history up to a record, ten records at a time.
func projectInSteps(t *testing.T, store *Store, history *persistencetest.History, to uint64) {
	for {
		position, err := store.Position(t.Context())
		require.NoError(t, err)
		if position.Sequence == to {
			return
		}
		from, end, records := history.Run(position.Sequence, min(position.Sequence+10, to))
		require.NoError(t, store.Project(t.Context(), from, end, records))
	}
}
