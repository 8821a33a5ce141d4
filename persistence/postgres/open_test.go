package postgres

import (
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/migrations"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

// openNew opens a store on a database of its own and returns its address.
func openNew(t testing.TB) (*Store, string) {
	address := testserver.SharedPostgres(t).NewDatabase(t)
	return openAt(t, address), address
}

func openAt(t testing.TB, address string, with ...Option) *Store {
	store, err := Open(t.Context(), address, append(with, Careless())...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// execute changes the database behind the store's back.
func execute(t testing.TB, store *Store, text string, arguments ...any) {
	t.Helper()
	_, err := store.writers.Exec(t.Context(), text, arguments...)
	require.NoError(t, err)
}

// with returns an address with something changed.
func with(t *testing.T, address string, change func(*url.URL)) string {
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	change(parsed)
	return parsed.String()
}

// A server or a database that must not be used is refused, with what to do about it and
// without the password.
func TestOpenRefuses(t *testing.T) {
	const password = "p@ss/w0rd"
	careful := testserver.StartPostgres(t, "fsync=on")
	careless := testserver.SharedPostgres(t)
	user := func(u *url.URL) { u.User = url.UserPassword("holdfast", password) }
	setting := func(name, value string) func(*url.URL) {
		return func(u *url.URL) {
			user(u)
			query := u.Query()
			query.Set(name, value)
			u.RawQuery = query.Encode()
		}
	}
	newer := func() string {
		address := careful.NewDatabase(t)
		store := openAt(t, address)
		execute(t, store, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		return with(t, address, user)
	}
	latin := func() string {
		address := careful.NewDatabase(t)
		store := openAt(t, address)
		execute(t, store, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
		return with(t, address, func(u *url.URL) { user(u); u.Path = "/latin" })
	}
	tests := map[string]struct{ address, says string }{
		"a newer schema":         {newer(), "use the newer program"},
		"another encoding":       {latin(), "ENCODING 'UTF8'"},
		"synchronous_commit=off": {with(t, careful.NewDatabase(t), setting("synchronous_commit", "off")), "set synchronous_commit=on"},
		"fsync=off":              {with(t, careless.NewDatabase(t), user), "set fsync=on"},
		"an unknown role": {with(t, careful.NewDatabase(t), func(u *url.URL) { u.User = url.UserPassword("nobody", password) }),
			`role "nobody" does not exist`},
		"an unknown database": {with(t, careful.NewDatabase(t), func(u *url.URL) { user(u); u.Path = "/missing" }), `"missing" does not exist`},
		"an unknown host": {with(t, careful.NewDatabase(t), func(u *url.URL) { user(u); u.Host = "unknown.invalid:5432" }),
			"unknown.invalid"},
		"a port that nobody has": {with(t, careful.NewDatabase(t), func(u *url.URL) { user(u); u.Host = "127.0.0.1:1" }), "refused"},
		"a wrong sslmode":        {with(t, careful.NewDatabase(t), setting("sslmode", "maybe")), "sslmode"},
		"another scheme":         {"mysql://holdfast:" + password + "@localhost/x", "postgres://user:password@host"},
		"no URL":                 {"postgres://holdfast:" + password + "\x7f@localhost/x", "postgres://user:password@host"},
		"a bare password":        {"host=localhost password=" + password, "postgres://user:password@host"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store, err := Open(t.Context(), test.address)
			require.Nil(t, store)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, name == "an unknown host" || name == "a port that nobody has", IsAway(err))
			require.NotContains(t, err.Error(), password)
			require.NotContains(t, err.Error(), url.QueryEscape(password))
			require.NotContains(t, err.Error(), url.PathEscape(password))
			require.NotContains(t, err.Error(), "w0rd")
		})
	}
	store, err := Open(t.Context(), with(t, careful.NewDatabase(t), user))
	require.NoError(t, err, "nothing else was wrong with the address")
	require.NoError(t, store.Close())
}

// A message of somebody else may have the address in it.
func TestRedact(t *testing.T) {
	const password = "p@ss/w0rd"
	address := url.URL{Scheme: "postgres", User: url.UserPassword("holdfast", password), Host: "h", Path: "/db"}
	for _, text := range []string{"cannot use " + address.String(), "the password " + password + " is wrong", address.User.String()} {
		require.NotContains(t, redact(text, &address), "w0rd")
	}
	address.User = nil
	require.Equal(t, "cannot connect", redact("cannot connect", &address))
}

func TestServersThatAreNotUsed(t *testing.T) {
	good := facts{version: 150_018, encoding: "UTF8", fsync: "on", synchronousCommit: "on"}
	tests := map[string]struct {
		change         func(*facts)
		says           string
		carelessAsWell bool
	}{
		"as it should be":            {change: func(*facts) {}},
		"the oldest that is used":    {change: func(f *facts) { f.version = 140_000 }},
		"an older one":               {change: func(f *facts) { f.version = 130_022 }, says: "Postgres 13: 14 or newer", carelessAsWell: true},
		"a standby":                  {change: func(f *facts) { f.standby = true }, says: "primary", carelessAsWell: true},
		"another encoding":           {change: func(f *facts) { f.encoding = "SQL_ASCII" }, says: "SQL_ASCII", carelessAsWell: true},
		"synced here only":           {change: func(f *facts) { f.synchronousCommit = "local" }},
		"synced at the standby":      {change: func(f *facts) { f.synchronousCommit = "remote_apply" }},
		"answers before it has sync": {change: func(f *facts) { f.synchronousCommit = "off" }, says: "synchronous_commit=on"},
		"does not sync":              {change: func(f *facts) { f.fsync = "off" }, says: "fsync=on"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := good
			test.change(&f)
			careful, careless := f.check(false), f.check(true)
			if test.says == "" {
				require.NoError(t, careful)
			} else {
				require.ErrorContains(t, careful, test.says)
			}
			require.Equal(t, test.carelessAsWell, careless != nil)
		})
	}
}

// A server whose settings have changed since is not used by new connections.
func TestEveryConnectionChecksItsServer(t *testing.T) {
	server := testserver.StartPostgres(t)
	address := server.NewDatabase(t)
	store, err := Open(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	require.NoError(t, store.Ping(t.Context()))
	execute(t, store, "ALTER ROLE holdfast SET synchronous_commit = off")
	store.readers.Reset()
	require.ErrorContains(t, store.Ping(t.Context()), "set synchronous_commit=on")
	execute(t, store, "ALTER ROLE holdfast RESET synchronous_commit")
	require.NoError(t, store.Ping(t.Context()))
}

// The settings that bounds rest on hold on every connection, and what the address says
// goes before them.
func TestSettings(t *testing.T) {
	store, address := openNew(t)
	other := openAt(t, with(t, address, func(u *url.URL) {
		u.RawQuery += "&application_name=shop&statement_timeout=7s&timezone=Asia/Tokyo&default_query_exec_mode=simple_protocol&pool_max_conns=99"
	}))
	for setting, want := range map[string][2]string{
		"application_name": {"holdfast", "shop"}, "statement_timeout": {"1min", "7s"}, "lock_timeout": {"5s", "5s"},
		"idle_in_transaction_session_timeout": {"10s", "10s"}, "TimeZone": {"UTC", "UTC"}} {
		for i, s := range []*Store{store, other} {
			for _, got := range []string{scalar(t, s, true, setting), scalar(t, s, false, setting)} {
				require.Equal(t, want[i], got, setting)
			}
		}
	}
	for i, want := range []string{"20min", "7s"} { // who projects waits as long as it wants to
		var got string
		require.NoError(t, []*Store{store, other}[i].projectors.QueryRow(t.Context(), "SELECT current_setting('statement_timeout')").Scan(&got))
		require.Equal(t, want, got)
	}
	require.EqualValues(t, writersMax, other.writers.Config().MaxConns)
	require.EqualValues(t, readersMax, other.readers.Config().MaxConns)
	require.Equal(t, "cache statement", other.readers.Config().ConnConfig.DefaultQueryExecMode.String())
}

func scalar(t *testing.T, store *Store, reader bool, setting string) (value string) {
	pool := store.writers
	if reader {
		pool = store.readers
	}
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value))
	return value
}

// Programs that start together on an empty database migrate it once.
func TestOpenTogether(t *testing.T) {
	address := testserver.SharedPostgres(t).NewDatabase(t)
	const programs = 4
	failures := make([]error, programs)
	var group sync.WaitGroup
	for i := range failures {
		group.Go(func() {
			store, err := Open(t.Context(), address, Careless())
			if err == nil {
				err = store.Close()
			}
			failures[i] = err
		})
	}
	group.Wait()
	for _, err := range failures {
		require.NoError(t, err)
	}
	store := openAt(t, address)
	var applied int
	require.NoError(t, store.readers.QueryRow(t.Context(), "SELECT count(*) FROM goose_db_version WHERE version_id > 0").Scan(&applied))
	files, err := fs.Glob(migrations.Postgres, "*.sql")
	require.NoError(t, err)
	require.Equal(t, len(files), applied, "each migration once")
}

func TestClosed(t *testing.T) {
	store, _ := openNew(t)
	require.NoError(t, store.Ping(t.Context()))
	require.NoError(t, store.Close())
	require.NoError(t, store.Close())
	require.Error(t, store.Ping(t.Context()))
	require.Error(t, store.Project(t.Context(), persistence.Position{}, persistence.Position{}, nil))
}

// A row that the schema refuses shows that what is stored is not what was projected:
// here, a movement of the next stock version is there already.
func TestSchemaRefusesASecondMovement(t *testing.T) {
	store, _ := openNew(t)
	history := persistencetest.NewHistory(3, 2)
	history.CreateProducts(t, store)
	history.Grow(40)
	from, to, records := history.Run(0, 20)
	require.NoError(t, store.Project(t.Context(), from, to, records))
	execute(t, store, `INSERT INTO stock_movements (product_id, stock_version, sequence, at, delta_on_hand, delta_reserved,
		delta_committed, on_hand, reserved, committed, order_id, by_id, kind, reason, note)
		SELECT product_id, stock_version + 1, sequence, at, delta_on_hand, delta_reserved, delta_committed,
		on_hand, reserved, committed, order_id, by_id, kind, reason, note FROM stock_movements
		WHERE (product_id, stock_version) IN (SELECT product_id, version FROM stock)`)
	from, to, records = history.Run(20, 40)
	err := store.Project(t.Context(), from, to, records)
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.NotErrorIs(t, err, persistence.ErrExists)
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 20, position.Sequence)
}

