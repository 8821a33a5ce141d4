package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/migrations"
	"holdfast/persistence"
)

// A copy of the database is a folder with one file for each table, in the text format of
// COPY, and tables.json, which says what is in them. psql's \copy reads the files too.
const (
	tablesName = "tables.json"
	copySuffix = ".copy"
	// tablesBytesMax bounds what is read as tables.json.
	tablesBytesMax  = 1 << 20
	copyBufferBytes = 1 << 20
	// tableMax is how long one table may take.
	tableMax = 6 * time.Hour
	// The files have password hashes.
	privateFile, privateFolder = 0o600, 0o700
)

// tables are all tables of the schema, and of every older one. The position comes last.
var tables = []string{"users", "sessions", "api_keys", "audit", "audit_head", "products", "orders", "order_items", "stock", "stock_movements", "idempotency_keys", "projection"}

// copied says what is in the folder of a copy.
type copied struct {
	// Schema is the version of the schema.
	Schema int64         `json:"schema"`
	Tables []copiedTable `json:"tables"`
}

// copiedTable is a table with its columns as they were, in the order of the file.
type copiedTable struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
}

func (t *copiedTable) file(folder string) string { return filepath.Join(folder, t.Name+copySuffix) }

// list returns the table with its columns, quoted.
func (t *copiedTable) list() string {
	quoted := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		quoted[i] = pgx.Identifier{column}.Sanitize()
	}
	return pgx.Identifier{t.Name}.Sanitize() + " (" + strings.Join(quoted, ", ") + ")"
}

// selectColumns are the tables that are there, with their columns.
const selectColumns = `SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
	FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, place)
	JOIN pg_class c ON c.oid = to_regclass(quote_ident(wanted.name))
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
	GROUP BY c.relname, wanted.place ORDER BY wanted.place`

// presentTables returns those of our tables that are there.
func presentTables(ctx context.Context, connection *pgx.Conn) (present []copiedTable, err error) {
	err = eachRow(ctx, connection, func(row pgx.Row) error {
		var table copiedTable
		err := row.Scan(&table.Name, &table.Columns)
		present = append(present, table)
		return err
	}, selectColumns, tables)
	if err != nil {
		return nil, fmt.Errorf("look for the tables: %w", err)
	}
	return present, nil
}

// CopyTo copies all tables, as they are at one moment, into a folder that it makes, and
// syncs them. It returns the projection's position of that moment and the version of the
// schema. Other programs may read and write meanwhile. It takes little memory; the
// database cannot clean up what is deleted or changed while it lasts.
func (s *Store) CopyTo(ctx context.Context, folder string) (position persistence.Position, schema int64, err error) {
	if err := os.Mkdir(folder, privateFolder); err != nil {
		return position, 0, err
	}
	var c copied
	err = s.alone(ctx, func(connection *pgx.Conn) error {
		all, err := s.listMigrations(ctx, connection)
		if err != nil {
			return err
		}
		if c.Schema = migrations.Version(all); c.Schema == 0 {
			return errors.New("it has no tables of this program: name the database that the server uses")
		}
		return pgx.BeginTxFunc(ctx, connection, snapshot, func(pgx.Tx) error {
			position, err = c.copyOut(ctx, connection, folder)
			return err
		})
	})
	if err != nil {
		return position, 0, fmt.Errorf("copy the database: %w", err)
	}
	return position, c.Schema, errors.Join(c.write(folder), syncFolder(folder))
}

// snapshot is a transaction that sees what was committed when it began.
var snapshot = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

func (c *copied) copyOut(ctx context.Context, connection *pgx.Conn, folder string) (position persistence.Position, err error) {
	if c.Tables, err = presentTables(ctx, connection); err != nil {
		return position, err
	}
	for i := range c.Tables {
		table := &c.Tables[i]
		if table.Rows, err = table.copyOut(ctx, connection, folder); err != nil {
			return position, fmt.Errorf("copy the table %s: %w", table.Name, err)
		}
	}
	return position, scanPosition(connection.QueryRow(ctx, selectPosition), &position)
}

func (t *copiedTable) copyOut(ctx context.Context, connection *pgx.Conn, folder string) (rows int64, err error) {
	file, err := os.OpenFile(t.file(folder), os.O_CREATE|os.O_EXCL|os.O_WRONLY, privateFile)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffer := bufio.NewWriterSize(file, copyBufferBytes)
	ctx, cancel := context.WithTimeout(ctx, tableMax)
	defer cancel()
	tag, err := connection.PgConn().CopyTo(ctx, buffer, "COPY "+t.list()+" TO STDOUT")
	if err != nil {
		return 0, err
	}
	return tag.RowsAffected(), errors.Join(buffer.Flush(), file.Sync())
}

func (c *copied) write(folder string) (err error) {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(folder, tablesName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, privateFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(append(text, '\n')); err != nil {
		return err
	}
	return file.Sync()
}

// readCopied reads what is in the folder of a copy.
func readCopied(folder string) (c copied, err error) {
	file, err := os.Open(filepath.Join(folder, tablesName))
	if err != nil {
		return c, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, tablesBytesMax))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%w: read %s: %w", persistence.ErrCorrupt, file.Name(), err)
	}
	return c, nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
