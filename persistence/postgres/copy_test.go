package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/migrations"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

// newEmpty returns a store on an empty database, without a schema.
func newEmpty(t *testing.T) (*Store, string) {
	address := testserver.SharedPostgres(t).NewDatabase(t)
	return newAt(t, address), address
}

func newAt(t *testing.T, address string) *Store {
	store, err := New(t.Context(), address, Careless())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// projectInSteps projects a history up to a record, ten records at a time.
func projectInSteps(t *testing.T, store *Store, history *persistencetest.History, to uint64) {
	for {
		position, err := store.Position(t.Context())
		require.NoError(t, err)
		if position.Sequence == to {
			return
		}
		from, end, records := history.Run(position.Sequence, min(position.Sequence+10, to))
		require.NoError(t, store.Project(t.Context(), from, end, records))
	}
}

// A copy that is made while the projection goes on is the history at its own position,
// and the projection goes on from it in another database.
func TestACopyIsOneMoment(t *testing.T) {
	store, _ := openNew(t)
	history := persistencetest.NewHistory(5, 4)
	history.CreateProducts(t, store)
	history.Grow(400)
	var projecting sync.WaitGroup
	projecting.Go(func() { projectInSteps(t, store, history, 400) })
	folder := filepath.Join(t.TempDir(), "copy")
	position, schema, err := store.CopyTo(t.Context(), folder)
	projecting.Wait()
	require.NoError(t, err)
	require.Equal(t, newestVersion(t), schema)

	other, _ := newEmpty(t)
	found, err := other.CopyFrom(t.Context(), folder)
	require.NoError(t, err)
	require.Equal(t, position, found)
	require.NoError(t, other.Prepare(t.Context()))
	require.Equal(t, position.Sequence, persistencetest.RequireHistory(t, other, history))
	projectInSteps(t, other, history, 400)
	persistencetest.RequireHistory(t, other, history)
}

// Accounts, keys and texts come back as they were, byte by byte, and the tables of the
// copy have statistics.
func TestACopyKeepsEveryRow(t *testing.T) {
	store, _ := openNew(t)
	ctx := t.Context()
	odd := "tab\t, newline\n, return\r, backslash \\N \\., quote ' \" and ünïcode 🛒"
	user := persistence.User{ID: inventory.ID{1}, Email: "ada@example.com", Name: odd, Role: persistence.RoleAdmin, PasswordHash: "$argon2id$", Disabled: true, CreatedAt: 7, Version: 1}
	require.NoError(t, store.CreateUsers(ctx, []persistence.User{user}))
	key := persistence.APIKey{ID: inventory.ID{2}, Name: odd, Role: persistence.RoleService, Hash: [32]byte{0: 9, 31: 255}, CreatedAt: 8}
	require.NoError(t, store.CreateAPIKey(ctx, key, persistence.AuditEntry{Action: "key.create"}))
	product := persistence.CatalogueProduct{Product: inventory.Product{ID: inventory.ID{3}, SKU: "A\\N", Name: odd, HoldSeconds: 600,
		Price: inventory.Money{Minor: 5, Currency: inventory.Currency{'E', 'U', 'R'}}}, Description: "", Version: 1}
	require.NoError(t, store.CreateProducts(ctx, product))
	folder := filepath.Join(t.TempDir(), "copy")
	_, _, err := store.CopyTo(ctx, folder)
	require.NoError(t, err)
	requirePrivate(t, folder)

	other, _ := newEmpty(t)
	_, err = other.CopyFrom(ctx, folder)
	require.NoError(t, err)
	gotUser, err := other.UserByID(ctx, user.ID)
	require.NoError(t, err)
	require.Equal(t, user, gotUser)
	gotKey, err := other.APIKeyByHash(ctx, key.Hash)
	require.NoError(t, err)
	require.Equal(t, key, gotKey)
	gotProduct, err := other.ProductByID(ctx, product.ID)
	require.NoError(t, err)
	require.Equal(t, product, gotProduct)
	var estimated float64
	require.NoError(t, other.readers.QueryRow(ctx, "SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass").Scan(&estimated))
	require.EqualValues(t, 1, estimated)
}

func requirePrivate(t *testing.T, folder string) {
	require.NoError(t, filepath.Walk(folder, func(path string, information os.FileInfo, err error) error {
		require.NoError(t, err)
		require.Zero(t, information.Mode().Perm()&0o077, path)
		return nil
	}))
}

// The list of tables is that of the schema, which has no sequences whose values a copy
// would have to bring back.
func TestTablesAreThoseOfTheSchema(t *testing.T) {
	store, _ := openNew(t)
	names := func(kind string) (found []string) {
		rows, err := store.readers.Query(t.Context(), "SELECT relname FROM pg_class WHERE relkind = $1::text::\"char\" AND relnamespace = current_schema()::regnamespace AND relname NOT LIKE 'goose_%'", kind)
		require.NoError(t, err)
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return found
	}
	require.ElementsMatch(t, tables, names("r"))
	require.Empty(t, names("S"))
	require.Equal(t, "projection", tables[len(tables)-1], "the position comes last")
}

// smallCopy is the folder of a copy with a few rows.
func smallCopy(t *testing.T) string {
	store, _ := openNew(t)
	history := persistencetest.NewHistory(6, 2)
	history.CreateProducts(t, store)
	history.Grow(30)
	projectInSteps(t, store, history, 30)
	folder := filepath.Join(t.TempDir(), "copy")
	_, _, err := store.CopyTo(t.Context(), folder)
	require.NoError(t, err)
	return folder
}

// What is in a database is never mixed with a copy, and never lost by one.
func TestACopyGoesIntoAnEmptyDatabaseOnly(t *testing.T) {
	folder := smallCopy(t)
	tests := map[string]struct {
		statement, says string
		migrated        bool
	}{
		"an account":                {"INSERT INTO users VALUES (gen_random_uuid(), 'a@b', '', 'admin', '', false, 0)", "its table users has rows", true},
		"a position":                {"UPDATE projection SET sequence = 3", "its table projection has rows", true},
		"a table of somebody else":  {"CREATE TABLE orders (id int)", "a table orders that is not of this program", false},
		"somebody else's migration": {"CREATE TABLE goose_db_version (version_id bigint, is_applied boolean, tstamp timestamp); INSERT INTO goose_db_version VALUES (" + strconv.FormatInt(newestVersion(t), 10) + ", true, now())", "not those of this program", false},
		"another form of a table":   {"ALTER TABLE orders ADD COLUMN more int", "or of another version", true},
		"a newer schema":            {"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)", "use the newer program", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store, address := newEmpty(t)
			if test.migrated {
				openAt(t, address)
			}
			execute(t, store, test.statement)
			_, err := store.CopyFrom(t.Context(), folder)
			require.ErrorContains(t, err, test.says)
			var rows int
			if test.migrated {
				require.NoError(t, store.readers.QueryRow(t.Context(), "SELECT count(*) FROM products").Scan(&rows))
			}
			require.Zero(t, rows)
		})
	}
	t.Run("an empty one that is migrated", func(t *testing.T) {
		store, address := newEmpty(t)
		openAt(t, address)
		require.NoError(t, store.RefuseOccupied(t.Context(), newestVersion(t)))
		_, err := store.CopyFrom(t.Context(), folder)
		require.NoError(t, err)
		require.ErrorIs(t, store.RefuseOccupied(t.Context(), newestVersion(t)), ErrNotEmpty)
	})
	t.Run("a copy of a newer schema", func(t *testing.T) {
		store, _ := newEmpty(t)
		require.ErrorIs(t, store.RefuseOccupied(t.Context(), newestVersion(t)+1), migrations.ErrNewer)
	})
}

