package postgres

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"holdfast/migrations"
)

// oneMore are the migrations and one more, which can be undone.
func oneMore(t *testing.T) fs.FS {
	all, err := migrations.List(migrations.Postgres, nil)
	require.NoError(t, err)
	files := fstest.MapFS{moreFile: {Data: []byte(
		"-- +goose Up\nALTER TABLE stock ADD COLUMN more int;\n\n-- +goose Down\n-- What is\n-- more.\nALTER TABLE stock DROP COLUMN more;\n")}}
	for _, migration := range all {
		text, err := fs.ReadFile(migrations.Postgres, migration.File)
		require.NoError(t, err)
		files[migration.File] = &fstest.MapFile{Data: text}
	}
	return files
}

const moreFile = "90000_more.sql"

// newestVersion is that of the migrations that there are.
func newestVersion(t *testing.T) int64 {
	all, err := migrations.List(migrations.Postgres, nil)
	require.NoError(t, err)
	return all[len(all)-1].Version
}

// One migration after the other is undone, as far as nothing is lost that must not be.
func TestMigrateDown(t *testing.T) {
	store, address := newEmpty(t)
	store.dialect = oneMore(t)
	_, err := store.MigrateDown(t.Context())
	require.ErrorIs(t, err, migrations.ErrNothingApplied)
	applied, err := store.MigrateUp(t.Context())
	require.NoError(t, err)
	require.Equal(t, moreFile, applied[len(applied)-1].File)
	applied, err = store.MigrateUp(t.Context())
	require.NoError(t, err)
	require.Empty(t, applied)

	other := newAt(t, address)
	require.NoError(t, other.Ping(t.Context()))
	_, err = store.MigrateDown(t.Context())
	require.ErrorContains(t, err, "is connected to it: end it first")
	other.readers.Reset()
	last, err := store.MigrateDown(t.Context())
	require.NoError(t, err)
	require.Equal(t, moreFile, last.File)
	require.Equal(t, "What is more.", last.Loses)
	all, err := store.Migrations(t.Context())
	require.NoError(t, err)
	require.Equal(t, newestVersion(t), migrations.Version(all))
	for range all[1 : len(all)-1] {
		_, err = store.MigrateDown(t.Context())
		require.NoError(t, err)
	}
	_, err = store.MigrateDown(t.Context())
	require.ErrorIs(t, err, migrations.ErrNoWayBack)
	require.ErrorContains(t, err, "restore a backup")
	require.NoError(t, store.Ping(t.Context()), "the tables are there")
}

// Nobody migrates the database of a program that serves from it.
func TestAClaimedDatabaseIsNotMigrated(t *testing.T) {
	serving, address := openNew(t)
	require.NoError(t, serving.Claim(t.Context(), func(error) {}))
	newer := newAt(t, address)
	newer.dialect = oneMore(t)
	require.ErrorIs(t, newer.Prepare(t.Context()), ErrClaimed)
	_, err := newer.MigrateDown(t.Context())
	require.ErrorIs(t, err, ErrClaimed)
	require.NoError(t, newAt(t, address).Prepare(t.Context()), "nothing is pending")
	require.NoError(t, serving.Close())
	require.NoError(t, newer.Claim(t.Context(), nil))
	require.NoError(t, newer.Prepare(t.Context()), "its own claim is in nobody's way")
}
