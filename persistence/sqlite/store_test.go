package sqlite

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

func openNew(t *testing.T) (*Store, string) {
	path := filepath.Join(t.TempDir(), "a folder?with#odd%20 names", "holdfast.db")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	store, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store, path
}

// Addresses and hashes are nobody else's to read, in the side files as well.
func TestFilesArePrivate(t *testing.T) {
	store, path := openNew(t)
	require.NoError(t, store.CreateProducts(t.Context(), persistence.CatalogueProduct{Product: inventory.Product{
		ID: inventory.ID{1}, SKU: "A", Price: inventory.Money{Currency: inventory.Currency{'E', 'U', 'R'}}, HoldSeconds: 1}}))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 3, "the file, its log and the log's index")
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), entry.Name())
	}
	require.NoError(t, store.Close())
	entries, err = os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "Close leaves one file, which can be copied")
}

// The settings that durability and integrity rest on hold on every connection.
func TestSettings(t *testing.T) {
	store, _ := openNew(t)
	for setting, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		require.NoError(t, store.writer.QueryRowContext(t.Context(), "PRAGMA "+setting).Scan(&got))
		require.Equal(t, want, got, setting)
		require.NoError(t, store.readers.QueryRowContext(t.Context(), "PRAGMA "+setting).Scan(&got))
		require.Equal(t, want, got, setting)
	}
	_, err := store.readers.ExecContext(t.Context(), "DELETE FROM projection")
	require.Error(t, err, "readers do not write")
	require.Equal(t, 1, store.writer.Stats().MaxOpenConnections)
}

