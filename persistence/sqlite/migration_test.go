package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/migrations"
	"holdfast/persistence"
)

// The file of the first version: one product with stock, an account, and an order
// in each of the states that there were, of two units each. Numbers stand for the
// times and sequences of what happened.
var (
	oldProduct  = inventory.ID{1}
	oldStates   = []inventory.State{inventory.Reserved, inventory.Confirmed, inventory.Cancelled, inventory.Expired}
	oldPosition = persistence.Position{Journal: inventory.ID{9}, Epoch: 1, Sequence: 7, Hash: persistence.Hash{8}}
)

func oldOrder(state inventory.State) inventory.ID { return inventory.ID{0x10, byte(state)} }

// createVersion1 makes a file as the first released schema had it, with rows in
// every table.
func createVersion1(t *testing.T, path string) {
	require.NoError(t, createFile(path))
	db, err := sql.Open("sqlite", source(path, "immediate", writerSettings))
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite)
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 1)
	require.NoError(t, err)
	insert := func(text string, arguments ...any) {
		_, err := db.ExecContext(t.Context(), text, arguments...)
		require.NoError(t, err, text)
	}
	id := func(id inventory.ID) []byte { return id[:] }
	insert("INSERT INTO users VALUES (?, 'ada@example.com', 'Ada', 'admin', '', 0, 5)", id(inventory.ID{2}))
	insert("INSERT INTO api_keys VALUES (?, 'shop', 'service', ?, 5)", id(inventory.ID{3}), make([]byte, 32))
	insert("INSERT INTO products VALUES (?, 'A', 'n', 'd', 'c', 250, 'EUR', 1, 2, 600, 3, 0, 0, 20, 4, 5, 6)", id(oldProduct))
	insert("INSERT INTO stock VALUES (?, 20, 2, 2, 8)", id(oldProduct))
	insert("INSERT INTO stock_movements VALUES (?, 1, 1, 5, NULL, 20, 0, 0, 20, 0, 0, ?, 'receipt', 'n', 5)", id(oldProduct), id(inventory.ID{2}))
	insert("INSERT INTO idempotency_keys VALUES (?, ?, 5, ?, 5)", id(inventory.ID{0x20}), id(inventory.ID{}), id(oldProduct))
	for i, state := range oldStates {
		order, key, n := oldOrder(state), inventory.ID{0x20, byte(state)}, i+2
		insert("INSERT INTO orders VALUES (?, ?, ?, 'EUR', ?, ?, ?, ?, ?, ?)", id(order), id(inventory.ID{4}), int64(state),
			n, n+100, n, id(key), id(inventory.ID{6}), n)
		insert("INSERT INTO order_items VALUES (?, ?, 2, 250, 'A', ?)", id(order), id(oldProduct), n)
		insert("INSERT INTO idempotency_keys VALUES (?, ?, 1, ?, ?)", id(key), id(inventory.ID{6}), id(order), n)
		insert("INSERT INTO stock_movements VALUES (?, ?, ?, ?, ?, 0, 2, 0, 20, 2, 0, ?, '', '', ?)", id(oldProduct), n, n, i+1,
			id(order), id(inventory.ID{4}), n)
	}
	insert("UPDATE projection SET journal = ?, epoch = 1, sequence = 7, hash = ?", oldPosition.Journal[:], oldPosition.Hash[:])
	require.NoError(t, db.Close())
}

