package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"holdfast/migrations"
	"holdfast/persistence"
	"holdfast/persistence/postgres"
	"holdfast/persistence/sqlite"
)

// The kinds of databases, as a manifest has them.
const (
	databaseSQLite   = "sqlite"
	databasePostgres = "postgres"
)

// copiedDatabase is what a backup has of a database.
type copiedDatabase struct {
	kind     string
	schema   int64
	position persistence.Position
}

// databaseCopier copies the configured database out of where it is, and back.
type databaseCopier interface {
	kind() string
	// copyOut puts the database, as it is at one moment, into a backup's folder.
	copyOut(ctx context.Context, folder string) (copiedDatabase, error)
	// refuse returns an error when a copy with that schema cannot go where the database
	// belongs, because something is there or the schema is newer than the program.
	refuse(ctx context.Context, schema int64) error
	// copyIn puts what a backup's folder has to where the database belongs. The last of
	// its steps makes all of it visible.
	copyIn(ctx context.Context, folder string) error
	Close() error
}

// newDatabaseCopier returns the copier of the configured database.
func (p *program) newDatabaseCopier(ctx context.Context, directory *dataDirectory) (databaseCopier, error) {
	address, err := p.options.databaseURL()
	if err != nil {
		return nil, err
	}
	if address == "" {
		return &fileCopier{directory}, nil
	}
	store, err := postgres.New(ctx, address)
	if err != nil {
		return nil, err
	}
	return &serverCopier{store}, nil
}

// fileCopier copies the database of the data directory.
type fileCopier struct{ directory *dataDirectory }

// restoringSuffix marks a file that is not whole yet.
const restoringSuffix = ".restoring"

func (c *fileCopier) kind() string { return databaseSQLite }
func (c *fileCopier) Close() error { return nil }

func (c *fileCopier) copyOut(ctx context.Context, folder string) (copiedDatabase, error) {
	path := c.directory.database()
	there, err := isThere(path)
	if err == nil && !there {
		err = usagef("%s has no database: name the data directory with --data-dir, or the database with DATABASE_URL", c.directory.path)
	}
	if err != nil {
		return copiedDatabase{}, err
	}
	position, schema, err := sqlite.Backup(ctx, path, filepath.Join(folder, backupFile))
	return copiedDatabase{databaseSQLite, schema, position}, err
}

// files are all that a database may consist of: SQLite would take a side file that stayed
// behind for a part of the restored one.
func (c *fileCopier) files() []string {
	path := c.directory.database()
	return []string{path, path + "-wal", path + "-shm", path + "-journal"}
}

// refuse lets a restore of the database alone go on that was cut off: what is there then is
// a restore's, since it began when there was nothing.
func (c *fileCopier) refuse(_ context.Context, schema int64) error {
	cutOff, err := c.directory.hasMark(restoringDatabase)
	if err != nil {
		return err
	}
	for _, path := range c.files() {
		there, err := isThere(path)
		if err == nil && there && !cutOff {
			err = usagef("%s is there, and a restore replaces nothing: move it away", path)
		}
		if err != nil {
			return err
		}
	}
	known, err := migrations.List(migrations.SQLite, nil)
	if err != nil {
		return err
	}
	if newest := known[len(known)-1].Version; schema > newest {
		return fmt.Errorf("%w: the backup has version %d and this program knows %d: use the newer program", migrations.ErrNewer, schema, newest)
	}
	return nil
}

func (c *fileCopier) copyIn(_ context.Context, folder string) error {
	restoring := c.directory.database() + restoringSuffix
	// A restore of the database alone that was cut off has left a part of it, or all.
	for _, path := range append(c.files(), restoring) {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := copyFile(filepath.Join(folder, backupFile), restoring); err != nil {
		return err
	}
	return rename(restoring, c.directory.database())
}

// serverCopier copies the database of a Postgres server.
type serverCopier struct{ store *postgres.Store }

func (c *serverCopier) kind() string { return databasePostgres }
func (c *serverCopier) Close() error { return c.store.Close() }

func (c *serverCopier) copyOut(ctx context.Context, folder string) (copiedDatabase, error) {
	position, schema, err := c.store.CopyTo(ctx, filepath.Join(folder, backupTables))
	return copiedDatabase{databasePostgres, schema, position}, err
}

func (c *serverCopier) refuse(ctx context.Context, schema int64) error {
	return c.store.RefuseOccupied(ctx, schema)
}

func (c *serverCopier) copyIn(ctx context.Context, folder string) error {
	_, err := c.store.CopyFrom(ctx, filepath.Join(folder, backupTables))
	// Whoever opens the database next finds no claim.
	return errors.Join(err, c.store.Close())
}

// refusePath refuses a name that has something.
func refusePath(path string) error {
	there, err := isThere(path)
	if err == nil && there {
		err = usagef("%s is there: restore into an empty data directory, and move what is in this one away", path)
	}
	return err
}