// A copy that is not whole leaves an empty database, which takes a whole one.
func TestACopyComesWholeOrNotAtAll(t *testing.T) {
	folder := smallCopy(t)
	store, _ := newEmpty(t)
	path := filepath.Join(folder, "stock_movements.copy")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(whole), "\n")
	for name, text := range map[string]string{
		"a line too few":  strings.Join(lines[1:], ""),
		"a broken line":   string(whole[:len(whole)-20]),
		"a line too many": lines[0] + string(whole),
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := store.CopyFrom(t.Context(), folder)
		require.Error(t, err, name)
		require.NoError(t, store.RefuseOccupied(t.Context(), newestVersion(t)), "nothing of it is there")
	}
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.CopyFrom(ctx, folder)
	require.ErrorIs(t, err, context.Canceled)
	_, err = store.CopyFrom(t.Context(), folder)
	require.NoError(t, err)
	require.NoError(t, store.Prepare(t.Context()))
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 30, position.Sequence)
}

// A database that has no schema of ours cannot be copied.
func TestACopyOfAnotherDatabaseIsRefused(t *testing.T) {
	store, _ := newEmpty(t)
	_, _, err := store.CopyTo(t.Context(), filepath.Join(t.TempDir(), "copy"))
	require.ErrorContains(t, err, "name the database that the server uses")
}

// A copy of an older schema comes back with that, and is migrated afterwards.
func TestACopyOfAnOlderSchema(t *testing.T) {
	folder := smallCopy(t)
	store, _ := newEmpty(t)
	store.dialect = oneMore(t)
	require.NoError(t, store.RefuseOccupied(t.Context(), newestVersion(t)))
	_, err := store.CopyFrom(t.Context(), folder)
	require.NoError(t, err)
	all, err := store.Migrations(t.Context())
	require.NoError(t, err)
	require.Equal(t, newestVersion(t), migrations.Version(all))
	require.NoError(t, store.Close())
	again := newAt(t, store.address)
	again.dialect = store.dialect
	require.NoError(t, again.Prepare(t.Context()))
	all, err = again.Migrations(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 90_000, migrations.Version(all))
	require.WithinDuration(t, time.Now(), all[len(all)-1].AppliedAt, time.Hour)
}
