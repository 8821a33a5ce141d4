package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// inEachDatabase runs a test with each kind of database, which is the configured one.
func inEachDatabase(t *testing.T, test func(t *testing.T, database *testDatabase)) {
	t.Run(databaseSQLite, func(t *testing.T) {
		t.Setenv("DATABASE_URL", "")
		test(t, &testDatabase{kind: databaseSQLite})
	})
	t.Run(databasePostgres, func(t *testing.T) {
		database := &testDatabase{kind: databasePostgres, server: testserver.StartPostgres(t)}
		database.lose(t, "")
		test(t, database)
	})
}

// testDatabase is the configured database.
type testDatabase struct {
	kind   string
	server *testserver.Postgres
}

// lose takes the database away, and puts an empty one in its place where it takes an
// administrator to do that.
func (d *testDatabase) lose(t *testing.T, data string) {
	t.Helper()
	if d.kind == databasePostgres {
		t.Setenv("DATABASE_URL", d.server.NewDatabase(t))
		return
	}
	files, err := filepath.Glob(filepath.Join(data, "holdfast.db*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
}

// documented returns the commands of a section of documentation/operations.md, with the
// folders of a test in the place of those that it names.
func documented(t *testing.T, section, data, backup string) (commands [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../documentation/operations.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found, section)
	rest, _, _ = strings.Cut(rest, "\n## ")
	for line := range strings.Lines(rest) {
		if command, is := strings.CutPrefix(strings.TrimSpace(line), "holdfast "); is && strings.HasPrefix(line, "    ") {
			command = strings.NewReplacer("/var/lib/holdfast", data, "/backup/", filepath.Dir(backup)+"/").Replace(command)
			commands = append(commands, strings.Fields(command))
		}
	}
	require.NotEmpty(t, commands, section)
	return commands
}

// follow runs the commands of a section, up to the start of a server, which it returns.
func follow(t *testing.T, section, data, backup string) (server *process, s site) {
	t.Helper()
	for _, command := range documented(t, section, data, backup) {
		if command[0] == "serve" {
			require.Equal(t, []string{"serve", "--data-dir", data}, command)
			return launchServer(t, data)
		}
		succeed(t, command...)
	}
	return nil, site{}
}

// stall is a server with a product that never sells out, and one customer.
type stall struct {
	site
	server             *process
	data, admin, token string
	product            string
	serial             int
	// placed has the id of an order by its key.
	placed map[string]string
}

func openStall(t *testing.T) *stall {
	t.Helper()
	s := &stall{data: freshDirectory(t), placed: map[string]string{}}
	s.admin = createKey(t, s.data, "shop", "admin")
	s.server, s.site = launchServer(t, s.data)
	s.token = s.register("ada@example.com", "correct horse battery")
	s.product = s.make("PLENTY")
	return s
}

// make puts a product on sale.
func (s *stall) make(sku string) string {
	s.t.Helper()
	answer := s.post("/api/products", s.admin, strings.Replace(someProduct(sku), `"stock":10`, `"stock":1000000`, 1))
	require.Equal(s.t, 201, answer.status, answer.text)
	return answer.body["id"].(string)
}

// place places an order, with its own key or one that was used.
func (s *stall) place(product, key string) reply {
	s.t.Helper()
	return s.do(call{method: "POST", path: "/api/orders", token: s.token, key: key,
		body: `{"items":[{"product_id":"` + product + `","quantity":1}]}`})
}

// sell places so many orders, which have to be accepted, and notes them.
func (s *stall) sell(product string, orders int) {
	s.t.Helper()
	for range orders {
		s.serial++
		key := fmt.Sprintf("key-of-the-shop-%08d", s.serial)
		answer := s.place(product, key)
		require.Equal(s.t, 201, answer.status, answer.text)
		s.placed[key] = answer.body["id"].(string)
	}
}

// crash ends the server as a loss of power does.
func (s *stall) crash(t *testing.T) {
	t.Helper()
	s.server.signal(t, syscall.SIGKILL)
	s.server.wait(t)
}

// requireOrders expects every order that was noted, with its key.
func (s *stall) requireOrders(product string) {
	s.t.Helper()
	for key, id := range s.placed {
		found := s.do(call{method: "GET", path: "/api/orders/" + id, token: s.token})
		require.Equal(s.t, 200, found.status, found.text)
		if found.body["items"].([]any)[0].(map[string]any)["product_id"] == product {
			again := s.place(product, key)
			require.Equal(s.t, 201, again.status, again.text)
			require.Equal(s.t, id, again.body["id"], "the key of an order is known")
		}
	}
}

// close ends the server in order and verifies what it left.
func (s *stall) close(t *testing.T) {
	t.Helper()
	s.server.signal(t, syscall.SIGTERM)
	require.True(t, s.server.wait(t).Success(), s.server.log)
	succeed(t, "journal", "verify", "--data-dir", s.data)
}

// The steps of documentation/operations.md: a backup of a server that sells, the loss of
// everything, a restore, a verification, and a server that has all that was acknowledged
// before the backup, and goes on.
func TestBackupDestroyRestoreVerify(t *testing.T) { inEachDatabase(t, requireBackupAndRestore) }

func requireBackupAndRestore(t *testing.T, database *testDatabase) {
	s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
	s.sell(s.product, 5)
	selling, stop := context.WithCancel(t.Context())
	var sellers sync.WaitGroup
	sellers.Go(func() {
		for n := 0; selling.Err() == nil; n++ {
			s.place(s.product, fmt.Sprintf("key-of-the-rush-%08d", n))
		}
	})
	follow(t, "Back up", s.data, folder)
	stop()
	sellers.Wait()
	for _, path := range privatePaths(t, folder) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
	}
	s.crash(t)
	epoch := verifiedEpoch(t, s.data)
	database.lose(t, s.data)
	require.NoError(t, os.RemoveAll(s.data))

	s.server, s.site = follow(t, "Everything is lost", s.data, folder)
	s.requireOrders(s.product)
	s.sell(s.product, 1)
	require.Equal(t, 201, s.post("/api/products", s.admin, someProduct("LATER")).status, "the key of the shop is there")
	s.close(t)
	require.Greater(t, verifiedEpoch(t, s.data), epoch, "what was lost is another history")
}

// verifiedEpoch is the epoch at the end of a verified journal.
func verifiedEpoch(t *testing.T, data string) int {
	t.Helper()
	var report reportJSON
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "journal", "verify", "--json", "--data-dir", data)), &report))
	return int(report.Epoch)
}

