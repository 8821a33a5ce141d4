package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// With DATABASE_URL the server keeps accounts, catalogue and orders in Postgres, and a
// start that finds them goes on.
func TestServeOnPostgres(t *testing.T) {
	database := testserver.StartPostgres(t).NewDatabase(t)
	data := freshDirectory(t)
	server := serve(t, data, "--demo", "--database-url", database)
	token := server.register("ada@example.com", "correct horse battery")
	placed := server.order(token)
	require.Equal(t, 201, placed.status, placed.text)
	server.stop(t)
	_, err := os.Stat(filepath.Join(data, "holdfast.db"))
	require.ErrorIs(t, err, os.ErrNotExist)

	file := filepath.Join(t.TempDir(), "address")
	require.NoError(t, os.WriteFile(file, []byte(database+"\n"), 0o600))
	succeed(t, "journal", "verify", "--data-dir", data, "--database-url-file", file)
	again := serve(t, data, "--database-url-file", file)
	found := again.do(call{method: "GET", path: "/api/orders/" + placed.body["id"].(string), token: token})
	require.Equal(t, 200, found.status, found.text)
	require.Equal(t, 201, again.order(token).status, "the key of the order is known")
	again.stop(t)
}

// A start without the database listens, says that it is not ready, and goes on once the
// database can be reached.
func TestAStartWaitsForTheDatabase(t *testing.T) {
	database, err := url.Parse(testserver.StartPostgres(t).NewDatabase(t))
	require.NoError(t, err)
	proxy := testserver.StartProxy(t, database.Host)
	proxy.Refuse(true)
	database.Host = proxy.Address()
	listen := freeAddress(t)
	server := begin(t, freshDirectory(t), "--listen", listen, "--database-url", database.String())
	server.log.await(t, "the database cannot be reached; the start waits until it can", server.ended)
	waiting := site{t: t, url: "http://" + listen}
	require.Equal(t, 503, waiting.get("/readyz").status)
	require.Equal(t, 200, waiting.get("/livez").status)
	require.Equal(t, 503, waiting.get("/api/products").status)
	proxy.Refuse(false)
	server.log.await(t, "ready", server.ended)
	require.Equal(t, 200, waiting.get("/readyz").status)
	server.stop(t)
}

// startCutsMax bounds the messages of a start to its database.
const startCutsMax = 200

// A start goes on when the way to its database is cut at any message of it, and finds
// everything.
func TestAStartOutlivesItsDatabase(t *testing.T) {
	database, err := url.Parse(testserver.StartPostgres(t, testserver.Careless[1]).NewDatabase(t))
	require.NoError(t, err)
	proxy := testserver.StartProxy(t, database.Host)
	database.Host = proxy.Address()
	data, order, token := freshDirectory(t), "", ""
	for cut := int64(0); ; cut++ {
		require.Less(t, cut, int64(startCutsMax), "the start does not end")
		var messages atomic.Int64
		proxy.Filter(func(fromClient bool, _ []byte) bool { return !fromClient || messages.Add(1) != cut })
		server := serve(t, data, "--demo", "--database-url", database.String())
		sent := messages.Load()
		proxy.Filter(nil)
		if cut == 0 {
			token = server.register("ada@example.com", "correct horse battery")
			placed := server.order(token)
			require.Equal(t, 201, placed.status, placed.text)
			order = placed.body["id"].(string)
		}
		found := server.do(call{method: "GET", path: "/api/orders/" + order, token: token})
		require.Equal(t, 200, found.status, found.text)
		server.stop(t)
		if sent < cut {
			t.Logf("cut at each of %d messages", cut-1)
			return
		}
	}
}

// While the database is away, selling goes on, and it has everything when it is back.
func TestSellingGoesOnWithoutPostgres(t *testing.T) {
	postgres := testserver.StartPostgres(t)
	database := postgres.NewDatabase(t)
	server := serve(t, freshDirectory(t), "--demo", "--database-url", database)
	token := server.register("ada@example.com", "correct horse battery")
	product := server.get("/api/products?limit=1").body["items"].([]any)[0].(map[string]any)["id"].(string)
	place := func(n int) reply {
		return server.do(call{method: "POST", path: "/api/orders", token: token, key: fmt.Sprintf("key-number-%08d", n),
			body: `{"items":[{"product_id":"` + product + `","quantity":1}]}`})
	}
	require.Equal(t, 201, place(0).status)
	postgres.Stop(t, "immediate")
	ids := map[string]bool{}
	for n := range 20 {
		answer := place(n)
		require.Equal(t, 201, answer.status, answer.text)
		ids[answer.body["id"].(string)] = true
	}
	require.Len(t, ids, 20)
	require.Equal(t, 200, server.get("/readyz").status, "selling goes on")
	require.Equal(t, 503, server.post("/api/login", "", `{"email":"ada@example.com","password":"correct horse battery"}`).status)
	postgres.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for listed := 0; listed < 20; {
		require.NoError(t, ctx.Err(), "the database does not catch up")
		answer := server.do(call{method: "GET", path: "/api/orders?limit=100", token: token})
		if answer.status == 200 {
			listed = len(answer.body["items"].([]any))
		}
	}
	server.stop(t)
}

// A journal and a database that do not belong together are refused.
func TestAnotherDatabaseIsRefused(t *testing.T) {
	postgres := testserver.StartPostgres(t, testserver.Careless[1])
	first, second := postgres.NewDatabase(t), postgres.NewDatabase(t)
	data, other := freshDirectory(t), freshDirectory(t)
	for directory, database := range map[string]string{data: first, other: second} {
		server := serve(t, directory, "--demo", "--database-url", database)
		require.Equal(t, 201, server.order(server.register("ada@example.com", "correct horse battery")).status)
		server.stop(t)
	}
	o := run(t, append(serveArguments(data), "--database-url", second)...)
	require.Equal(t, exitCorrupt, o.code, o.stderr)
	require.Contains(t, o.stderr, "restore the journal and the database from one backup")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