// A file of the first version opens with all that it had, and the projection goes
// on where it stood.
func TestMigrationKeepsEveryRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	createVersion1(t, path)
	store, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	ctx := t.Context()

	position, err := store.Position(ctx)
	require.NoError(t, err)
	require.Equal(t, oldPosition, position)
	product, err := store.ProductByID(ctx, oldProduct)
	require.NoError(t, err)
	require.Equal(t, persistence.CatalogueProduct{Product: inventory.Product{ID: oldProduct, SKU: "A", Name: "n", Category: "c", HoldSeconds: 600, Safety: 3,
		Price: inventory.Money{Minor: 250, Currency: inventory.Currency{'E', 'U', 'R'}}, SaleStartsAt: 1, SaleEndsAt: 2},
		Description: "d", OpeningStock: 20, Version: 4, CreatedAt: 5, UpdatedAt: 6}, product)
	for i, state := range oldStates {
		n := inventory.Instant(i + 2)
		order, err := store.OrderByID(ctx, oldOrder(state))
		require.NoError(t, err)
		require.Equal(t, inventory.Order{ID: oldOrder(state), Customer: inventory.ID{4}, State: state, Currency: product.Price.Currency,
			PlacedAt: n, ExpiresAt: n + 100, UpdatedAt: n, Key: inventory.Fingerprint{0x20, byte(state)}, Body: inventory.Fingerprint{6},
			Sequence: uint64(n), Lines: []inventory.Line{{ProductID: oldProduct, Quantity: 2, Price: 250, SKU: "A", StockVersion: uint64(n)}}}, order)
		key, err := store.KeyByFingerprint(ctx, order.Key)
		require.NoError(t, err)
		require.Equal(t, persistence.IdempotencyKey{Key: order.Key, Body: order.Body, Kind: inventory.OrderPlaced, Subject: order.ID, At: n}, key)
	}
	require.NoError(t, store.EachProduct(ctx, func(_ persistence.CatalogueProduct, stock inventory.Stock) error {
		require.Equal(t, inventory.Stock{OnHand: 20, Reserved: 2, Committed: 2, Sold: 2, Safety: 3, Version: 8}, stock)
		return nil
	}))
	movements, err := store.Movements(ctx, persistence.MovementFilter{Product: oldProduct, Limit: 10})
	require.NoError(t, err)
	require.Len(t, movements, 5)
	for i, movement := range movements {
		require.EqualValues(t, 5-i, movement.After.Version)
	}
	_, err = store.KeyByFingerprint(ctx, inventory.Fingerprint{0x20})
	require.NoError(t, err)
	_, err = store.UserByEmail(ctx, "ada@example.com")
	require.NoError(t, err)
	requireSound(t, store)
	goOn(t, store)
	requireSound(t, store)
}

// goOn projects what the first version did not know onto its rows.
func goOn(t *testing.T, store *Store) {
	event := func(kind inventory.Kind, state inventory.State, to inventory.State, units int64) persistence.Record {
		var lines []inventory.Line
		if kind.HasLines() {
			lines = []inventory.Line{{ProductID: oldProduct, Quantity: units}}
		}
		event := inventory.Event{Kind: kind, Order: oldOrder(state), From: state, To: to, At: 50, ExpiresAt: 900, Amount: 500, Lines: lines}
		if kind.HasKey() {
			event.Key = inventory.Fingerprint{0x30, byte(kind)}
		}
		return persistence.Record{Event: event}
	}
	records := []persistence.Record{
		event(inventory.OrderExtended, inventory.Reserved, 0, 0), event(inventory.OrderReduced, inventory.Reserved, 0, 1),
		event(inventory.OrderFulfilled, inventory.Confirmed, inventory.Fulfilled, 2),
		event(inventory.OrderReturned, inventory.Confirmed, inventory.PartiallyReturned, 1),
		event(inventory.OrderRefundDue, inventory.Expired, 0, 0),
	}
	to := oldPosition
	for i := range records {
		to.Sequence++
		records[i].Sequence = to.Sequence
	}
	require.NoError(t, store.Project(t.Context(), oldPosition, to, records))
	for state, want := range map[inventory.State]inventory.State{inventory.Reserved: inventory.Reserved,
		inventory.Confirmed: inventory.PartiallyReturned, inventory.Expired: inventory.Expired} {
		order, err := store.OrderByID(t.Context(), oldOrder(state))
		require.NoError(t, err)
		require.Equal(t, want, order.State)
	}
}

