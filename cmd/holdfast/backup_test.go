package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
)

// A backup of a directory where no server was ever started is one too.
func TestBackupWithoutAJournal(t *testing.T) {
	data, folder := freshDirectory(t), filepath.Join(t.TempDir(), "new")
	succeed(t, "user", "seed", "--data-dir", data, "--count", "3", "--tokens", filepath.Join(t.TempDir(), "tokens"), "--valid-for", "1h")
	succeed(t, "backup", "--data-dir", data, folder)
	for _, path := range privatePaths(t, folder) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
	}
	other := freshDirectory(t)
	succeed(t, "restore", "--data-dir", other, folder)
	serve(t, other)
}

func privatePaths(t *testing.T, folder string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	}))
	return paths
}

func TestBackupAndRestoreRefuse(t *testing.T) {
	data, folder := freshDirectory(t), filepath.Join(t.TempDir(), "backup")
	refused := func(code int, text string, arguments ...string) {
		t.Helper()
		o := run(t, arguments...)
		require.Equal(t, code, o.code, o.stderr)
		require.Contains(t, o.stderr, text)
	}
	refused(exitUsage, "has no data: name", "backup", "--data-dir", data, folder)
	succeed(t, "user", "seed", "--data-dir", data, "--count", "1", "--tokens", filepath.Join(t.TempDir(), "tokens"), "--valid-for", "1h")
	server := serve(t, data)
	succeed(t, "backup", "--data-dir", data, folder)
	refused(exitUsage, "name a folder that is not", "backup", "--data-dir", data, folder)
	refused(exitError, "one process at a time", "restore", "--data-dir", data, folder)
	server.stop(t)
	refused(exitUsage, "move what is in this one away", "restore", "--data-dir", data, folder)
	for _, left := range []string{"holdfast.db-wal", "holdfast.db-shm"} {
		half := freshDirectory(t)
		require.NoError(t, os.Mkdir(half, privateFolder))
		require.NoError(t, os.WriteFile(filepath.Join(half, left), nil, privateFile))
		refused(exitUsage, left+" is there", "restore", "--data-dir", half, folder)
	}
	refused(exitUsage, "has no journal for the database to follow", "restore", "--database-only", "--data-dir", freshDirectory(t), folder)
	refused(exitError, "it is no backup", "restore", "--data-dir", freshDirectory(t), t.TempDir())

	manifestPath := filepath.Join(folder, manifestName)
	text, err := os.ReadFile(manifestPath)
	require.NoError(t, err)
	rewrite := func(from, to string) {
		require.NoError(t, os.WriteFile(manifestPath, []byte(strings.Replace(string(text), from, to, 1)), privateFile))
	}
	rewrite(`"format": 1`, `"format": 2`)
	refused(exitError, "use the program that made it", "restore", "--data-dir", freshDirectory(t), folder)
	rewrite("{", "")
	refused(exitCorrupt, "cannot be verified", "restore", "--data-dir", freshDirectory(t), folder)
	rewrite("", "")
	extra := filepath.Join(folder, "journal", "extra")
	require.NoError(t, os.WriteFile(extra, nil, privateFile))
	refused(exitCorrupt, "is in the backup and not in its manifest", "restore", "--data-dir", freshDirectory(t), folder)
	require.NoError(t, os.Remove(extra))
	database := filepath.Join(folder, backupFile)
	file, err := os.OpenFile(database, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("x"), 5_000)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	empty := freshDirectory(t)
	refused(exitCorrupt, "holdfast.db of the backup is not what it was", "restore", "--data-dir", empty, folder)
	_, err = os.Stat(filepath.Join(empty, "holdfast.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Remove(database))
	refused(exitCorrupt, "is missing in the backup", "restore", "--data-dir", freshDirectory(t), folder)
}

// A database from before a restore's journal, and the other way round, do not start
// together: see documentation/operations.md.
func TestHalvesOfTwoBackupsAreRefused(t *testing.T) {
	data, early, late := freshDirectory(t), filepath.Join(t.TempDir(), "early"), filepath.Join(t.TempDir(), "late")
	server := serve(t, data, "--demo")
	succeed(t, "backup", "--data-dir", data, early)
	token := server.register("ada@example.com", "correct horse battery")
	require.Equal(t, 201, server.order(token).status)
	server.stop(t)
	succeed(t, "backup", "--data-dir", data, late)

	mixed := freshDirectory(t)
	succeed(t, "restore", "--data-dir", mixed, early)
	require.NoError(t, os.Remove(filepath.Join(mixed, "holdfast.db")))
	require.NoError(t, copyFile(filepath.Join(late, backupFile), filepath.Join(mixed, "holdfast.db")))
	o := run(t, serveArguments(mixed)...)
	require.Equal(t, exitCorrupt, o.code, o.stderr)
	require.Contains(t, o.stderr, "restore the journal and the database from one backup")
}

func TestAnEpochOfARestoreIsTheTime(t *testing.T) {
	require.EqualValues(t, 1_767_225_600, epochOf(clock.NewManual(1_767_225_600_999_999_999).Now()))
	require.EqualValues(t, ^uint32(0), epochOf(1<<63-1))
}
