package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// statusJSON is what migrate status --json prints.
type statusJSON struct {
	Version    int64
	Pending    int
	Migrations []struct {
		Version   int64
		File      string
		AppliedAt *string `json:"applied_at"`
	}
}

func statusOf(t *testing.T, data string) (status statusJSON) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "migrate", "status", "--json", "--data-dir", data)), &status))
	return status
}

// The steps of documentation/operations.md for an upgrade: a look that changes nothing,
// what is pending is applied once, and a server has nothing left to do.
func TestMigrateUpAndStatus(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		data := freshDirectory(t)
		require.Regexp(t, "1 +00001_schema.sql +pending\n", succeed(t, "migrate", "status", "--data-dir", data))
		status := statusOf(t, data)
		require.Zero(t, status.Version)
		require.Equal(t, len(status.Migrations), status.Pending)
		require.NoDirExists(t, data, "a look makes nothing")
		said := succeed(t, "migrate", "up", "--data-dir", data)
		require.Contains(t, said, "applied 00001_schema.sql\n")
		require.Contains(t, succeed(t, "migrate", "up", "--data-dir", data), "nothing was pending")

		s := serve(t, data)
		status = statusOf(t, data) // also while a server runs
		require.Zero(t, status.Pending)
		require.Equal(t, status.Migrations[len(status.Migrations)-1].Version, status.Version)
		for _, migration := range status.Migrations {
			require.NotNil(t, migration.AppliedAt, migration.File)
		}
		for _, command := range []string{"up", "down"} {
			o := run(t, "migrate", command, "--data-dir", data)
			require.Equal(t, exitError, o.code)
			require.Contains(t, o.stderr, fmt.Sprintf("pid %d", os.Getpid()))
		}
		s.stop(t)
	})
}

// The way back: one migration at a time, only when it was said, and not where orders would
// be lost. The next server goes on.
func TestMigrateDownLosesNoOrder(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		o := run(t, "migrate", "down", "--yes", "--data-dir", freshDirectory(t))
		require.Equal(t, exitUsage, o.code)
		require.Contains(t, o.stderr, "nothing to undo")

		s := openStall(t)
		s.sell(s.product, 2)
		s.close(t)
		version := statusOf(t, s.data).Version
		o = run(t, "migrate", "down", "--data-dir", s.data)
		require.Equal(t, exitUsage, o.code)
		require.Regexp(t, "undoing 0000._.+.sql loses: [A-Z].+ Say --yes to do it", o.stderr)
		require.Equal(t, version, statusOf(t, s.data).Version)
		follow(t, "Upgrade, and back", s.data, filepath.Join(t.TempDir(), "before-upgrade"))
		require.Equal(t, version-1, statusOf(t, s.data).Version)
		require.Equal(t, 1, statusOf(t, s.data).Pending)
		for range version { // as far down as it goes
			o = run(t, "migrate", "down", "--yes", "--data-dir", s.data)
		}
		require.Equal(t, exitError, o.code)
		require.Contains(t, o.stderr, "it cannot be undone")
		require.Contains(t, o.stderr, "restore a backup that was made before it")
		s.server, s.site = launchServer(t, s.data)
		s.requireOrders(s.product)
		s.close(t)
		require.Zero(t, statusOf(t, s.data).Pending)
	})
}
