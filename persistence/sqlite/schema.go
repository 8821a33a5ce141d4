package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"

	"holdfast/migrations"
)

const (
	selectHasSchema = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version'"
	selectApplied   = "SELECT version_id, unixepoch(tstamp) FROM goose_db_version WHERE is_applied AND version_id > 0"
)

// exclusiveSettings are those of a connection that has the file for itself from its first
// transaction on.
var exclusiveSettings = []string{"locking_mode(EXCLUSIVE)"}

// Schema is the schema of the file at a path. [Open] brings it up to date by itself: this
// is for whoever wants to look at it, or to have an older one. The caller holds a lock
// for everything but a look.
type Schema struct{ path string }

// NewSchema returns the schema of the file at path, which may be missing.
func NewSchema(path string) *Schema { return &Schema{path: path} }

// Migrations lists all migrations, ascending, and changes nothing. The error wraps
// [migrations.ErrNewer] for a file of a newer program.
func (s *Schema) Migrations(ctx context.Context) (all []migrations.Migration, err error) {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return migrations.List(migrations.SQLite, nil)
	}
	err = s.with(readerSettings, "deferred", func(db *sql.DB) error {
		all, err = listMigrations(ctx, db)
		return err
	})
	return all, err
}

// MigrateUp applies what is pending, as [Open] does, and returns it.
func (s *Schema) MigrateUp(ctx context.Context) ([]migrations.Migration, error) {
	before, err := s.Migrations(ctx)
	if err != nil {
		return nil, err
	}
	store, err := Open(ctx, s.path)
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	after, err := s.Migrations(ctx)
	return migrations.Between(before, after), err
}

// MigrateDown undoes the migration that was applied last, and returns it. It refuses a
// file that another connection has open.
func (s *Schema) MigrateDown(ctx context.Context) (last migrations.Migration, err error) {
	all, err := s.Migrations(ctx)
	if err != nil {
		return last, err
	}
	if last, err = migrations.Undoable(all); err != nil {
		return last, fmt.Errorf("undo a migration of %s: %w", s.path, err)
	}
	return last, s.with(exclusiveSettings, "immediate", func(db *sql.DB) error {
		db.SetMaxOpenConns(1)
		if err := takeAlone(ctx, db); err != nil {
			return err
		}
		provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite)
		if err != nil {
			return fmt.Errorf("read the migrations: %w", err)
		}
		_, err = provider.Down(ctx)
		return err
	})
}

// with opens a connection to the file for work.
func (s *Schema) with(settings []string, lock string, work func(*sql.DB) error) (err error) {
	path, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", source(path, lock, settings))
	if err != nil {
		return err
	}
	if err := errors.Join(work(db), db.Close()); err != nil {
		return fmt.Errorf("the database %s: %w", path, translate(err))
	}
	return nil
}

// takeAlone locks the file, for as long as the only connection of db is open.
func takeAlone(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if isBusy(err) {
		return fmt.Errorf("another program has it open; end that one first: %w", err)
	}
	if err != nil {
		return err
	}
	return tx.Rollback()
}

// listMigrations returns all migrations with what the database says about them.
func listMigrations(ctx context.Context, db *sql.DB) ([]migrations.Migration, error) {
	var tables int
	if err := db.QueryRowContext(ctx, selectHasSchema).Scan(&tables); err != nil {
		return nil, fmt.Errorf("look for a schema: %w", err)
	}
	applied := make(map[int64]time.Time)
	if tables == 0 {
		return migrations.List(migrations.SQLite, applied)
	}
	rows, err := db.QueryContext(ctx, selectApplied)
	if err != nil {
		return nil, fmt.Errorf("read the version of the schema: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var version, seconds int64
		if err := rows.Scan(&version, &seconds); err != nil {
			return nil, fmt.Errorf("read the version of the schema: %w", err)
		}
		applied[version] = time.Unix(seconds, 0).UTC()
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the version of the schema: %w", err)
	}
	return migrations.List(migrations.SQLite, applied)
}

// migrate applies the migrations that the file does not have yet. It refuses a
// file that a newer version of the program has migrated.
func migrate(ctx context.Context, db *sql.DB) error {
	if _, err := listMigrations(ctx, db); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	return nil
}