// plannedQuery is a text that runs while the program serves, and what finds its rows.
type plannedQuery struct {
	text, index string
	arguments   []any
}

func queries() map[string]plannedQuery {
	id, ids := [16]byte{1}, [][16]byte{{1}, {2}, {3}}
	numbers := []int64{1, 2, 3}
	all := map[string]plannedQuery{
		"order":                 {selectOrder, "order_items_pkey", []any{id}},
		"reserved orders":       {selectEachReservedOrder, "orders_by_state", []any{1}},
		"key":                   {selectKey, "idempotency_keys_pkey", []any{id}},
		"movements":             {selectMovements, "stock_movements_pkey", []any{id, 99, 20}},
		"product":               {selectProduct, "products_pkey", []any{id}},
		"product, of any state": {selectAnyProduct, "products_pkey", []any{id}},
		"user by address":       {selectUserByEmail, "users_email_key", []any{"7"}},
		"user by id":            {selectUserByID, "users_pkey", []any{id}},
		"API key by hash":       {selectAPIKeyByHash, "api_keys_hash_key", []any{id[:]}},
		"stock of a run":        {selectStock, "stock_pkey", []any{ids}},
		"orders of a run":       {selectStates, "orders_pkey", []any{ids}},
		"states of a run":       {updateOrders, "orders_pkey", []any{ids, []int16{1, 1, 1}, numbers, []bool{true, true, true}, numbers, numbers, numbers}},
		"lines of a run":        {updateItems, "Index Scan using order_items_", []any{ids, ids, numbers, numbers, numbers}},
		"end of a purge":        {selectPurgeEnd, "idempotency_keys_pkey", []any{id, 100}},
		"purge":                 {deletePurged, "idempotency_keys_pkey", []any{id, [16]byte{2}, 5, 100}},
	}
	for index, filter := range map[string]persistence.OrderFilter{
		"orders_pkey": {}, "orders_by_customer": {Customer: id}, "order_items_by_product": {Product: id}, "orders_by_state": {State: inventory.Expired}} {
		filter.Limit = 20
		text, arguments := ordersQuery(&filter)
		all["orders by "+index] = plannedQuery{text, index, arguments}
	}
	for order, index := range [...]string{"products_pkey", "products_by_name", "products_by_price", "products_by_price", "products_by_creation"} {
		filter := persistence.ProductFilter{Order: persistence.ProductOrder(order), Limit: 20}
		text, arguments := listing(&filter, false, nil)
		all["products by "+index+strconv.Itoa(order)] = plannedQuery{text, index, arguments}
		glanced := persistence.ProductFilter{Order: filter.Order, Limit: 20, Terms: []persistence.SearchTerm{{Word: "w7"}}}
		text, arguments = glancing(&glanced)
		all["a glance by "+index+strconv.Itoa(order)] = plannedQuery{text, index, arguments}
		filter.Category = "7"
		text, arguments = listing(&filter, false, nil)
		index = strings.Replace(strings.Replace(index, "products_by_", "products_by_category_and_", 1), "products_pkey", "products_by_category", 1)
		all["products of a category by "+index+strconv.Itoa(order)] = plannedQuery{text, index, arguments}
		filter.Terms = []persistence.SearchTerm{{Word: "w7"}}
		text, arguments = listing(&filter, true, nil)
		all["rare products by "+index+strconv.Itoa(order)] = plannedQuery{text, "products_by_words", arguments}
	}
	return all
}

