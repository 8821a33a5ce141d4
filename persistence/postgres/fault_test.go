package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

// projector projects a history in runs of a few records, as the engine's projector does:
// after an error it reads the position and goes on from there.
type projector struct {
	store   *Store
	history *persistencetest.History
	at      uint64
}

const faultRun = 3

func newProjector(t *testing.T, store *Store, seed uint64, records int) *projector {
	p := &projector{store: store, history: persistencetest.NewHistory(seed, 4)}
	p.history.CreateProducts(t, store)
	p.history.Grow(records)
	return p
}

// step projects the next run once, and returns what Project returned.
func (p *projector) step(ctx context.Context) error {
	from, to, records := p.history.Run(p.at, p.at+faultRun)
	err := p.store.Project(ctx, from, to, records)
	if err == nil {
		p.at = to.Sequence
	}
	return err
}

// throughProxy returns a proxy to the server of an address, and the address by it.
func throughProxy(t *testing.T, address string) (*testserver.Proxy, string) {
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	proxy := testserver.StartProxy(t, parsed.Host)
	return proxy, with(t, address, func(u *url.URL) { u.Host = proxy.Address() })
}

// The network is cut in the moment of a COMMIT, a thousand times before it reaches the
// server and a thousand times before its answer reaches the program. Project says in
// each case what became of the run, and nothing is there twice or missing.
func TestACommitWithoutAnswerCountsOnce(t *testing.T) {
	const cuts = 1000
	tests := map[string]struct {
		fromClient bool
		applied    bool
	}{
		"the COMMIT is lost": {fromClient: true},
		"its answer is lost": {applied: true},
	}
	// Both end with a zero byte, unlike READ COMMITTED.
	commit := []byte("COMMIT\x00")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := testserver.SharedPostgres(t).NewDatabase(t)
			p := newProjector(t, openAt(t, direct), 61, faultRun*(cuts+1))
			proxy, address := throughProxy(t, direct)
			p.store = openAt(t, address)
			var armed atomic.Bool
			proxy.Filter(func(fromClient bool, chunk []byte) bool {
				return fromClient != test.fromClient || !bytes.Contains(chunk, commit) || !armed.CompareAndSwap(true, false)
			})
			for range cuts {
				before := p.at
				armed.Store(true)
				err := p.step(t.Context())
				require.False(t, armed.Load(), "nothing was cut")
				if test.applied {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, errUncertain)
				require.ErrorContains(t, err, "it was not")
				require.Equal(t, before, p.at)
				require.NoError(t, p.step(t.Context()), "the run is not where the error said")
			}
			require.EqualValues(t, faultRun*cuts, persistencetest.RequireHistory(t, p.store, p.history))
		})
	}
}

// A transaction whose COMMIT may still be under way is waited for before it is said
// what became of it.
func TestAnUncertainCommitIsWaitedFor(t *testing.T) {
	store, _ := openNew(t)
	p := newProjector(t, store, 62, 2*faultRun)
	from, to, records := p.history.Run(0, faultRun)
	run, err := persistence.NewRun(from, to, records)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		end  func(pgx.Tx) error
		want error
	}{
		"undone":    {func(tx pgx.Tx) error { return tx.Rollback(t.Context()) }, errUncertain},
		"committed": {func(tx pgx.Tx) error { return tx.Commit(t.Context()) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			execute(t, store, "UPDATE projection SET sequence = 0, epoch = 0, journal = $1, hash = $1", [16]byte{})
			tx, err := store.readers.Begin(t.Context())
			require.NoError(t, err)
			defer func() { _ = tx.Rollback(context.Background()) }() // it has ended unless the test failed
			_, err = tx.Exec(t.Context(), "UPDATE projection SET journal = $1, epoch = $2, sequence = $3, hash = $4",
				[16]byte(to.Journal), int64(to.Epoch), int64(to.Sequence), [16]byte(to.Hash))
			require.NoError(t, err)
			resolved := make(chan error, 1)
			go func() { resolved <- store.resolve(t.Context(), run, errUncertain) }()
			awaitBlocked(t, store)
			require.Empty(t, resolved)
			require.NoError(t, test.end(tx))
			require.ErrorIs(t, <-resolved, test.want)
		})
	}
}

