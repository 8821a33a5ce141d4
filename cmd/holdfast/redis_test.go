package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence/persistencetest"
	"holdfast/persistence/redis"
)

// What is no address is refused before anything is touched, and no password is shown.
func TestBadRedisOptionsAreRefused(t *testing.T) {
	const password = "pa55word"
	bad := "redis://user:" + password + "@host:port/0"
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"address":         {[]string{"--redis-url", bad}, "REDIS_URL (--redis-url) is not an address of the form redis://user:password@host:port/number"},
		"another scheme":  {[]string{"--redis-url", "http://user:" + password + "@host"}, "not an address"},
		"in a file":       {[]string{"--redis-url-file", writeFile(t, bad+"\n", 0o600)}, "of REDIS_URL_FILE, is not an address"},
		"an empty file":   {[]string{"--redis-url-file", writeFile(t, " \n", 0o600)}, "of REDIS_URL_FILE, is empty"},
		"namespace":       {[]string{"--redis-namespace", "a:b"}, "--redis-namespace: a namespace has 1 to 64 characters"},
		"empty namespace": {[]string{"--redis-namespace="}, "--redis-namespace: a namespace has 1 to 64 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			data := freshDirectory(t)
			o := run(t, append(serveArguments(data), c.arguments...)...)
			assert.Equal(t, exitUsage, o.code)
			assert.Contains(t, o.stderr, c.want)
			assert.NotContains(t, o.stdout+o.stderr, password)
			if _, file := map[string]bool{"in a file": true, "an empty file": true}[name]; !file {
				assert.NoDirExists(t, data)
			}
		})
	}
	t.Run("a missing file", func(t *testing.T) {
		o := run(t, append(serveArguments(freshDirectory(t)), "--redis-url-file", "/nowhere/at/all")...)
		assert.Equal(t, exitError, o.code)
		assert.Contains(t, o.stderr, "read the file of REDIS_URL_FILE")
	})
	o := run(t, "config", "print", "--redis-url", "redis://user:"+password+"@host:1/0")
	assert.Equal(t, exitOK, o.code)
	assert.Contains(t, o.stdout, `"redis_url": "[redacted]"`)
	assert.NotContains(t, o.stdout+o.stderr, password)
}

// Health and metrics tell of Redis where there is one, and nothing becomes unready
// without it.
func TestRedisIsShown(t *testing.T) {
	server := testserver.StartRedis(t)
	file := writeFile(t, server.URL()+"\n", 0o600)
	s := serve(t, freshDirectory(t), "--demo", "--redis-url-file", file, "--database-url", testserver.StartPostgres(t).NewDatabase(t))
	state := func() string {
		answer := s.get("/readyz?verbose")
		require.Equal(t, 200, answer.status, answer.text)
		for _, check := range answer.body["checks"].([]any) {
			if check := check.(map[string]any); check["name"] == "redis" {
				return check["status"].(string)
			}
		}
		return "absent"
	}
	require.Eventually(t, func() bool { return state() == "ok" }, patience, 10*time.Millisecond)
	product := s.get("/api/products?limit=1").body["items"].([]any)[0].(map[string]any)["id"].(string)
	require.Eventually(t, func() bool {
		require.Equal(t, 200, s.get("/api/products/"+product).status)
		return s.figure("inventory_cache_hits_total") > 0 && s.figure("inventory_bus_messages_total") > 0 &&
			s.figure("inventory_bus_published_total") > 0 && s.figure("inventory_redis_resting") == 0
	}, patience, 10*time.Millisecond)

	server.Kill(t)
	require.Eventually(t, func() bool { return state() == "degraded" }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		require.Equal(t, 200, s.get("/api/products/"+product).status)
		return s.figure("inventory_redis_resting") == 1 && s.figure("inventory_cache_avoided_total") > 0 && s.figure("inventory_bus_away") == 1
	}, patience, 10*time.Millisecond)
	require.Positive(t, s.figure("inventory_cache_failures_total"))
	server.Start(t)
	require.Eventually(t, func() bool { return state() == "ok" && s.figure("inventory_bus_away") == 0 }, patience, 10*time.Millisecond)
	s.stop(t)
}

// A database of the process's own has copies in its own memory, with Redis or without, and
// a server without Redis says nothing of it.
func TestCopiesOfAnOwnDatabaseAreItsOwn(t *testing.T) {
	for _, arguments := range [][]string{{"--demo"}, {"--demo", "--redis-url", testserver.StartRedis(t).URL()}} {
		s := serve(t, freshDirectory(t), arguments...)
		product := s.get("/api/products?limit=1").body["items"].([]any)[0].(map[string]any)["id"].(string)
		for range 2 {
			require.Equal(t, 200, s.get("/api/products/"+product).status)
		}
		require.EqualValues(t, 1, s.figure("inventory_cache_hits_total"))
		require.EqualValues(t, 1, s.figure("inventory_cache_entries"))
		require.Positive(t, s.figure("inventory_cache_bytes"))
		withRedis := len(arguments) > 1
		require.Equal(t, withRedis, strings.Contains(s.get("/readyz?verbose").text, "redis"))
		require.Equal(t, withRedis, strings.Contains(site{t: t, url: s.admin}.get("/metrics").text, "inventory_bus"))
		s.stop(t)
	}
}

