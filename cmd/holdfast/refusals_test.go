package main

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence/postgres"
)

// refused expects that a start fails with an exit code and says what to do.
func refused(t *testing.T, code int, says, data string, arguments ...string) {
	t.Helper()
	o := run(t, append(serveArguments(data), arguments...)...)
	require.Equal(t, code, o.code, o.stderr)
	require.Contains(t, o.stderr, says)
}

// Two data directories on one database: the second server is refused while the first
// runs, and after it because the database follows another journal.
func TestTwoServersDoNotShareADatabase(t *testing.T) {
	database := testserver.StartPostgres(t).NewDatabase(t)
	t.Setenv("DATABASE_URL", database)
	data, other := freshDirectory(t), freshDirectory(t)
	first := serve(t, data, "--demo")
	refused(t, exitError, "one program at a time may write to it: stop that one first", other)
	imported, _ := importingOrders(t, freshDirectory(t), historyHeader)
	require.Equal(t, exitError, imported.code)
	require.Contains(t, imported.stderr, "another program uses the database")
	o := run(t, "journal", "renew", "--yes", "--data-dir", freshDirectory(t))
	require.Equal(t, exitError, o.code)
	require.Contains(t, o.stderr, "another program uses the database")
	require.Equal(t, 200, first.get("/readyz").status, "the first one goes on")
	require.Equal(t, 201, first.order(first.register("ada@example.com", "correct horse battery")).status)
	first.stop(t)
	refused(t, exitCorrupt, "journal renew", other)
	serve(t, data).stop(t)
}