// A lost database costs no order: what came after the backup is in the journal. Of
// products that were made after it, orders and stock are there.
func TestALostDatabaseCostsNoOrder(t *testing.T) { inEachDatabase(t, requireDatabaseRestored) }

func requireDatabaseRestored(t *testing.T, database *testDatabase) {
	s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
	s.sell(s.product, 3)
	follow(t, "Back up", s.data, folder)
	s.sell(s.product, 4)
	late := s.make("LATE")
	s.sell(late, 2)
	unsold := s.make("UNSOLD")
	cancelled := s.placed["key-of-the-shop-00000005"]
	require.Equal(t, 200, s.post("/api/orders/"+cancelled+"/cancel", s.token, "{}").status)
	s.crash(t)
	epoch := verifiedEpoch(t, s.data)
	database.lose(t, s.data)
	o := run(t, serveArguments(s.data)...)
	require.NotEqual(t, exitOK, o.code)
	require.Contains(t, o.stderr, "restore --database-only", "a start says what to do")

	s.server, s.site = follow(t, "The database is lost", s.data, folder)
	s.requireOrders(s.product)
	require.Equal(t, "cancelled", s.do(call{method: "GET", path: "/api/orders/" + cancelled, token: s.token}).body["status"])
	for product, want := range map[string][2]float64{s.product: {1_000_000, 6}, late: {1_000_000, 2}, unsold: {1_000_000, 0}} {
		stock := s.get("/api/products/" + product + "/stock")
		require.Equal(t, want, [2]float64{stock.body["on_hand"].(float64), stock.body["reserved"].(float64)}, stock.text)
	}
	require.ElementsMatch(t, []string{"LATE", "LOST-" + unsold, "PLENTY"}, s.skus())
	refused := s.place(late, "key-of-a-late-order-1")
	require.Equal(t, 409, refused.status, refused.text)
	require.Equal(t, "paused", refused.body["code"])
	s.sell(s.product, 1)
	s.close(t)
	require.Equal(t, epoch, verifiedEpoch(t, s.data), "nothing is lost: it is the same history")
}

