package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"holdfast/migrations"
	"holdfast/persistence"
)

// ErrNotEmpty is returned for a database that has something where a copy is to go.
// Nothing was changed.
var ErrNotEmpty = errors.New("the database is not empty: name one that was just made (createdb)")

// CopyFrom fills an empty database with a copy that [Store.CopyTo] has made, and returns
// the projection's position in it. The schema gets the version that it had, so that
// columns are what they were; the next Prepare migrates it further. Rows and position
// come in one transaction: there is all of the copy, or none. The error wraps
// [ErrNotEmpty] when there is anything in the way.
func (s *Store) CopyFrom(ctx context.Context, folder string) (position persistence.Position, err error) {
	c, err := readCopied(folder)
	if err != nil {
		return position, fmt.Errorf("read the copy of the database: %w", err)
	}
	if err := s.Claim(ctx, nil); err != nil {
		return position, err
	}
	err = s.alone(ctx, func(connection *pgx.Conn) error {
		if err := s.prepareFor(ctx, connection, c.Schema); err != nil {
			return err
		}
		return pgx.BeginFunc(ctx, connection, func(pgx.Tx) error {
			if err := c.copyIn(ctx, connection, folder); err != nil {
				return err
			}
			return scanPosition(connection.QueryRow(ctx, selectPosition), &position)
		})
	})
	if err != nil {
		return position, fmt.Errorf("fill the database: %w", err)
	}
	return position, nil
}

// RefuseOccupied returns an error that wraps [ErrNotEmpty] unless CopyFrom would fill the
// database with a copy of that schema. It changes nothing.
func (s *Store) RefuseOccupied(ctx context.Context, schema int64) error {
	return s.alone(ctx, func(connection *pgx.Conn) error {
		_, err := s.refuseOccupied(ctx, connection, schema)
		return err
	})
}

// refuseOccupied returns the version of the schema of a database that is not occupied.
func (s *Store) refuseOccupied(ctx context.Context, connection *pgx.Conn, schema int64) (version int64, err error) {
	all, err := s.listMigrations(ctx, connection)
	if err != nil {
		return 0, err
	}
	if known := all[len(all)-1].Version; schema > known {
		return 0, fmt.Errorf("%w: the copy has version %d and this program knows %d: use the newer program", migrations.ErrNewer, schema, known)
	}
	present, err := presentTables(ctx, connection)
	if err != nil {
		return 0, err
	}
	version = migrations.Version(all)
	switch {
	case version == 0 && len(present) > 0:
		return 0, fmt.Errorf("%w: it has a table %s that is not of this program", ErrNotEmpty, present[0].Name)
	case version > schema:
		return 0, fmt.Errorf("%w: its schema has version %d, and that of the copy %d", ErrNotEmpty, version, schema)
	}
	return version, refuseRows(ctx, connection, present)
}

// initialRows are the tables that have a row in an empty database too, with what is true of
// others: nothing was projected, and nothing is on record.
var initialRows = map[string]string{"projection": "sequence > 0", "audit_head": "number > 0"}

// refuseRows refuses tables that have rows.
func refuseRows(ctx context.Context, connection *pgx.Conn, present []copiedTable) error {
	for i := range present {
		text := "SELECT EXISTS (SELECT 1 FROM " + pgx.Identifier{present[i].Name}.Sanitize()
		if other, initial := initialRows[present[i].Name]; initial {
			text += " WHERE " + other
		}
		var occupied bool
		if err := connection.QueryRow(ctx, text+")").Scan(&occupied); err != nil {
			return fmt.Errorf("look for rows: %w", err)
		}
		if occupied {
			return fmt.Errorf("%w: its table %s has rows", ErrNotEmpty, present[i].Name)
		}
	}
	return nil
}

// prepareFor gives an empty database the schema of the copy.
func (s *Store) prepareFor(ctx context.Context, connection *pgx.Conn, schema int64) error {
	version, err := s.refuseOccupied(ctx, connection, schema)
	if err != nil || version == schema {
		return err
	}
	return s.withProvider(func(provider *goose.Provider) error {
		_, err := provider.UpTo(ctx, schema)
		return err
	})
}

// copyIn fills the tables, which nobody else may read or write until the end of the
// transaction, and looks again for rows that came meanwhile.
func (c *copied) copyIn(ctx context.Context, connection *pgx.Conn, folder string) error {
	present, err := presentTables(ctx, connection)
	if err != nil {
		return err
	}
	if err := c.compare(present); err != nil {
		return err
	}
	names := quotedNames(present)
	if _, err := connection.Exec(ctx, "LOCK TABLE "+names+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("lock the tables: %w", err)
	}
	if err := refuseRows(ctx, connection, present); err != nil {
		return err
	}
	for i := range c.Tables {
		if _, initial := initialRows[c.Tables[i].Name]; initial {
			if _, err := connection.Exec(ctx, "DELETE FROM "+pgx.Identifier{c.Tables[i].Name}.Sanitize()); err != nil {
				return err
			}
		}
		if err := c.Tables[i].copyIn(ctx, connection, folder); err != nil {
			return fmt.Errorf("fill the table %s: %w", c.Tables[i].Name, err)
		}
	}
	// Without statistics the first queries would be planned for empty tables.
	_, err = connection.Exec(ctx, "ANALYZE "+names)
	return err
}

// compare refuses tables that are not those of the copy.
func (c *copied) compare(present []copiedTable) error {
	same := func(a, b copiedTable) bool { return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) }
	if !slices.EqualFunc(present, c.Tables, same) {
		return fmt.Errorf("%w: its tables are not those of this program, or of another version of it", ErrNotEmpty)
	}
	return nil
}

func quotedNames(of []copiedTable) string {
	names := make([]string, len(of))
	for i := range of {
		names[i] = pgx.Identifier{of[i].Name}.Sanitize()
	}
	return strings.Join(names, ", ")
}

func (t *copiedTable) copyIn(ctx context.Context, connection *pgx.Conn, folder string) error {
	file, err := os.Open(t.file(folder))
	if err != nil {
		return err
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(ctx, tableMax)
	defer cancel()
	tag, err := connection.PgConn().CopyFrom(ctx, bufio.NewReaderSize(file, copyBufferBytes), "COPY "+t.list()+" FROM STDIN")
	if err != nil {
		return err
	}
	if tag.RowsAffected() != t.Rows {
		return fmt.Errorf("%w: the file has %d rows instead of %d", persistence.ErrCorrupt, tag.RowsAffected(), t.Rows)
	}
	return nil
}
