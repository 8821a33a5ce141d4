package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"holdfast/internal/walk"
	"holdfast/inventory"
	"holdfast/migrations"
	"holdfast/persistence"
)

var _ persistence.Store = (*Store)(nil)

// Store is a [persistence.Store] in a Postgres database. It may be used by many
// goroutines, and by several processes.
type Store struct {
	address                      string
	config                       *pgxpool.Config
	projectors, writers, readers *pgxpool.Pool
	careless                     bool
	// dialect has the migrations.
	dialect fs.FS
	// claimed is what Claim keeps, nil before it.
	claimed *claim
	// unsettled says that a COMMIT got no answer which could be asked after: what can be
	// read may not be where the server keeps what it reports.
	unsettled atomic.Bool
	// settling is held by the one who reads the position in spite of that.
	settling sync.Mutex

	// What the purges walk through: keys, orders, and the products of movements.
	purgedKeys                    walk.Walk[inventory.Fingerprint]
	purgedOrders, purgedMovements walk.Walk[inventory.ID]
}

// Option changes how a Store is opened.
type Option func(*options)

type options struct{ careless bool }

// Careless accepts servers that may lose what they said to have stored. It is for
// throwaway servers of tests.
func Careless() Option { return func(o *options) { o.careless = true } }

// New returns a store for the database at the address, which is of the form
// postgres://user:password@host:port/database. It connects when it has to; [Store.Prepare]
// has to come before the first use. The error has no password in it.
func New(ctx context.Context, address string, with ...Option) (*Store, error) {
	config, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	var o options
	for _, option := range with {
		option(&o)
	}
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		return checkServer(ctx, connection, o.careless)
	}
	config.ConnConfig.OnNotice = keepWarning
	s := &Store{address: address, config: config, careless: o.careless, dialect: migrations.Postgres}
	if err := s.makePools(ctx); err != nil {
		return nil, errors.Join(s.refusal(err), s.Close())
	}
	return s, nil
}

// Prepare connects and brings the schema up to date. It returns an error, without the
// password, when the server cannot be reached, for which see [IsAway], or must not be
// used: a version before 14, another encoding than UTF8, a standby, a server whose
// settings let it lose commits, or a schema of a newer program.
func (s *Store) Prepare(ctx context.Context) error {
	return s.alone(ctx, func(connection *pgx.Conn) error {
		if err := s.migrate(ctx, connection); err != nil {
			return err
		}
		return addWords(ctx, connection)
	})
}

// refusal says which database an error is about, without its password.
func (s *Store) refusal(err error) error {
	parsed, _ := url.Parse(s.address) // parseAddress has
	return fmt.Errorf("open the database %s: %w", where(s.config), redacted{err, redact(err.Error(), parsed)})
}

// Open is New and Prepare.
func Open(ctx context.Context, address string, with ...Option) (*Store, error) {
	s, err := New(ctx, address, with...)
	if err != nil {
		return nil, err
	}
	if err := s.Prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// redacted is an error whose text has no password in it.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }

func (s *Store) makePools(ctx context.Context) (err error) {
	if s.projectors, err = pgxpool.NewWithConfig(ctx, projectorsPool(s.config)); err != nil {
		return err
	}
	if s.writers, err = pgxpool.NewWithConfig(ctx, pool(s.config, writersMax)); err != nil {
		return err
	}
	s.readers, err = pgxpool.NewWithConfig(ctx, pool(s.config, readersMax))
	return err
}

// acquire waits for a connection.
func acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, acquireMax)
	defer cancel()
	connection, err := pool.Acquire(limited)
	if err != nil {
		return nil, fmt.Errorf("get a connection: %w", err)
	}
	return connection, nil
}

// step bounds the wait for one answer of the server.
func step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, stepMax)
}

// one reads the single row of a query with scan. No row is ErrNotFound.
func (s *Store) one(ctx context.Context, scan func(pgx.Row) error, text string, arguments ...any) error {
	return s.read(ctx, func(limited context.Context, connection *pgx.Conn) (bool, error) {
		return false, scan(connection.QueryRow(limited, text, arguments...))
	})
}

// each calls visit with every row of a query that returns a page.
func (s *Store) each(ctx context.Context, visit func(pgx.Row) error, text string, arguments ...any) error {
	return s.read(ctx, func(limited context.Context, connection *pgx.Conn) (visited bool, err error) {
		err = eachRow(limited, connection, func(row pgx.Row) error {
			visited = true
			return visit(row)
		}, text, arguments...)
		return visited, err
	})
}

// read runs a query. When it had visited no row, and its connection turned out to be dead,
// as all are after a restart of the server, it runs once more on a new one.
func (s *Store) read(ctx context.Context, query func(context.Context, *pgx.Conn) (visited bool, err error)) error {
	dead, err := s.tryRead(ctx, query)
	if dead {
		s.readers.Reset()
		_, err = s.tryRead(ctx, query)
	}
	return translate(err)
}

func (s *Store) tryRead(ctx context.Context, query func(context.Context, *pgx.Conn) (bool, error)) (dead bool, err error) {
	connection, err := acquire(ctx, s.readers)
	if err != nil {
		return false, err
	}
	defer connection.Release()
	limited, cancel := step(ctx)
	defer cancel()
	visited, err := query(limited, connection.Conn())
	return err != nil && !visited && limited.Err() == nil && connection.Conn().IsClosed(), err
}

// all calls visit with every row of a query that may return a whole table.
func (s *Store) all(ctx context.Context, visit func(pgx.Row) error, text string, arguments ...any) error {
	connection, err := acquire(ctx, s.readers)
	if err != nil {
		return err
	}
	defer connection.Release()
	limited, cancel := context.WithTimeout(ctx, visitMax)
	defer cancel()
	t := &transaction{ctx: limited, connection: connection.Conn()}
	err = t.send(func(batch *pgx.Batch) {
		batch.Queue("SELECT set_config('statement_timeout', $1, true)", milliseconds(visitMax))
	})
	if err == nil {
		err = eachRow(limited, t.connection, visit, text, arguments...)
	}
	t.rollback()
	return translate(err)
}

func eachRow(ctx context.Context, connection *pgx.Conn, visit func(pgx.Row) error, text string, arguments ...any) error {
	rows, err := connection.Query(ctx, text, arguments...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Ping asks the server for the position.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Position(ctx)
	return err
}

// Close waits for work in progress, gives up the claim, and closes all connections.
func (s *Store) Close() error {
	if s.claimed != nil {
		s.claimed.release()
	}
	for _, pool := range []*pgxpool.Pool{s.readers, s.writers, s.projectors} {
		if pool != nil {
			pool.Close()
		}
	}
	return nil
}
