package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"holdfast/migrations"
	"holdfast/persistence"
)

// Backup copies the database at path, as it is at one moment, into a new file, and
// returns the projection's position in the copy and the version of its schema, which is
// the newest. Another process may have the database
// open and write to it. The copy is checked and synced. The error wraps
// [persistence.ErrCorrupt] when the copy has damage, and so what was copied.
func Backup(ctx context.Context, path, target string) (position persistence.Position, schema int64, err error) {
	if err := copyInto(ctx, path, target); err != nil {
		return position, 0, fmt.Errorf("copy the database %s: %w", path, err)
	}
	copied, err := Open(ctx, target)
	if err != nil {
		return position, 0, err
	}
	defer func() { err = errors.Join(err, copied.Close(), syncFile(target)) }()
	if err := copied.check(ctx); err != nil {
		return position, 0, fmt.Errorf("check the copy %s: %w", target, err)
	}
	all, err := listMigrations(ctx, copied.writer)
	if err != nil {
		return position, 0, fmt.Errorf("read the schema of the copy %s: %w", target, err)
	}
	position, err = copied.Position(ctx)
	return position, migrations.Version(all), err
}

// copyInto writes the rows of one transaction into a new file.
func copyInto(ctx context.Context, path, target string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if err := createFile(target); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", source(path, "deferred", nil))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", target)
	return translate(err)
}

// check looks for damage in every page.
func (s *Store) check(ctx context.Context) error {
	var found string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return translate(err)
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", persistence.ErrCorrupt, found)
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
