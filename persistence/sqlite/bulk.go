package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"holdfast/inventory"
	"holdfast/persistence"
)

// bulkSizes are how many rows one statement takes, largest first. Of any number
// of rows, all but the last few go into the largest statement.
var bulkSizes = [...]int{128, 16, 1}

// bulk is one statement over many rows, prepared on the writer for each of
// bulkSizes.
type bulk struct {
	columns  int
	prepared [len(bulkSizes)]*sql.Stmt
}

// bulkStatements are the statements that write and load many rows.
type bulkStatements struct {
	users, ensuredUsers, products, words, orders, continued, items, countedItems, changedItems, movements, stock, keys bulk
	loadStock, loadOrders                                                                                              bulk
	purgedItems, purgedKeys, purgedChangeKeys, purgedOrders                                                            bulk
}

// rowsPlace is where the text of a bulk statement has its rows of parameters.
const rowsPlace = "@rows"

func prepareBulk(ctx context.Context, db *sql.DB) (*bulkStatements, error) {
	b := &bulkStatements{}
	return b, errors.Join(
		b.users.prepare(ctx, db, 7, insertUsers),
		b.ensuredUsers.prepare(ctx, db, 7, ensureUsers),
		b.products.prepare(ctx, db, 19, insertProducts),
		b.words.prepare(ctx, db, 3, insertWords),
		b.orders.prepare(ctx, db, 10, insertOrders),
		b.continued.prepare(ctx, db, 7, updateOrders),
		b.items.prepare(ctx, db, 6, insertItems),
		b.countedItems.prepare(ctx, db, 11, insertCountedItems),
		b.changedItems.prepare(ctx, db, 5, updateItems),
		b.movements.prepare(ctx, db, 15, insertMovements),
		b.stock.prepare(ctx, db, 6, upsertStock),
		b.keys.prepare(ctx, db, 5, upsertKeys),
		b.loadStock.prepare(ctx, db, 1, selectStock),
		b.loadOrders.prepare(ctx, db, 1, selectStates),
		b.purgedItems.prepare(ctx, db, 1, deletePurgedItems),
		b.purgedKeys.prepare(ctx, db, 2, deletePurgedKeys),
		b.purgedChangeKeys.prepare(ctx, db, 1, deletePurgedChangeKeys),
		b.purgedOrders.prepare(ctx, db, 1, deletePurgedOrders),
	)
}

func (b *bulk) prepare(ctx context.Context, db *sql.DB, columns int, text string) error {
	b.columns = columns
	row := "(" + strings.Repeat("?, ", columns-1) + "?)"
	for i, size := range bulkSizes {
		rows := strings.Repeat(row+", ", size-1) + row
		statement, err := db.PrepareContext(ctx, strings.Replace(text, rowsPlace, rows, 1))
		if err != nil {
			return err
		}
		b.prepared[i] = statement
	}
	return nil
}

// each calls run with a statement and its arguments until all rows have been
// named. appendRow appends the parameters of row i.
func (b *bulk) each(ctx context.Context, tx *sql.Tx, rows int, appendRow func(arguments []any, i int) []any,
	run func(statement *sql.Stmt, arguments []any) error) error {
	arguments := make([]any, 0, min(rows, bulkSizes[0])*b.columns)
	done := 0
	for i, size := range bulkSizes {
		if rows-done < size {
			continue
		}
		statement := tx.StmtContext(ctx, b.prepared[i])
		for ; rows-done >= size; done += size {
			arguments = arguments[:0]
			for row := done; row < done+size; row++ {
				arguments = appendRow(arguments, row)
			}
			if err := run(statement, arguments); err != nil {
				return err
			}
		}
	}
	return nil
}

// write changes rows.
func (b *bulk) write(ctx context.Context, tx *sql.Tx, rows int, appendRow func(arguments []any, i int) []any) error {
	return b.each(ctx, tx, rows, appendRow, func(statement *sql.Stmt, arguments []any) error {
		_, err := statement.ExecContext(ctx, arguments...)
		return err
	})
}

// change changes rows that are there, each row once. A row that is not there is
// ErrCorrupt.
func (b *bulk) change(ctx context.Context, tx *sql.Tx, rows int, appendRow func(arguments []any, i int) []any) error {
	missing := int64(rows)
	err := b.each(ctx, tx, rows, appendRow, func(statement *sql.Stmt, arguments []any) error {
		result, err := statement.ExecContext(ctx, arguments...)
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		missing -= changed
		return err
	})
	if err == nil && missing != 0 {
		err = fmt.Errorf("%w: %d of %d rows are not there", persistence.ErrCorrupt, missing, rows)
	}
	return err
}

// load reads the rows with those IDs.
func (b *bulk) load(ctx context.Context, tx *sql.Tx, ids []inventory.ID, scan func(scanner) error) error {
	appendID := func(arguments []any, i int) []any { return append(arguments, ids[i][:]) }
	return b.each(ctx, tx, len(ids), appendID, func(statement *sql.Stmt, arguments []any) (err error) {
		rows, err := statement.QueryContext(ctx, arguments...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