// Every query can find its rows by an index, in the order that they are wanted in: with
// many rows, and statistics of them, none looks through a table that grows.
func TestQueriesUseIndexes(t *testing.T) {
	store, _ := openNew(t)
	execute(t, store, `INSERT INTO products SELECT gen_random_uuid(), n::text, n::text, '', (n % 50)::text, n, 'EUR', 0, 0, 1, 0, 0, false, false, 0, 1, n, 0, 'w' || n
		FROM generate_series(1, 3000) n`)
	execute(t, store, `INSERT INTO users SELECT gen_random_uuid(), n::text, '', 'customer', '', false, 0 FROM generate_series(1, 3000) n`)
	execute(t, store, `INSERT INTO api_keys SELECT gen_random_uuid(), n::text, 'service', decode(repeat(md5(n::text), 2), 'hex'), 0 FROM generate_series(1, 3000) n`)
	execute(t, store, `INSERT INTO orders SELECT gen_random_uuid(), gen_random_uuid(), 1 + n % 8, false, 'EUR', 0, 0, 0, n, 0, gen_random_uuid(), gen_random_uuid()
		FROM generate_series(1, 20000) n`)
	execute(t, store, `INSERT INTO order_items SELECT o.id, p.id, 1, 1, 1, 0, 0, 0, 0, 0, '' FROM orders o
		JOIN (SELECT id, row_number() OVER () AS place FROM products) p ON p.place = 1 + o.sequence % 3000`)
	execute(t, store, `INSERT INTO idempotency_keys SELECT gen_random_uuid(), gen_random_uuid(), id, 0, 1 FROM orders`)
	execute(t, store, `INSERT INTO stock SELECT id, 1, 0, 0, 0, 1 FROM products`)
	execute(t, store, `INSERT INTO stock_movements SELECT id, n, n, 0, 0, 0, 0, 0, 0, 0, NULL, id, 5, '', '' FROM products, generate_series(1, 7) n`)
	execute(t, store, "ANALYZE")
	for name, query := range queries() {
		plan := explain(t, store, query)
		require.Contains(t, plan, query.index, name)
		if name != "reserved orders" {
			for _, table := range []string{"orders", "order_items", "idempotency_keys", "stock_movements"} {
				require.NotContains(t, plan, "Seq Scan on "+table, name)
			}
		}
	}
}

func explain(t *testing.T, store *Store, query plannedQuery) string {
	rows, err := store.writers.Query(t.Context(), "EXPLAIN "+query.text, query.arguments...)
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err(), query.text)
	return plan.String()
}
