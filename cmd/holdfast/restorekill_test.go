package main

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cutsWanted is how many restores of a kind are cut off, at moments spread over the time
// that one takes from its first change on, and restoresMax how many are tried for that: on
// a busy machine some end before they are killed.
const cutsWanted, restoresMax = 8, 100

// killAfter runs a command, and kills it a time after a file has come to be there, unless it
// has ended by then. It returns how long the command went on after that.
func killAfter(t *testing.T, path string, delay time.Duration, arguments ...string) time.Duration {
	t.Helper()
	p := launch(t, arguments...)
	look := time.NewTicker(50 * time.Microsecond)
	defer look.Stop()
	for there := false; !there; {
		select {
		case <-p.ended:
			return 0
		case <-look.C:
			var err error
			there, err = isThere(path)
			require.NoError(t, err)
		}
	}
	seen := time.Now()
	select {
	case <-p.ended:
	case <-time.After(delay):
		_ = p.command.Process.Signal(syscall.SIGKILL) // it may just have ended
		p.wait(t)
	}
	return time.Since(seen)
}

func markOf(data string) string { return (&dataDirectory{path: data}).restoring() }

// renew puts an empty database in the place of one on a server: what a restore has left of
// it there, the administrator throws away.
func (d *testDatabase) renew(t *testing.T) {
	t.Helper()
	if d.kind == databasePostgres {
		d.lose(t, "")
	}
}

// requireCutOff reports whether a restore has left its mark, and expects that no server
// starts then.
func requireCutOff(t *testing.T, data string) bool {
	t.Helper()
	mark, err := isThere(markOf(data))
	require.NoError(t, err)
	if mark {
		o := run(t, serveArguments(data)...)
		require.Equal(t, exitError, o.code, o.stderr)
		require.Contains(t, o.stderr, "was cut off")
	}
	return mark
}

// A restore may be killed at any moment: what it leaves is refused, and restored again
// into an empty data directory it succeeds.
func TestARestoreMayBeKilled(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
		s.sell(s.product, 3)
		follow(t, "Back up", s.data, folder)
		s.crash(t)
		database.renew(t)
		whole := freshDirectory(t)
		taken, cut := killAfter(t, markOf(whole), patience, "restore", "--data-dir", whole, folder), 0
		for n := 0; cut < cutsWanted && n < restoresMax; n++ {
			database.renew(t)
			s.data = freshDirectory(t)
			killAfter(t, markOf(s.data), taken*time.Duration(n%cutsWanted)/cutsWanted, "restore", "--data-dir", s.data, folder)
			if requireCutOff(t, s.data) {
				cut++
			}
		}
		require.Equal(t, cutsWanted, cut)
		database.renew(t)
		s.data = freshDirectory(t)
		succeed(t, "restore", "--data-dir", s.data, folder)
		s.server, s.site = launchServer(t, s.data)
		s.requireOrders(s.product)
		s.close(t)
	})
}

// The same for a database alone, which was lost. Its journal is the only one there is: the
// data directory stays as it is, and the restore is run again.
func TestARestoreOfTheDatabaseMayBeKilled(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, database *testDatabase) {
		s, folder := openStall(t), filepath.Join(t.TempDir(), "monday")
		s.sell(s.product, 3)
		follow(t, "Back up", s.data, folder)
		later := s.make("LATER")
		s.sell(later, 3)
		s.crash(t)
		restore := []string{"restore", "--database-only", "--data-dir", s.data, folder}
		database.lose(t, s.data)
		mark, file := markOf(s.data), (&dataDirectory{path: s.data}).database()
		taken, cut := killAfter(t, mark, patience, restore...), 0
		for n := 0; cut < cutsWanted && n < restoresMax; n++ {
			database.lose(t, s.data)
			if n%2 == 0 || database.kind == databasePostgres {
				killAfter(t, mark, taken*time.Duration(n%cutsWanted)/cutsWanted, restore...)
			} else { // the database is in its place, and not all of it is done
				killAfter(t, file, 0, restore...)
			}
			if requireCutOff(t, s.data) {
				cut++
				database.renew(t)
				succeed(t, restore...)
			}
		}
		require.Equal(t, cutsWanted, cut)
		s.server, s.site = launchServer(t, s.data)
		s.requireOrders(s.product)
		s.requireOrders(later)
		s.close(t)
	})
}