// The first server stops when another program has taken its database meanwhile.
func TestAServerWhoseDatabaseWasTakenStops(t *testing.T) {
	address := testserver.StartPostgres(t).NewDatabase(t)
	t.Setenv("DATABASE_URL", address)
	first := begin(t, freshDirectory(t))
	first.log.await(t, "ready", first.ended)
	thief, err := postgres.New(t.Context(), address)
	require.NoError(t, err)
	defer thief.Close()
	for taken := false; !taken; {
		claimed := make(chan error, 1)
		go func() { claimed <- thief.Claim(t.Context(), nil) }()
		testserver.Execute(t, address, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()")
		// The first one may have been faster to take it anew.
		taken = <-claimed == nil
	}
	require.Equal(t, exitError, first.wait(t))
	require.Contains(t, first.log.String(), "the server cannot go on")
	require.Contains(t, first.log.String(), "another program uses the database")
}

// A data directory belongs to one process, whatever its database is.
func TestTwoServersWithPostgresDoNotShareADataDirectory(t *testing.T) {
	server := testserver.StartPostgres(t)
	data := freshDirectory(t)
	t.Setenv("DATABASE_URL", server.NewDatabase(t))
	first, s := launchServer(t, data)
	refused(t, exitError, "pid "+strconv.Itoa(first.command.Process.Pid), data)
	t.Setenv("DATABASE_URL", server.NewDatabase(t))
	refused(t, exitError, "one process at a time may use it", data)
	require.Equal(t, 200, s.get("/readyz").status, "the first one goes on")
	first.signal(t, syscall.SIGTERM)
	require.True(t, first.wait(t).Success())
}

// After a restore, journal and database go on in a new epoch: those that had gone on
// without it do not fit.
func TestHalvesOfTwoHistoriesAreRefused(t *testing.T) {
	server := testserver.StartPostgres(t)
	old := server.NewDatabase(t)
	t.Setenv("DATABASE_URL", old)
	s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
	s.sell(s.product, 3)
	succeed(t, "backup", "--data-dir", s.data, folder)
	s.sell(s.product, 1)
	s.close(t)

	t.Setenv("DATABASE_URL", server.NewDatabase(t))
	restored := freshDirectory(t)
	succeed(t, "restore", "--data-dir", restored, folder)
	t.Run("a journal that ends before the database", func(t *testing.T) {
		t.Setenv("DATABASE_URL", old)
		refused(t, exitCorrupt, "the history ends here, and the database holds records up to", restored)
	})
	again := *s
	again.data = restored
	again.server, again.site = launchServer(t, restored)
	again.sell(again.product, 2)
	again.close(t)
	t.Run("a journal of a newer epoch", func(t *testing.T) {
		t.Setenv("DATABASE_URL", old)
		refused(t, exitCorrupt, "the history differs from what the database holds", restored)
	})
	t.Run("a database of a newer epoch", func(t *testing.T) {
		refused(t, exitCorrupt, "restore the journal and the database from one backup", s.data)
	})
}

// An empty database in the place of the one that the journal was written with is refused,
// and a start does not put a demonstration into it.
func TestAnEmptyDatabaseIsRefused(t *testing.T) {
	server := testserver.StartPostgres(t)
	t.Setenv("DATABASE_URL", server.NewDatabase(t))
	s := openStall(t)
	s.sell(s.product, 1)
	s.close(t)
	t.Setenv("DATABASE_URL", server.NewDatabase(t))
	refused(t, exitCorrupt, "restore --database-only", s.data)
	refused(t, exitCorrupt, "restore --database-only", s.data, "--demo")
	t.Setenv("DATABASE_URL", "")
	refused(t, exitError, "or set DATABASE_URL if the database is a Postgres server", s.data)
	o := run(t, "migrate", "up", "--data-dir", s.data)
	require.Equal(t, exitError, o.code)
	require.Contains(t, o.stderr, "holdfast.db is missing")
	require.NoFileExists(t, filepath.Join(s.data, "holdfast.db"))
}

// A server that may lose what it said to have stored is refused.
func TestCarelessServersAreRefused(t *testing.T) {
	careless := testserver.StartPostgres(t, testserver.Careless...)
	t.Setenv("DATABASE_URL", careless.NewDatabase(t))
	refused(t, exitError, "set fsync=on", freshDirectory(t))
	careful := testserver.StartPostgres(t, "synchronous_commit=off")
	t.Setenv("DATABASE_URL", careful.NewDatabase(t))
	refused(t, exitError, "set synchronous_commit=on", freshDirectory(t))
}

// A schema that is newer than the program is refused by every command.
func TestANewerSchemaIsRefused(t *testing.T) {
	database := testserver.StartPostgres(t).NewDatabase(t)
	t.Setenv("DATABASE_URL", database)
	data := freshDirectory(t)
	serve(t, data).stop(t)
	testserver.Execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
	commands := dataCommands(t)
	commands["backup"] = []string{"backup", filepath.Join(t.TempDir(), "backup")}
	commands["migrate status"] = []string{"migrate", "status"}
	commands["migrate down"] = []string{"migrate", "down", "--yes"}
	delete(commands, "journal dump") // it asks no database
	for name, arguments := range commands {
		o := runWith(t.Context(), stdinOf(lanternPassword), append(arguments, "--data-dir", data)...)
		require.Equal(t, exitError, o.code, "%s: %s", name, o.stderr)
		require.Contains(t, o.stderr, "use the newer program", name)
	}
}

// A backup goes back into the kind of database that it was made of.
func TestABackupOfAnotherKindIsRefused(t *testing.T) {
	address := testserver.StartPostgres(t).NewDatabase(t)
	t.Setenv("DATABASE_URL", address)
	ofPostgres := smallBackup(t)
	t.Setenv("DATABASE_URL", "")
	ofSQLite := smallBackup(t)
	empty := freshDirectory(t)
	o := run(t, "restore", "--data-dir", empty, ofPostgres)
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.stderr, "set DATABASE_URL to the address of an empty Postgres database")
	t.Setenv("DATABASE_URL", address)
	o = run(t, "restore", "--data-dir", empty, ofSQLite)
	require.Equal(t, exitUsage, o.code)
	require.Contains(t, o.stderr, "unset DATABASE_URL")
	o = run(t, "restore", "--data-dir", empty, ofPostgres)
	require.Equal(t, exitError, o.code)
	require.Contains(t, o.stderr, "the database is not empty")
	entries, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Len(t, entries, 1, "only the lock is there")
}

// smallBackup is a backup of an account in the configured database.
func smallBackup(t *testing.T) string {
	t.Helper()
	data, folder := freshDirectory(t), filepath.Join(t.TempDir(), "backup")
	createKey(t, data, "shop", "admin")
	succeed(t, "backup", "--data-dir", data, folder)
	return folder
}