// fillSegments makes orders of so many lines that the journal deletes its first segments
// once the database has them.
func (s *stall) fillSegments(t *testing.T) {
	t.Helper()
	lines := make([]string, 400)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"product_id":%q,"quantity":1}`, s.make(fmt.Sprintf("%s-%03d", strings.Repeat("WIDE", 15), i)))
	}
	first := filepath.Join(s.data, "journal", "00000000000000000001.journal")
	body := `{"items":[` + strings.Join(lines, ",") + `]}`
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		s.serial++
		answer := s.do(call{method: "POST", path: "/api/orders", token: s.token, key: fmt.Sprintf("key-of-the-shop-%08d", s.serial), body: body})
		// The disk may be behind with the next segment.
		require.Contains(t, []int{201, 503}, answer.status, answer.text)
		require.NoError(t, ctx.Err(), "the journal keeps its first segment")
		if there, err := isThere(first); !there {
			require.NoError(t, err)
			return
		}
	}
}

// A database that is older than the journal's first record is refused by a start, and by
// a restore that would bring it back; what is there stays as it is.
func TestADatabaseOlderThanTheJournalIsRefused(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
		follow(t, "Back up", s.data, folder)
		s.server.signal(t, syscall.SIGTERM)
		s.server.wait(t)
		s.server, s.site = launchServer(t, s.data, "--journal-segment-bytes", "217088")
		s.fillSegments(t)
		s.crash(t)
		database.lose(t, s.data)

		o := run(t, "restore", "--database-only", "--data-dir", s.data, folder)
		require.Equal(t, exitError, o.code)
		require.Contains(t, o.stderr, "Take a newer backup")

		// An older dump, from elsewhere.
		other := freshDirectory(t)
		succeed(t, "restore", "--data-dir", other, folder)
		if database.kind == databaseSQLite {
			require.NoError(t, copyFile(filepath.Join(other, "holdfast.db"), filepath.Join(s.data, "holdfast.db")))
		}
		o = run(t, serveArguments(s.data)...)
		require.Equal(t, exitCorrupt, o.code, o.stderr)
		require.Contains(t, o.stderr, "those between are missing")
		require.Contains(t, o.stderr, "put a newer database in the place of this one")
	})
}

// With the database whole, a lost journal costs no order that the database has.
func TestALostJournalCostsNothingThatTheDatabaseHas(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		s := openStall(t)
		s.sell(s.product, 5)
		s.server.signal(t, syscall.SIGTERM)
		require.True(t, s.server.wait(t).Success())
		epoch := verifiedEpoch(t, s.data)
		o := run(t, "journal", "renew", "--yes", "--data-dir", s.data)
		require.Equal(t, exitUsage, o.code)
		require.Contains(t, o.stderr, "has more than the database")
		require.NoError(t, os.RemoveAll(filepath.Join(s.data, "journal")))
		o = run(t, serveArguments(s.data)...)
		require.Equal(t, exitCorrupt, o.code, o.stderr)
		require.Contains(t, o.stderr, "journal renew")
		require.NoError(t, os.RemoveAll(filepath.Join(s.data, "journal")))
		o = run(t, "journal", "renew", "--data-dir", s.data)
		require.Equal(t, exitUsage, o.code)
		require.Contains(t, o.stderr, "are lost. If the lost journal may still be found")

		s.server, s.site = follow(t, "The journal is lost", s.data, "")
		s.requireOrders(s.product)
		s.sell(s.product, 2)
		s.close(t)
		require.Greater(t, verifiedEpoch(t, s.data), epoch)
	})
}

// A data directory of which a restore was cut off is used by nothing but a restore.
func TestARestoreThatWasCutOff(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
		s.sell(s.product, 1)
		follow(t, "Back up", s.data, folder)
		s.sell(s.product, 1)
		s.crash(t)
		database.lose(t, s.data)
		mark := filepath.Join(s.data, "restoring")
		for _, text := range []string{restoringAll, restoringDatabase} {
			require.NoError(t, os.WriteFile(mark, []byte(text), privateFile))
			commands := dataCommands(t)
			commands["backup"] = []string{"backup", filepath.Join(t.TempDir(), "another")}
			for name, arguments := range commands {
				o := run(t, append(arguments, "--data-dir", s.data)...)
				require.Equal(t, exitError, o.code, name)
				require.Contains(t, o.stderr, "was cut off", name)
			}
			o := run(t, "restore", "--database-only", "--data-dir", s.data, folder)
			require.Equal(t, text == restoringDatabase, o.code == exitOK, o.stderr)
		}
		require.NoFileExists(t, mark)
		s.server, s.site = launchServer(t, s.data)
		s.requireOrders(s.product)
	})
}
