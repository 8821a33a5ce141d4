package main

import (
	"bytes"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
)

// orderInSQL returns the order as another connection finds it.
func (s *shop) orderInSQL(id string) (inventory.Order, error) {
	parsed, err := inventory.ParseID(id)
	if err != nil {
		return inventory.Order{}, err
	}
	return s.store.OrderByID(s.t.Context(), parsed)
}

// reservedInSQL returns the units that the orders of all products hold.
func (s *shop) reservedInSQL() (units int64) {
	s.t.Helper()
	require.NoError(s.t, s.store.EachProduct(s.t.Context(), func(_ persistence.CatalogueProduct, stock inventory.Stock) error {
		units += stock.Reserved
		return nil
	}))
	return units
}

// byKey looks an order up.
func (s *shop) byKey(customer int, key string) reply {
	s.t.Helper()
	return s.do(call{method: "GET", path: "/api/orders/by-key/" + key, token: s.customers[customer].AccessToken})
}

// With --ack=database whoever is answered finds on another connection what was answered.
func TestWhatIsAcknowledgedIsInPostgres(t *testing.T) {
	const callers, rounds = 8, 25
	s := prepareShop(t, callers)
	s.site = serve(t, s.data, "--database-url", s.database, "--ack", "database").site
	product := s.create("SKU", 100, 1_000)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for round := range rounds {
				if err := s.requireInSQL(caller, fmt.Sprintf("key-of-an-order-%d-%d", caller, round), product); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// requireInSQL places an order and confirms it, and looks each time.
func (s *shop) requireInSQL(customer int, key, product string) error {
	placed, err := s.place(customer, key, product)
	if err != nil || placed.status != 201 {
		return fmt.Errorf("%s was answered with %d %s: %w", key, placed.status, placed.text, err)
	}
	if order, err := s.orderInSQL(placed.id()); err != nil || order.State != inventory.Reserved {
		return fmt.Errorf("order %s was acknowledged and is %+v in SQL: %w", placed.id(), order, err)
	}
	confirmed, err := s.send(s.client, call{method: "POST", path: "/api/orders/" + placed.id() + "/confirm", token: s.customers[customer].AccessToken, body: "{}"})
	if err != nil || confirmed.status != 200 {
		return fmt.Errorf("the confirm of %s was answered with %d %s: %w", placed.id(), confirmed.status, confirmed.text, err)
	}
	if order, err := s.orderInSQL(placed.id()); err != nil || order.State != inventory.Confirmed {
		return fmt.Errorf("the confirm of order %s was acknowledged, and it is %+v in SQL: %w", placed.id(), order, err)
	}
	return nil
}

// With --ack=database nothing is acknowledged or shown while Postgres is away: the outcome
// is unknown. When it is back, every key stands for the one order that it made.
func TestNothingIsAcknowledgedWithoutPostgres(t *testing.T) {
	const callers = 8
	s := prepareShop(t, callers)
	first := serve(t, s.data, "--database-url", s.database, "--ack", "database")
	s.site = first.site
	product := s.create("SKU", 100, 1_000)
	first.stop(t)
	s.site = serve(t, s.data, "--database-url", s.database, "--ack", "database", "--request-timeout", "200ms").site
	key := func(caller int) string { return fmt.Sprintf("key-of-an-order-%d", caller) }

	s.postgres.Stop(t, "immediate")
	answers := make([]reply, callers)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() { answers[caller], _ = s.place(caller, key(caller), product) })
	}
	group.Wait()
	for _, answer := range answers {
		require.Equal(t, 503, answer.status, answer.text)
		require.Equal(t, "unknown_outcome", answer.body["code"])
	}
	require.EqualValues(t, 0, s.get("/api/products/" + product + "/stock").body["reserved"], "shown before the commit")
	for caller := range callers {
		found := s.byKey(caller, key(caller))
		require.Contains(t, []int{409, 503}, found.status, found.text)
	}

	s.postgres.Start(t)
	for caller := range callers {
		var again reply
		require.Eventually(t, func() bool {
			again, _ = s.place(caller, key(caller), product)
			return again.status == 201
		}, shopPatience, time.Millisecond)
		require.True(t, again.replayed(), "the key made a second order")
		order, err := s.orderInSQL(again.id())
		require.NoError(t, err)
		require.Equal(t, inventory.Reserved, order.State)
		require.Eventually(t, func() bool { return s.byKey(caller, key(caller)).id() == again.id() }, shopPatience, time.Millisecond)
	}
	require.EqualValues(t, callers, s.get("/api/products/" + product + "/stock").body["reserved"])
	require.EqualValues(t, callers, s.reservedInSQL())
}

// A server that dies around the commit of an order, with nobody told of it, has made it
// once: the next start finds it in the database, or brings it there.
func TestACrashAroundTheCommit(t *testing.T) {
	for name, test := range map[string]struct {
		fromClient bool
		committed  int
	}{
		"before the commit":                 {fromClient: true},
		"between the commit and the answer": {committed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := prepareShop(t, 1)
			address, err := url.Parse(s.database)
			require.NoError(t, err)
			proxy := testserver.StartProxy(t, address.Host)
			address.Host = proxy.Address()
			var server *process
			server, s.site = launchServer(t, s.data, "--database-url", address.String(), "--ack", "database")
			product := s.create("SKU", 100, 10)

			var copied, killed atomic.Bool
			proxy.Filter(func(fromClient bool, chunk []byte) bool {
				if fromClient && bytes.Contains(chunk, []byte("COPY orders")) {
					copied.Store(true)
				}
				// Both the statement and its answer end with a zero byte.
				if fromClient != test.fromClient || !copied.Load() || !bytes.Contains(chunk, []byte("COMMIT\x00")) {
					return true
				}
				if killed.CompareAndSwap(false, true) {
					_ = server.command.Process.Kill() // the wait below tells
				}
				return false
			})
			const key = "key-of-the-order"
			_, err = s.place(0, key, product)
			require.Error(t, err, "somebody was told")
			server.wait(t)
			require.True(t, killed.Load())
			orders, err := s.store.Orders(t.Context(), persistence.OrderFilter{Limit: 10})
			require.NoError(t, err)
			require.Len(t, orders, test.committed)

			_, s.site = launchServer(t, s.data, "--database-url", s.database, "--ack", "database")
			orders, err = s.store.Orders(t.Context(), persistence.OrderFilter{Limit: 10})
			require.NoError(t, err)
			require.Len(t, orders, 1, "a start serves what is not committed")
			again, err := s.place(0, key, product)
			require.NoError(t, err)
			require.Equal(t, 201, again.status, again.text)
			require.True(t, again.replayed())
			require.Equal(t, orders[0].ID.String(), again.id())
			require.EqualValues(t, 1, s.reservedInSQL())
			require.EqualValues(t, 1, s.get("/api/products/" + product + "/stock").body["reserved"])
		})
	}
}