// requireSound asks SQLite itself for rows that refer to nothing or are damaged, and
// checks that the references and indexes of the tables that were made anew work.
func requireSound(t *testing.T, store *Store) {
	for _, check := range []string{"foreign_key_check", "integrity_check"} {
		rows, err := store.writer.QueryContext(t.Context(), "PRAGMA "+check)
		require.NoError(t, err)
		for rows.Next() {
			var result any
			require.Equal(t, "integrity_check", check, "a row refers to nothing")
			require.NoError(t, rows.Scan(&result))
			require.Equal(t, "ok", result)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	for table, text := range map[string]string{
		"order_items":     "INSERT INTO order_items (order_id, product_id, quantity, price_minor, sku, stock_version) VALUES (zeroblob(16), ?, 1, 1, '', 1)",
		"stock_movements": "INSERT INTO stock_movements SELECT zeroblob(16), 99, sequence, kind, order_id, 0, 0, 0, 0, 0, 0, by_id, '', '', 0 FROM stock_movements WHERE product_id = ? LIMIT 1",
	} {
		err := store.write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), text, oldProduct[:])
			return err
		})
		require.True(t, isConstraint(err), "%s takes a row that refers to nothing: %v", table, err)
	}
	var names []string
	rows, err := store.writer.QueryContext(t.Context(), "SELECT name FROM sqlite_schema WHERE sql LIKE '%new%' OR name LIKE '%new%'")
	require.NoError(t, err)
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	require.Empty(t, names, "names that were only there while the tables were made")
}

// A look at the schema makes no file; what is applied is undone one by one, as far as
// nothing is lost that must not be, and comes back as it was.
func TestMigrateDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	schema := NewSchema(path)
	all, err := schema.Migrations(t.Context())
	require.NoError(t, err)
	require.Zero(t, migrations.Version(all))
	require.NoFileExists(t, path)
	_, err = schema.MigrateDown(t.Context())
	require.ErrorIs(t, err, migrations.ErrNothingApplied)
	createVersion1(t, path)
	applied, err := schema.MigrateUp(t.Context())
	require.NoError(t, err)
	require.Len(t, applied, len(all)-1)

	store, err := Open(t.Context(), path)
	require.NoError(t, err)
	_, err = schema.MigrateDown(t.Context())
	require.ErrorContains(t, err, "another program has it open; end that one first")
	goOn(t, store)
	before := soldOf(t, store)
	require.NoError(t, store.Close())
	for i := len(all) - 1; i >= 2; i-- {
		last, err := schema.MigrateDown(t.Context())
		require.NoError(t, err)
		require.Equal(t, all[i].File, last.File)
	}
	_, err = schema.MigrateDown(t.Context())
	require.ErrorIs(t, err, migrations.ErrNoWayBack)

	store, err = Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.EqualValues(t, 2, before)
	require.Equal(t, before, soldOf(t, store))
	requireSound(t, store)
	all, err = schema.Migrations(t.Context())
	require.NoError(t, err)
	require.Equal(t, newestVersion(t), migrations.Version(all))
	require.WithinDuration(t, time.Now(), all[2].AppliedAt, time.Hour)
}

func newestVersion(t *testing.T) int64 {
	all, err := migrations.List(migrations.SQLite, nil)
	require.NoError(t, err)
	return all[len(all)-1].Version
}

func soldOf(t *testing.T, store *Store) (sold int64) {
	require.NoError(t, store.EachProduct(t.Context(), func(_ persistence.CatalogueProduct, stock inventory.Stock) error {
		sold = stock.Sold
		return nil
	}))
	return sold
}

// Whatever opens a file refuses one of a newer program, and changes nothing.
func TestANewerSchemaIsRefused(t *testing.T) {
	store, path := openNew(t)
	_, err := store.writer.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	require.NoError(t, err)
	require.NoError(t, store.Close())
	schema := NewSchema(path)
	for name, work := range map[string]func() error{
		"open":   func() error { _, err := Open(t.Context(), path); return err },
		"backup": func() error { _, _, err := Backup(t.Context(), path, filepath.Join(t.TempDir(), "copy")); return err },
		"status": func() error { _, err := schema.Migrations(t.Context()); return err },
		"up":     func() error { _, err := schema.MigrateUp(t.Context()); return err },
		"down":   func() error { _, err := schema.MigrateDown(t.Context()); return err },
	} {
		err := work()
		require.ErrorIs(t, err, migrations.ErrNewer, name)
		require.ErrorContains(t, err, "use the newer program", name)
	}
}