func TestOpenRefuses(t *testing.T) {
	t.Run("a folder that is missing", func(t *testing.T) {
		_, err := Open(t.Context(), filepath.Join(t.TempDir(), "missing", "holdfast.db"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("a file that is no database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "holdfast.db")
		require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database\n", 1000)), fileMode))
		_, err := Open(t.Context(), path)
		require.ErrorIs(t, err, persistence.ErrCorrupt)
	})
}

func TestClosed(t *testing.T) {
	store, _ := openNew(t)
	require.NoError(t, store.Ping(t.Context()))
	require.NoError(t, store.Close())
	require.NoError(t, store.Close())
	require.Error(t, store.Ping(t.Context()))
	require.Error(t, store.Project(t.Context(), persistence.Position{}, persistence.Position{}, nil))
}

// A row that the schema refuses shows that what is stored is not what was
// projected: here, a movement of the next stock version is there already.
func TestSchemaRefusesASecondMovement(t *testing.T) {
	store, _ := openNew(t)
	history := persistencetest.NewHistory(3, 2)
	history.CreateProducts(t, store)
	history.Grow(40)
	from, to, records := history.Run(0, 20)
	require.NoError(t, store.Project(t.Context(), from, to, records))
	_, err := store.writer.ExecContext(t.Context(), `INSERT INTO stock_movements
		SELECT product_id, stock_version + 1, sequence, kind, order_id, delta_on_hand, delta_reserved, delta_committed,
		on_hand, reserved, committed, by_id, reason, note, at FROM stock_movements
		WHERE (product_id, stock_version) IN (SELECT product_id, version FROM stock)`)
	require.NoError(t, err)
	from, to, records = history.Run(20, 40)
	err = store.Project(t.Context(), from, to, records)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.NotErrorIs(t, err, persistence.ErrExists)
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 20, position.Sequence)
}

// queries are the texts that run while the program serves, with what they are
// for. None may scan a table that grows.
func queries() map[string]string {
	all := map[string]string{
		"order": selectOrder, "reserved orders": selectEachReservedOrder,
		"key": selectKey, "movements": selectMovements,
		"product": selectProduct, "product, deleted or not": selectAnyProduct, "matches": countMatches,
		"products without words": selectWithoutWords, "new words of a product": updateWords,
		"user by address":     selectUserByEmail,
		"user by id":          selectUserByID,
		"API key by hash":     selectAPIKeyByHash,
		"users":               selectUsers,
		"users of a role":     selectUsersOfRole,
		"an admin":            selectAdmin,
		"audit log":           selectAudit,
		"stock of a run":      strings.Replace(selectStock, rowsPlace, "(?), (?)", 1),
		"orders of a run":     strings.Replace(selectStates, rowsPlace, "(?), (?)", 1),
		"states of a run":     strings.Replace(updateOrders, rowsPlace, "(?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?)", 1),
		"lines of a run":      strings.Replace(updateItems, rowsPlace, "(?, ?, ?, ?, ?), (?, ?, ?, ?, ?)", 1),
		"change of a product": updateProduct, "product of any state": selectProductID,
		"end of a purge": selectPurgeEnd, "purge": deletePurged,
		"end of a purge of orders": selectOrdersEnd, "orders that may go": selectPurgeableOrders,
		"lines that go":               strings.Replace(deletePurgedItems, rowsPlace, "(?), (?)", 1),
		"keys that go":                strings.Replace(deletePurgedKeys, rowsPlace, "(?, ?), (?, ?)", 1),
		"keys of changes that go":     strings.Replace(deletePurgedChangeKeys, rowsPlace, "(?), (?)", 1),
		"orders that go":              strings.Replace(deletePurgedOrders, rowsPlace, "(?), (?)", 1),
		"end of a purge of movements": selectProductsEnd,
		"movements that go":           deletePurgedMovement,
	}
	for choice := range 8 {
		var filter persistence.OrderFilter
		name := "orders"
		if choice&1 != 0 {
			filter.Customer, name = inventory.ID{1}, name+" of a customer"
		}
		if choice&2 != 0 {
			filter.Product, name = inventory.ID{1}, name+" of a product"
		}
		if choice&4 != 0 {
			filter.State, name = inventory.Reserved, name+" in a state"
		}
		all[name], _ = ordersQuery(&filter)
	}
	for _, name := range productLists() {
		all["end of a walk through "+name.text], _ = placing(&name.filter, 9)
		all[name.text], _ = listing(&name.filter, name.collected, name.until)
	}
	return all
}

// productList is a way to list products.
type productList struct {
	text      string
	filter    persistence.ProductFilter
	collected bool
	until     *persistence.Place
}

// productLists are all of them: with and without a category, in every order, without words
// and with few and many matches.
func productLists() (all []productList) {
	orders := [...]string{"", " by name", " by price", " by price, descending", " by creation"}
	for order, suffix := range orders {
		for _, category := range []string{"", "tea"} {
			name, filter := "products", persistence.ProductFilter{Category: category, Order: persistence.ProductOrder(order)}
			if category != "" {
				name += " of a category"
			}
			all = append(all, productList{name + suffix, filter, false, nil})
			filter.Terms = []persistence.SearchTerm{{Word: "red"}, {Word: "mu", Prefix: true}}
			all = append(all, productList{name + suffix + " with words", filter, false, nil},
				productList{name + suffix + " with words, up to a place", filter, false, &persistence.Place{Number: 1}},
				productList{name + suffix + " with rare words", filter, true, nil})
		}
	}
	return all
}

// wantedIndexes are the conditions that find the rows of a query. Without its
// index a query would still be a SEARCH, but by less.
var wantedIndexes = map[string]string{
	"reserved orders":                             "orders_by_state (state=?)",
	"movements":                                   "PRIMARY KEY (product_id=? AND stock_version<?)",
	"products":                                    "(id>?)",
	"products by name":                            "products_by_name (<expr>>?)",
	"products by price":                           "products_by_price ((price_minor,id)>(?,?))",
	"products by price, descending":               "products_by_price ((price_minor,id)<(?,?))",
	"products by creation":                        "products_by_creation ((created_at,id)<(?,?))",
	"products of a category":                      "products_by_category (category=? AND id>?)",
	"products of a category by name":              "products_by_category_and_name (category=? AND <expr>>?)",
	"products of a category by price":             "products_by_category_and_price (category=? AND (price_minor,id)>(?,?))",
	"products of a category by price, descending": "products_by_category_and_price (category=? AND (price_minor,id)<(?,?))",
	"products of a category by creation":          "products_by_category_and_creation (category=? AND (created_at,id)<(?,?))",
	"products with words":                         "SCAN w VIRTUAL TABLE INDEX 0:=",
	"products by price with words":                "products_by_price ((price_minor,id)>(?,?))",
	"products of a category by price with words":  "products_by_category_and_price (category=? AND (price_minor,id)>(?,?))",
	"products with rare words":                    "SCAN product_words VIRTUAL TABLE INDEX 0:M",
	"products without words":                      "products_without_words",
	"user by address":                             "(email=?)",
	"API key by hash":                             "(hash=?)",
	"orders":                                      "PRIMARY KEY (id<?)",
	"orders in a state":                           "orders_by_state (state=? AND id<?)",
	"orders of a customer":                        "orders_by_customer (customer_id=? AND id<?)",
	"orders of a product":                         "order_items_by_product (product_id=? AND order_id<?)",
	"states of a run":                             "SEARCH orders USING PRIMARY KEY (id=?)",
	"lines of a run":                              "SEARCH order_items USING PRIMARY KEY (order_id=? AND product_id=?)",
	"change of a product":                         "(id=?)",
	"end of a purge":                              "SEARCH idempotency_keys USING PRIMARY KEY (key>?)",
	"purge":                                       "SEARCH k USING PRIMARY KEY (key>? AND key<?)",
	"end of a purge of orders":                    "SEARCH orders USING PRIMARY KEY (id>? AND id<?)",
	"orders that may go":                          "SEARCH o USING PRIMARY KEY (id>? AND id<?)",
	"lines that go":                               "SEARCH order_items USING PRIMARY KEY (order_id=?)",
	"keys that go":                                "SEARCH idempotency_keys USING PRIMARY KEY (key=?)",
	"keys of changes that go":                     "idempotency_keys_by_order (subject_id=?)",
	"orders that go":                              "SEARCH orders USING PRIMARY KEY (id=?)",
	"end of a purge of movements":                 "SEARCH stock USING PRIMARY KEY (product_id>?)",
	"movements that go":                           "SEARCH m USING PRIMARY KEY (product_id=? AND stock_version=?)",
	"orders of a run":                             "SEARCH orders USING PRIMARY KEY (id=?)",
	"stock of a run":                              "SEARCH s USING PRIMARY KEY (product_id=?)",
	"order":                                       "SEARCH i USING PRIMARY KEY (order_id=?)",
	"orders of a customer in a state":             "orders_by_customer (customer_id=? AND id<?)",
	"orders of a product in a state":              "order_items_by_product (product_id=? AND order_id<?)",
}

// Q5: every query finds its rows by an index, in the order that they are wanted
// in. SQLite says SCAN for a loop over all of something: here that is only the
// rows of a page or of a statement. What is sorted is only the rows of a page,
// after they were found, or the lines of one order (LAST TERM).
func TestQueriesUseIndexes(t *testing.T) {
	store, _ := openNew(t)
	for name, text := range queries() {
		plan := explain(t, store, text)
		require.Contains(t, strings.Join(plan, "\n"), wantedIndexes[name], name)
		require.False(t, name == "change of a product" && len(plan) > 1, "%s looks for references: %q", name, plan)
		page := plan[0] == "CO-ROUTINE o"
		if strings.HasPrefix(name, "products") && strings.HasSuffix(name, " with rare words") {
			require.Contains(t, strings.Join(plan, "\n"), "SEARCH p USING INDEX sqlite_autoindex_products_1 (id=?)", "%s looks through more than its matches: %q", name, plan)
		}
		for i, step := range plan {
			if scanned, ok := strings.CutPrefix(step, "SCAN "); ok {
				// A virtual table is scanned by its own index, for a word or a row.
				found := strings.Contains(scanned, " VIRTUAL TABLE INDEX 0:M") || strings.Contains(scanned, " VIRTUAL TABLE INDEX 0:=")
				require.True(t, found || name == "matches" || name == "products without words" || scanned == "o" && page || scanned == "new" || scanned == "old" || strings.HasSuffix(scanned, "VALUES CLAUSE"),
					"%s scans %s: %q", name, scanned, plan)
			}
			require.NotContains(t, step, "AUTOMATIC", "%s: %q", name, plan)
			if step == "USE TEMP B-TREE FOR ORDER BY" {
				collected := strings.HasSuffix(name, " with rare words")
				require.True(t, collected || page && slices.Contains(plan[:i], "SCAN o"), "%s sorts: %q", name, plan)
			}
		}
	}
}

// What customers bought is found along the lines of products that have a limit:
// without limits a start reads the products and no order, and nothing is sorted.
func TestPurchasesAreFoundByTheirProduct(t *testing.T) {
	store, _ := openNew(t)
	plan := explain(t, store, selectEachPurchase)
	require.Equal(t, []string{
		"SCAN p USING INDEX sqlite_autoindex_products_1",
		"SEARCH i USING INDEX order_items_by_product (product_id=?)",
		"SEARCH o USING PRIMARY KEY (id=?)"}, plan)
}

func explain(t *testing.T, store *Store, text string) (steps []string) {
	arguments := make([]any, strings.Count(text, "?"))
	for i := range arguments {
		arguments[i] = 1
	}
	rows, err := store.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, arguments...)
	require.NoError(t, err, text)
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &step))
		steps = append(steps, step)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, steps)
	t.Log(strings.Join(strings.Fields(text), " ") + "\n\t" + strings.Join(steps, "\n\t"))
	return steps
}