// awaitBlocked returns when a session of the store's database waits for a lock.
func awaitBlocked(t *testing.T, store *Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		var blocked int
		err := store.readers.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`).Scan(&blocked)
		return err == nil && blocked > 0
	}, 10*time.Second, time.Millisecond)
}

// One transaction in ten is undone by the server because of a conflict, at its first
// statement or at its COMMIT. All are done again, and applied once.
func TestConflictsAreDoneAgain(t *testing.T) {
	for name, trigger := range map[string]string{
		"in the first statement": "CREATE TRIGGER chance BEFORE UPDATE ON projection FOR EACH ROW EXECUTE FUNCTION chance()",
		"at the COMMIT": `CREATE CONSTRAINT TRIGGER chance AFTER UPDATE ON projection DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION chance()`,
	} {
		for _, code := range []string{codeSerialization, codeDeadlock} {
			t.Run(name+" "+code, func(t *testing.T) {
				const runs = 100
				store, _ := openNew(t)
				p := newProjector(t, store, 63, faultRun*runs)
				execute(t, store, "CREATE SEQUENCE tries")
				execute(t, store, `CREATE FUNCTION chance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF nextval('tries') % 10 = 0 THEN RAISE EXCEPTION 'by chance' USING ERRCODE = '`+code+`'; END IF;
					RETURN NEW; END $$`)
				execute(t, store, trigger)
				for range runs {
					require.NoError(t, p.step(t.Context()))
				}
				require.EqualValues(t, faultRun*runs, persistencetest.RequireHistory(t, store, p.history))
				var tries int
				require.NoError(t, store.readers.QueryRow(t.Context(), "SELECT last_value FROM tries").Scan(&tries))
				require.Greater(t, tries, runs+runs/20, "nothing was undone")
			})
		}
	}
}

// A conflict that does not end is an error after a number of attempts.
func TestEndlessConflictsEnd(t *testing.T) {
	store, _ := openNew(t)
	p := newProjector(t, store, 64, faultRun)
	execute(t, store, `CREATE FUNCTION always() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		RAISE EXCEPTION 'always' USING ERRCODE = '40001'; END $$`)
	execute(t, store, "CREATE TRIGGER always BEFORE UPDATE ON projection FOR EACH ROW EXECUTE FUNCTION always()")
	require.ErrorContains(t, p.step(t.Context()), "always")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.step(ended), context.Canceled)
	execute(t, store, "DROP TRIGGER always ON projection")
	require.NoError(t, p.step(t.Context()))
	require.EqualValues(t, faultRun, persistencetest.RequireHistory(t, store, p.history))
}

// A server that crashes between runs and comes back has every run that was reported as
// applied, and the store goes on without being opened again.
func TestTheServerCrashes(t *testing.T) {
	const crashes, runs = 3, 10
	server := testserver.StartPostgres(t)
	store, err := Open(t.Context(), server.NewDatabase(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	p := newProjector(t, store, 65, faultRun*crashes*(runs+1))
	for range crashes {
		for range runs {
			require.NoError(t, p.step(t.Context()))
		}
		server.Stop(t, "immediate")
		require.Error(t, p.step(t.Context()))
		_, err := store.Position(t.Context())
		require.Error(t, err)
		server.Start(t)
		require.Eventually(t, func() bool { return store.Ping(t.Context()) == nil }, 10*time.Second, time.Millisecond)
		require.Equal(t, p.at, persistencetest.RequireHistory(t, store, p.history), "a run that was reported as applied is lost")
		require.NoError(t, p.step(t.Context()))
	}
}

// Reads find their connections dead after a restart of the server, and do not show it.
func TestReadsOutliveTheirConnections(t *testing.T) {
	store, address := openNew(t)
	p := newProjector(t, store, 69, 20*faultRun)
	for range 20 {
		require.NoError(t, p.step(t.Context()))
	}
	reads := map[string]func() error{
		"one row": func() error { _, err := store.Position(t.Context()); return err },
		"a page": func() error {
			found, err := store.Orders(t.Context(), persistence.OrderFilter{Limit: 100})
			ids := make(map[[16]byte]bool)
			for _, order := range found {
				ids[order.ID] = true
			}
			if len(found) == 0 || len(ids) != len(found) {
				return fmt.Errorf("%d orders, %d different ones: %w", len(found), len(ids), err)
			}
			return err
		},
	}
	killer, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, killer.Close(t.Context())) }()
	const others = "FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				var connections []*pgxpool.Conn
				for range readersMax {
					connection, err := store.readers.Acquire(t.Context())
					require.NoError(t, err)
					connections = append(connections, connection)
				}
				for _, connection := range connections {
					connection.Release()
				}
				_, err := killer.Exec(t.Context(), "SELECT pg_terminate_backend(pid) "+others)
				require.NoError(t, err)
				require.Eventually(t, func() bool {
					var left int
					return killer.QueryRow(t.Context(), "SELECT count(*) "+others).Scan(&left) == nil && left == 0
				}, 10*time.Second, time.Millisecond)
				require.NoError(t, read())
			}
		})
	}
}

// Another session holds a lock, or a statement never ends: Project returns an error in
// its bounded time, has changed nothing, and succeeds when the trouble is over.
func TestALockOrAStatementThatNeverEnds(t *testing.T) {
	for name, test := range map[string]struct{ setting, begin, end, code string }{
		"a lock": {"lock_timeout", "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", "ROLLBACK", "55P03"},
		"a statement": {"statement_timeout", `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
			CREATE TRIGGER slow BEFORE INSERT ON stock_movements FOR EACH ROW EXECUTE FUNCTION slow()`,
			"DROP TRIGGER slow ON stock_movements", "57014"},
	} {
		t.Run(name, func(t *testing.T) {
			_, address := openNew(t)
			store := openAt(t, with(t, address, func(u *url.URL) { u.RawQuery += "&" + test.setting + "=50ms" }))
			p := newProjector(t, store, 66, 2*faultRun)
			other, err := pgx.Connect(t.Context(), address)
			require.NoError(t, err)
			defer func() { require.NoError(t, other.Close(t.Context())) }()
			require.NoError(t, p.step(t.Context()))
			_, err = other.Exec(t.Context(), test.begin)
			require.NoError(t, err)
			limited, cancel := context.WithTimeout(t.Context(), lockMax)
			defer cancel()
			err = p.step(limited)
			require.Equal(t, test.code, codeOf(err), err)
			require.Equal(t, name == "a statement", errors.Is(err, context.DeadlineExceeded), "a run that takes too long is told from one that waits")
			require.NoError(t, limited.Err(), "Project did not return by itself")
			_, err = other.Exec(t.Context(), test.end)
			require.NoError(t, err)
			require.EqualValues(t, faultRun, persistencetest.RequireHistory(t, store, p.history))
			require.NoError(t, p.step(t.Context()))
			require.EqualValues(t, 2*faultRun, persistencetest.RequireHistory(t, store, p.history))
		})
	}
}

// A network through which nothing passes holds a caller up no longer than its context
// lasts.
func TestAStalledNetwork(t *testing.T) {
	_, direct := openNew(t)
	proxy, address := throughProxy(t, direct)
	p := newProjector(t, openAt(t, address), 67, 2*faultRun)
	require.NoError(t, p.step(t.Context()))
	proxy.Stall(true)
	limited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.step(limited), context.DeadlineExceeded)
	_, err := p.store.Position(limited)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	proxy.Stall(false)
	require.EqualValues(t, faultRun, persistencetest.RequireHistory(t, p.store, p.history))
	require.NoError(t, p.step(t.Context()))
}

// Readers and writers that have taken all their connections keep nobody from projecting.
func TestTheProjectionHasItsOwnConnections(t *testing.T) {
	store, _ := openNew(t)
	p := newProjector(t, store, 68, faultRun)
	take := func(pool *pgxpool.Pool, connections int) {
		for range connections {
			connection, err := pool.Acquire(t.Context())
			require.NoError(t, err)
			t.Cleanup(connection.Release)
		}
	}
	take(store.readers, readersMax)
	take(store.writers, writersMax)
	limited, cancel := context.WithTimeout(t.Context(), acquireMax)
	defer cancel()
	require.NoError(t, p.step(limited))
	_, err := store.PurgeKeys(limited, 1, 1)
	require.NoError(t, err)
}

// A server that waits for a standby, and is told to wait no longer, answers COMMIT all the
// same: it is on one machine only. That is no word to rest on, nor is what can be read then,
// until a later transaction has reached the standby.
func TestACommitThatNoStandbyHasIsNotReported(t *testing.T) {
	server := testserver.StartPostgres(t)
	address := server.NewDatabase(t)
	store, err := Open(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	p := newProjector(t, store, 70, 2*faultRun)
	other, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close(t.Context())) }()
	run := func(statement string) {
		_, err := other.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	standbys := func(names string) {
		run("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'")
		run("SELECT pg_reload_conf()")
	}
	// impatiently calls what waits for a standby, and ends every wait.
	impatiently := func(call func() error) error {
		answer := make(chan error, 1)
		go func() { answer <- call() }()
		var answered error
		require.Eventually(t, func() bool {
			run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
			select {
			case answered = <-answer:
				return true
			default:
				return false
			}
		}, 10*time.Second, time.Millisecond)
		return answered
	}
	defer standbys("") // else the database could not be dropped
	standbys("nobody")
	require.Eventually(t, func() bool { // the server takes note of it a moment later
		limited, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := store.readers.Exec(limited, "UPDATE projection SET one = one")
		return err != nil
	}, 10*time.Second, time.Millisecond)

	require.ErrorIs(t, impatiently(func() error { return p.step(t.Context()) }), errUncertain)
	_, to, _ := p.history.Run(0, faultRun)
	position := func() error {
		_, err := store.Position(t.Context())
		return err
	}
	require.ErrorIs(t, impatiently(position), errUncertain, "what no standby has was read as the position")
	standbys("")
	// The server takes note of this too a moment later.
	require.Eventually(t, func() bool { return impatiently(position) == nil }, 10*time.Second, time.Millisecond)
	found, err := store.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, to, found)
	p.at = to.Sequence
	require.NoError(t, p.step(t.Context()))
	require.Equal(t, p.at, persistencetest.RequireHistory(t, store, p.history))
}
