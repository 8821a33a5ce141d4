package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence/postgres"
)

// shop is a data directory with customers on a Postgres of its own, and then a server.
type shop struct {
	site
	postgres *testserver.Postgres
	// database is the address for the server; store is another way there.
	database string
	store    *postgres.Store
	data     string
	// client keeps its connections.
	client    *http.Client
	customers []seededCustomer
	admin     string
}

// shopPatience bounds one wait for a Postgres that writes to the disk as a real one does.
const shopPatience = time.Minute

func prepareShop(t *testing.T, customers int) *shop {
	t.Helper()
	s := &shop{postgres: testserver.StartPostgres(t), data: freshDirectory(t),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: customers}, Timeout: shopPatience}}
	s.database = s.postgres.NewDatabase(t)
	var err error
	s.store, err = postgres.Open(t.Context(), s.database)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		require.NoError(t, s.store.Close())
	})
	s.customers = seed(t, s.data, customers, "--database-url", s.database)
	s.admin = strings.TrimSpace(succeed(t, "apikey", "create", "--name", "shop", "--role", "admin",
		"--data-dir", s.data, "--database-url", s.database))
	return s
}

// create makes a product whose orders are held for a week, and returns its ID.
func (s *shop) create(sku string, price, stock int) string {
	s.t.Helper()
	made := s.do(call{method: "POST", path: "/api/products", token: s.admin, body: fmt.Sprintf(`{"sku":%q,"name":"A product",`+
		`"description":"","category":"test","price":{"amount":%d,"currency":"EUR"},"stock":%d,"hold_seconds":604800}`, sku, price, stock)})
	require.Equal(s.t, 201, made.status, made.text)
	return made.id()
}

// place orders a unit. It may be called by any goroutine.
func (s *shop) place(customer int, key, product string) (reply, error) {
	return s.send(s.client, call{method: "POST", path: "/api/orders", token: s.customers[customer].AccessToken, key: key,
		body: fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":1}]}`, product)})
}
