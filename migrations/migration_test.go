package migrations

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// Every file has a number of its own, in order, and one that can be undone says what is
// lost by it.
func TestFiles(t *testing.T) {
	for name, dialect := range map[string]fs.FS{"postgres": Postgres, "sqlite": SQLite} {
		all, err := List(dialect, nil)
		require.NoError(t, err)
		for i, migration := range all {
			require.EqualValues(t, i+1, migration.Version, name)
			text, err := fs.ReadFile(dialect, migration.File)
			require.NoError(t, err)
			undoable := strings.Contains(string(text), "+goose Down")
			require.Equal(t, undoable, migration.Loses != "", migration.File)
		}
	}
}

func TestList(t *testing.T) {
	files := fstest.MapFS{
		"00001_a.sql": {Data: []byte("-- +goose Up\nA;\n")},
		"00002_b.sql": {Data: []byte("-- +goose Up\nB;\n\n-- +goose Down\n-- All of\n-- it.\n\n-- not this\nC;\n")},
	}
	at := time.Unix(7, 0)
	_, err := Undoable(nil)
	require.ErrorIs(t, err, ErrNothingApplied)
	first, err := List(files, map[int64]time.Time{1: at})
	require.NoError(t, err)
	require.Equal(t, []Migration{{Version: 1, File: "00001_a.sql", AppliedAt: at}, {Version: 2, File: "00002_b.sql", Loses: "All of it."}}, first)
	_, err = Undoable(first)
	require.ErrorIs(t, err, ErrNoWayBack)
	both, err := List(files, map[int64]time.Time{1: at, 2: at})
	require.NoError(t, err)
	last, err := Undoable(both)
	require.NoError(t, err)
	require.Equal(t, "00002_b.sql", last.File)
	require.EqualValues(t, 2, Version(both))
	require.Equal(t, both[1:], Between(first, both))
	_, err = List(files, map[int64]time.Time{3: at})
	require.ErrorIs(t, err, ErrNewer)
	_, err = List(fstest.MapFS{"a.sql": {}}, nil)
	require.ErrorContains(t, err, "has no number")
}