// figure reads a metric without labels.
func (s site) figure(name string) float64 {
	s.t.Helper()
	text := site{t: s.t, url: s.admin}.get("/metrics").text
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	require.NotNil(s.t, found, name)
	value, err := strconv.ParseFloat(found[1], 64)
	require.NoError(s.t, err)
	return value
}

// audience is another process that hears the stock, with the same signing key.
type audience struct {
	*persistencetest.BusView
	site     site
	products []inventory.ID
}

func newAudience(t *testing.T, address, signingKey string) *audience {
	t.Helper()
	key, err := decodeSigningKey("test", signingKey)
	require.NoError(t, err)
	secret, err := hintSecret(key)
	require.NoError(t, err)
	server, err := redis.Open(redis.Options{URL: address, Secret: secret, Clock: clock.NewSystem(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	bus := server.NewBus()
	t.Cleanup(func() {
		require.NoError(t, bus.Close())
		require.NoError(t, server.Close())
	})
	return &audience{BusView: persistencetest.WatchBus(t, bus)}
}

// awaitTruth waits until it knows of every product what the server itself shows, and that
// it knows it. Nobody orders meanwhile.
func (a *audience) awaitTruth(t *testing.T) {
	t.Helper()
	for _, product := range a.products {
		shown := a.site.get("/api/products/" + product.String() + "/stock").body
		want := [4]any{shown["available"], shown["reserved"], shown["committed"], shown["version"]}
		var known [4]any
		require.Eventually(t, func() bool {
			state, _ := a.State(product)
			// Nothing is shipped here, so what is sold is committed.
			known = [4]any{float64(state.Available), float64(state.Reserved), float64(state.Sold), float64(state.Version)}
			return known == want && a.IsFresh(product)
		}, patience, 10*time.Millisecond, "product %s", product)
	}
}

// Another process learns the last durable stock of every product: of a start, after
// orders, after Redis was killed or stood still, and after the server was killed in the
// middle of its work. What is told never goes back.
func TestAnotherProcessLearnsTheStock(t *testing.T) {
	server, data, key := testserver.StartRedis(t), freshDirectory(t), randomKey(t)
	t.Setenv("HOLDFAST_SIGNING_KEY", key)
	admin := createKey(t, data, "shop", "admin")
	customers := seed(t, data, 4)
	p, at := launchServer(t, data, "--redis-url", server.URL())
	heard := newAudience(t, server.URL(), key)
	heard.site = at
	for n := range 5 {
		made := at.post("/api/products", admin, someProduct(fmt.Sprintf("SKU-%d", n)))
		require.Equal(t, 201, made.status, made.text)
		id, err := inventory.ParseID(made.body["id"].(string))
		require.NoError(t, err)
		heard.products = append(heard.products, id)
		require.Equal(t, 200, at.do(call{method: "POST", path: "/api/products/" + id.String() + "/stock", token: admin,
			key: fmt.Sprintf("more-units-of-%08d", n), body: `{"delta":100000,"reason":"found"}`}).status)
	}
	var serial int
	buy := func(at site, times int, token string) {
		for range times {
			serial++
			placed := at.do(call{method: "POST", path: "/api/orders", token: token, key: fmt.Sprintf("order-of-one-%08d", serial),
				body: `{"items":[{"product_id":"` + heard.products[rand.IntN(len(heard.products))].String() + `","quantity":1}]}`})
			require.Equal(t, 201, placed.status, placed.text)
			if serial%2 == 0 {
				paid := at.post("/api/orders/"+placed.body["id"].(string)+"/confirm", token, "")
				require.Equal(t, 200, paid.status, paid.text)
			}
		}
	}
	heard.awaitTruth(t)
	buy(at, 30, customers[0].AccessToken)
	heard.awaitTruth(t)

	server.Kill(t)
	buy(at, 20, customers[0].AccessToken)
	server.Start(t)
	heard.awaitTruth(t)

	resume := server.Pause(t)
	buy(at, 20, customers[0].AccessToken)
	resume()
	heard.awaitTruth(t)

	var buyers sync.WaitGroup
	for n, customer := range customers {
		buyers.Go(func() { buyUntilItFails(t, at, heard.products, customer.AccessToken, n) })
	}
	require.Eventually(t, func() bool {
		state, _ := heard.State(heard.products[0])
		return state.Version > 60
	}, patience, 10*time.Millisecond, "nothing is told under load")
	p.signal(t, os.Kill)
	p.wait(t)
	buyers.Wait()
	_, heard.site = launchServer(t, data, "--redis-url", server.URL())
	heard.awaitTruth(t)
}

// buyUntilItFails places orders until the server is gone.
func buyUntilItFails(t *testing.T, at site, products []inventory.ID, token string, buyer int) {
	for n := 0; ; n++ {
		placed, err := at.ask(call{method: "POST", path: "/api/orders", token: token, key: fmt.Sprintf("order-of-%d-%08d", buyer, n),
			body: `{"items":[{"product_id":"` + products[n%len(products)].String() + `","quantity":1}]}`})
		if err != nil {
			return
		}
		assert.Equal(t, 201, placed.status, placed.text)
	}
}
