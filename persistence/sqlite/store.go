package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver

	"holdfast/internal/walk"
	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// readersMax is how many queries run at a time. More wait their turn.
	readersMax = 8
	// fileMode lets only the program's own account read addresses and hashes.
	// SQLite gives its side files the same mode.
	fileMode = 0o600
)

// Settings of every connection. SQLite waits busy_timeout milliseconds for a
// lock; only another process can hold one for long. A negative cache_size is in
// KiB. The log is copied back into the file every wal_autocheckpoint pages of
// 4 KiB: rarely enough that a page which several transactions change is copied
// once.
var (
	settings       = []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "temp_store(MEMORY)"}
	writerSettings = []string{"cache_size(-65536)", "wal_autocheckpoint(8192)", "journal_size_limit(67108864)"}
	readerSettings = []string{"cache_size(-8192)", "query_only(ON)"}
)

var _ persistence.Store = (*Store)(nil)

// Store is a [persistence.Store] in one file. It may be used by many goroutines.
type Store struct {
	writer  *sql.DB
	readers *sql.DB
	bulk    *bulkStatements

	// prepared keeps the readers' statements by their text, which is one of a few
	// constants.
	mutex    sync.Mutex
	prepared map[string]*sql.Stmt
	// What the purges walk through: keys, orders, and the products of movements.
	purgedKeys                    walk.Walk[inventory.Fingerprint]
	purgedOrders, purgedMovements walk.Walk[inventory.ID]

	closing sync.Once
	closed  error
}

// Open opens the file at path, creating it if it is missing, and brings its
// schema up to date. Only one process may have it open; the caller holds a lock
// for that.
func Open(ctx context.Context, path string) (*Store, error) {
	store, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	return store, nil
}

func open(ctx context.Context, path string) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", source(path, "immediate", writerSettings))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	readers, err := sql.Open("sqlite", source(path, "deferred", readerSettings))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	readers.SetMaxOpenConns(readersMax)
	readers.SetMaxIdleConns(readersMax)
	s := &Store{writer: writer, readers: readers, prepared: make(map[string]*sql.Stmt)}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(translate(err), readers.Close(), writer.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.writer); err != nil {
		return err
	}
	bulk, err := prepareBulk(ctx, s.writer)
	if err != nil {
		return err
	}
	s.bulk = bulk
	return s.addWords(ctx)
}

// createFile makes an empty file with fileMode and makes its name durable. A
// file that is there is left alone.
func createFile(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// source returns the driver's name for a connection to path.
func source(path, lock string, more []string) string {
	query := url.Values{"_txlock": {lock}}
	for _, setting := range append(append([]string{}, settings...), more...) {
		query.Add("_pragma", setting)
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return name.String()
}

// read returns the readers' statement for one of this package's constant texts.
func (s *Store) read(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mutex.Lock()
	statement := s.prepared[text]
	s.mutex.Unlock()
	if statement != nil {
		return statement, nil
	}
	statement, err := s.readers.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if other := s.prepared[text]; other != nil {
		return other, statement.Close()
	}
	s.prepared[text] = statement
	return statement, nil
}

// query runs one of this package's constant texts on a reader.
func (s *Store) query(ctx context.Context, text string, arguments ...any) (*sql.Rows, error) {
	statement, err := s.read(ctx, text)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, arguments...)
}

// one reads the single row of a query with scan. No row is ErrNotFound.
func (s *Store) one(ctx context.Context, scan func(scanner) error, text string, arguments ...any) error {
	statement, err := s.read(ctx, text)
	if err != nil {
		return translate(err)
	}
	return translate(scan(statement.QueryRowContext(ctx, arguments...)))
}

// each visits the rows of a query.
func (s *Store) each(ctx context.Context, visit func(scanner) error, text string, arguments ...any) error {
	rows, err := s.query(ctx, text, arguments...)
	if err != nil {
		return translate(err)
	}
	return visitRows(rows, visit)
}

// eachOfAll is each for a query that reads whole tables, once: its connection does not
// keep the pages that happened to be the last.
func (s *Store) eachOfAll(ctx context.Context, visit func(scanner) error, text string, arguments ...any) (err error) {
	connection, err := s.readers.Conn(ctx)
	if err != nil {
		return translate(err)
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	rows, err := connection.QueryContext(ctx, text, arguments...)
	if err != nil {
		return translate(err)
	}
	if err := visitRows(rows, visit); err != nil {
		return err
	}
	_, err = connection.ExecContext(ctx, "PRAGMA shrink_memory")
	return translate(err)
}

func visitRows(rows *sql.Rows, visit func(scanner) error) (err error) {
	defer func() { err = translate(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// write runs work in one transaction of the writer.
func (s *Store) write(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	if err := work(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		return translate(err)
	}
	return translate(tx.Commit())
}

// Ping asks the file for its position.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Position(ctx)
	return err
}

// Close copies the log into the file and closes it. Work in progress ends first.
func (s *Store) Close() error {
	s.closing.Do(func() {
		err := s.readers.Close()
		_, checkpoint := s.writer.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
		if err := errors.Join(err, checkpoint, s.writer.Close()); err != nil {
			s.closed = fmt.Errorf("close the database: %w", err)
		}
	})
	return s.closed
}
