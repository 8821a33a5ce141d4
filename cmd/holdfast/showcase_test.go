package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
)

// What a ticker cannot do without is asked for before anything is touched, and it has no
// data directory.
func TestATickerSaysWhatItNeeds(t *testing.T) {
	key := []string{"--signing-key", randomKey(t)}
	address := []string{"--redis-url", "redis://127.0.0.1:1/0"}
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"no Redis":      {key, "set REDIS_URL or REDIS_URL_FILE"},
		"no key":        {address, "set HOLDFAST_SIGNING_KEY_FILE to its keys/signing.key, or HOLDFAST_REDIS_SECRET_FILE at both"},
		"two secrets":   {append([]string{"--redis-secret", "a", "--redis-secret-file", "b"}, address...), "set one of them"},
		"self-signed":   {append(append([]string{"--tls-self-signed"}, key...), address...), "HOLDFAST_TLS_CERTIFICATE_FILE"},
		"a poor secret": {append([]string{"--redis-secret", "c2VjcmV0"}, address...), "the secret of HOLDFAST_REDIS_SECRET has 6 bytes"},
		"another role":  {append([]string{"--role", "owner"}, address...), "must be one of"},
	} {
		t.Run(name, func(t *testing.T) {
			data := freshDirectory(t)
			o := run(t, append(append(serveArguments(data), "--role", "ticker"), c.arguments...)...)
			assert.NotEqual(t, exitOK, o.code)
			assert.Contains(t, o.stderr, c.want)
			assert.NoDirExists(t, data)
		})
	}
}

// A ticker that nobody tells anything waits, says why, and ends in order; one with another
// secret says that what it hears is refused. Neither opens a WebSocket.
func TestATickerWaitsForTheProducts(t *testing.T) {
	redis := testserver.StartRedis(t)
	owner := serve(t, freshDirectory(t), "--demo", "--redis-url", redis.URL(), "--redis-secret", randomKey(t))
	s := begin(t, freshDirectory(t), "--role", "ticker", "--redis-url", redis.URL(), "--redis-secret", randomKey(t))
	s.log.awaitText(t, "the start waits until they are", 1, s.ended)
	s.log.awaitText(t, "messages were refused: are key, namespace and version those of the process that takes orders?", 1, s.ended)
	s.stop(t)
	require.NotContains(t, s.log.String(), `"msg":"ready"`)
	owner.stop(t)
}

// showTimeMax is how long after the last trouble watchers may be shown what is not so, or
// not be told that nobody knows; showSlack is what a noisy machine may take besides.
const (
	showTimeMax = 3 * time.Second
	showSlack   = 2 * time.Second
)

// spectator watches a product at a ticker, without an end, and judges what it is told.
type spectator struct {
	watcher
	lock sync.Mutex
	last map[string]any
	// shown is what each version was shown as: available, reserved and sold.
	shown map[uint64][3]float64
}

// spectate watches a product until the test ends.
func spectate(t *testing.T, at site, product string) *spectator {
	s := &spectator{watcher: at.watch(product), shown: map[uint64][3]float64{}}
	require.NoError(t, s.SetReadDeadline(time.Time{}))
	var reading sync.WaitGroup
	reading.Go(s.follow)
	t.Cleanup(func() {
		s.Close()
		reading.Wait()
	})
	return s
}

func (s *spectator) follow() {
	for {
		_, data, err := s.ReadMessage()
		if err != nil && !errors.Is(err, net.ErrClosed) {
			s.t.Errorf("a ticker has closed: %v", err)
		}
		if err != nil {
			return
		}
		var frame map[string]any
		if err := json.Unmarshal(data, &frame); err != nil || frame["t"] != "s" && frame["t"] != "u" {
			continue
		}
		s.take(frame)
	}
}

// take judges a frame: no version falls, and none is shown in two ways.
func (s *spectator) take(frame map[string]any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if available, told := frame["a"].(float64); told && frame["same"] == nil {
		version, now := uint64(frame["s"].(float64)), [3]float64{available, frame["r"].(float64), frame["d"].(float64)}
		if before, was := s.shown[version]; was && before != now {
			s.t.Errorf("version %d is shown as %v, and was as %v", version, now, before)
		}
		s.shown[version] = now
	}
	order := func(frame map[string]any) [2]float64 {
		epoch, _ := frame["e"].(float64)
		version, _ := frame["s"].(float64)
		return [2]float64{epoch, version}
	}
	before, now := order(s.last), order(frame)
	if now[0] < before[0] || now[0] == before[0] && now[1] < before[1] {
		s.t.Errorf("%v after %v", now, before)
	}
	for name, value := range s.last { // what is told rarely stays
		if _, told := frame[name]; !told {
			frame[name] = value
		}
	}
	s.last = frame
}

// shows returns members of what was told last.
func (s *spectator) shows(members ...string) (shown []any) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, member := range members {
		shown = append(shown, s.last[member])
	}
	return shown
}

// theatre is a process that sells, a ticker that another network leads to Redis, and
// spectators of each product there.
type theatre struct {
	t                *testing.T
	redis            *testserver.Redis
	network          *testserver.Proxy
	data             string
	owner            *process
	sells, shows     site
	admin, customer  string
	products         []string
	spectators       map[string][]*spectator
	orders           int
	slowest, stalest time.Duration
}

const (
	theatreProducts  = 4
	spectatorsOfEach = 3
)

// openTheatre starts the ticker first, which is told of a catalogue that is there already.
func openTheatre(t *testing.T) *theatre {
	h := &theatre{t: t, redis: testserver.StartRedis(t), data: freshDirectory(t), spectators: map[string][]*spectator{}}
	h.network = testserver.StartProxy(t, strings.TrimSuffix(strings.TrimPrefix(h.redis.URL(), "redis://"), "/0"))
	t.Setenv("HOLDFAST_SIGNING_KEY", randomKey(t))
	t.Setenv("HOLDFAST_REDIS_SECRET", randomKey(t))
	h.admin, h.customer = createKey(t, h.data, "shop", "admin"), seed(t, h.data, 1)[0].AccessToken
	nothing := freshDirectory(t)
	ticker := launch(t, append(serveArguments(nothing), "--role", "ticker", "--redis-url", "redis://"+h.network.Address()+"/0")...)
	h.open()
	for n := range theatreProducts {
		made := h.sells.post("/api/products", h.admin, strings.Replace(someProduct(fmt.Sprintf("SKU-%d", n)), `"stock":10`, `"stock":100000`, 1))
		require.Equal(t, 201, made.status, made.text)
		h.products = append(h.products, made.id())
	}
	entry := ticker.log.await(t, "ready", ticker.ended)
	h.shows = site{t: t, url: entry["url"].(string), admin: "http://" + entry["admin"].(string)}
	require.NoDirExists(t, nothing)
	require.Eventually(t, func() bool { return h.shows.figure("ws_products") == theatreProducts }, patience, 10*time.Millisecond)
	for _, product := range h.products {
		for range spectatorsOfEach {
			h.spectators[product] = append(h.spectators[product], spectate(t, h.shows, product))
		}
	}
	h.awaitTruth("at the start")
	return h
}

// open starts the process that sells.
func (h *theatre) open() { h.owner, h.sells = launchServer(h.t, h.data, "--redis-url", h.redis.URL()) }

// sell has orders placed, and some of them paid, for some time.
func (h *theatre) sell(duration time.Duration) {
	h.t.Helper()
	for over := time.After(duration); ; h.orders++ {
		select {
		case <-over:
			return
		default:
		}
		placed := h.sells.do(call{method: "POST", path: "/api/orders", token: h.customer, key: fmt.Sprintf("order-of-one-%08d", h.orders),
			body: `{"items":[{"product_id":"` + h.products[rand.IntN(len(h.products))] + `","quantity":1}]}`})
		require.Equal(h.t, 201, placed.status, placed.text)
		if h.orders%2 == 0 {
			require.Equal(h.t, 200, h.sells.post("/api/orders/"+placed.id()+"/confirm", h.customer, "").status)
		}
	}
}

// awaitTruth waits until every spectator is shown what the process that sells says itself,
// of stock and price, and nothing is stale. It must not take longer than it may.
func (h *theatre) awaitTruth(after string) {
	h.t.Helper()
	defer h.explain()
	began := time.Now()
	for _, product := range h.products {
		row := h.sells.get("/api/products/" + product).body
		stock, price := h.sells.get("/api/products/"+product+"/stock").body, row["price"].(map[string]any)["amount"]
		want := []any{stock["available"], stock["reserved"], stock["committed"], stock["version"], price} // nothing is shipped: what is sold is committed
		for _, each := range h.spectators[product] {
			require.Eventually(h.t, func() bool { return assert.ObjectsAreEqual(want, each.shows("a", "r", "d", "s", "price")) },
				max(showTimeMax+showSlack-time.Since(began), time.Millisecond), 5*time.Millisecond, "%s: %v is shown in place of %v", after, each, want)
		}
	}
	require.Eventually(h.t, func() bool { return h.shows.figure("ws_stale_products") == 0 && h.shows.get("/readyz").status == 200 },
		max(showTimeMax+showSlack-time.Since(began), time.Millisecond), 5*time.Millisecond, "%s: it is stale still: %s", after, h.shows.get("/readyz?verbose").text)
	h.slowest = max(h.slowest, time.Since(began))
	h.t.Logf("%s: all is shown as it is after %.2f s", after, time.Since(began).Seconds())
}

// explain says what both processes know of Redis, when a test has failed.
func (h *theatre) explain() {
	if !h.t.Failed() {
		return
	}
	for name, at := range map[string]site{"the process that sells": h.sells, "the ticker": h.shows} {
		figures, err := site{t: h.t, url: at.admin}.ask(call{method: "GET", path: "/metrics"})
		h.t.Log(name, err)
		for line := range strings.Lines(figures.text) {
			if strings.HasPrefix(line, "inventory_bus") || strings.HasPrefix(line, "ws_") {
				h.t.Log(strings.TrimSpace(line))
			}
		}
	}
	h.t.Logf("%s", h.owner.log)
}

// awaitStale waits until the ticker knows that it knows nothing, and says so. began is when
// that was so.
func (h *theatre) awaitStale(during string, began time.Time) {
	h.t.Helper()
	defer h.explain()
	require.Eventually(h.t, func() bool { return h.shows.figure("ws_stale_products") == theatreProducts },
		showTimeMax+showSlack-time.Since(began), 5*time.Millisecond, during)
	h.stalest = max(h.stalest, time.Since(began))
	h.t.Logf("%s: stale after %.2f s", during, time.Since(began).Seconds())
	require.Eventually(h.t, func() bool { return h.shows.get("/readyz").status == 503 }, showSlack, 5*time.Millisecond, during)
	require.Contains(h.t, h.shows.get("/readyz?verbose").text, "all was known", during)
	require.Greater(h.t, h.shows.figure("ws_keyframe_age_seconds"), 2.5, during)
}

// requireDurable folds the journals, and requires that whatever was shown is in them.
func (h *theatre) requireDurable(folders ...string) {
	h.t.Helper()
	stocks, durable := map[string]inventory.Stock{}, map[string]map[uint64][3]float64{}
	for _, product := range h.products {
		durable[product] = map[uint64][3]float64{0: {}}
	}
	for _, folder := range folders {
		require.NoError(h.t, journal.Dump(presentDisk{}, folder, 1, 0, func(_ uint64, record []byte) error {
			event, err := persistence.DecodeEvent(record)
			if err != nil {
				return err
			}
			for i := range event.Lines {
				product := event.Lines[i].ProductID.String()
				stock := stocks[product]
				if err := stock.Evolve(&event, &event.Lines[i]); err != nil {
					return err
				}
				stocks[product] = stock
				durable[product][stock.Version] = [3]float64{float64(stock.Available()), float64(stock.Reserved), float64(stock.Sold)}
			}
			return nil
		}))
	}
	shown := 0
	for _, product := range h.products {
		for _, each := range h.spectators[product] {
			each.lock.Lock()
			for version, was := range each.shown {
				require.Equal(h.t, durable[product][version], was, "version %d of %s is in the journal", version, product)
				shown++
			}
			each.lock.Unlock()
		}
	}
	require.Greater(h.t, shown, len(h.products)*spectatorsOfEach)
	h.t.Logf("%d states that were shown are those of the journal", shown)
}

// Whoever watches at a ticker sees the stock of another process: through lost messages,
// cut connections, a Redis that stands still, is killed and comes back empty, and the death
// of the process that sells. Three seconds after the last trouble every client is shown what
// is so, three seconds after the first the ticker knows that it does not know, no version
// ever falls, and every state that was shown is one of the journal.
func TestATickerShowsWhatAnotherProcessSells(t *testing.T) {
	h := openTheatre(t)
	h.sell(300 * time.Millisecond)
	h.awaitTruth("without trouble")

	for _, kept := range []int{7, 0} { // of ten; at last nothing, so that only the next keyframe can tell
		h.network.Lose(func(fromClient bool, chunk []byte) bool {
			return fromClient || !bytes.Contains(chunk, []byte("\r\nmessage\r\n")) || rand.IntN(10) < kept
		})
		h.sell(600 * time.Millisecond)
	}
	h.network.Lose(nil)
	h.awaitTruth("lost messages")
	require.Positive(t, h.shows.figure("inventory_bus_gaps_total"))

	for range 5 {
		h.sell(100 * time.Millisecond)
		h.network.Cut()
	}
	h.awaitTruth("cut connections")
	require.Positive(t, h.shows.figure("ws_pubsub_reconnects_total"))

	began := time.Now()
	resume := h.redis.Pause(t)
	h.sell(200 * time.Millisecond)
	h.awaitStale("a Redis that stands still", began)
	resume()
	h.awaitTruth("a Redis that stood still")

	began = time.Now()
	require.NoError(t, h.redis.Client(t).Do(t.Context(), "CLIENT", "PAUSE", "3500", "ALL").Err())
	h.sell(200 * time.Millisecond)
	h.awaitStale("a Redis that pauses its clients", began)
	<-time.After(3500*time.Millisecond - time.Since(began))
	h.awaitTruth("a Redis that paused its clients")

	began = time.Now()
	h.redis.Kill(t)
	h.sell(200 * time.Millisecond)
	h.awaitStale("no Redis", began)
	h.redis.Start(t)
	h.awaitTruth("a Redis that is new and empty")

	began = time.Now()
	h.owner.signal(t, os.Kill)
	h.owner.wait(t)
	h.awaitStale("nobody sells", began)
	h.open()
	h.sell(100 * time.Millisecond)
	h.awaitTruth("a new start")
	before := h.spectators[h.products[0]][0].shows("e")[0]
	first := h.startAnew()
	h.sell(200 * time.Millisecond)
	h.awaitTruth("a new start in a later epoch")
	require.Greater(t, h.spectators[h.products[0]][0].shows("e")[0], before)
	h.owner.signal(t, os.Interrupt)
	require.True(t, h.owner.wait(t).Success())
	h.requireDurable(first, filepath.Join(h.data, "journal"))
	t.Logf("right %.2f s after the last trouble at the latest, stale %.2f s after the first", h.slowest.Seconds(), h.stalest.Seconds())
}

// startAnew ends the process that sells, and starts it on a journal of a later epoch. It
// returns where the one before is.
func (h *theatre) startAnew() (first string) {
	h.t.Helper()
	h.owner.signal(h.t, os.Interrupt)
	require.True(h.t, h.owner.wait(h.t).Success())
	first = filepath.Join(h.t.TempDir(), "journal")
	require.NoError(h.t, os.Rename(filepath.Join(h.data, "journal"), first))
	succeed(h.t, "journal", "renew", "--yes", "--data-dir", h.data)
	h.open()
	return first
}

// What is changed besides the stock is shown too, within about a second, with and without
// trouble; and a ticker does nothing else.
func TestATickerShowsChangedRules(t *testing.T) {
	h := openTheatre(t)
	product := h.products[0]
	shown := h.spectators[product][0]
	change := func(path, body string) {
		t.Helper()
		method := "POST"
		if path == "" {
			method = "PUT"
		}
		request, err := http.NewRequestWithContext(t.Context(), method, h.sells.url+"/api/products/"+product+path, strings.NewReader(body))
		require.NoError(t, err)
		for name, value := range map[string]string{"Authorization": "Bearer " + h.admin, "If-Match": "*", "Content-Type": "application/json"} {
			if name != "Content-Type" || body != "" {
				request.Header.Set(name, value)
			}
		}
		answer, err := client.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, 200, answer.StatusCode)
	}
	await := func(what string, want any, member string) {
		t.Helper()
		began := time.Now()
		require.Eventually(t, func() bool { return assert.ObjectsAreEqual([]any{want}, shown.shows(member)) },
			time.Second+showSlack, 5*time.Millisecond, "%s is not shown: %v", what, shown.shows(member))
		t.Logf("%s is shown after %.2f s", what, time.Since(began).Seconds())
	}
	body := func(amount int, further string) string {
		return fmt.Sprintf(`{"sku":"SKU-0","name":"Another name","description":"","category":"test","price":{"amount":%d,"currency":"EUR"}%s}`, amount, further)
	}
	before := shown.shows("s")[0]
	change("", body(250, ""))
	await("a price", 250., "price")
	change("/pause", "")
	await("a pause", "paused", "ph")
	change("/resume", "")
	await("its end", "live", "ph")
	starts := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	change("", body(250, `,"sale":{"starts_at":"`+starts.Format(time.RFC3339)+`","ends_at":null}`))
	await("a window", float64(starts.UnixMilli()), "start")
	await("its phase", "scheduled", "ph")
	require.Equal(t, before, shown.shows("s")[0], "rules have no stock version")

	h.network.Cut()
	h.network.Refuse(true)
	change("", body(300, ""))
	h.network.Refuse(false)
	h.awaitTruth("a price that was changed while Redis could not be reached")
	require.Equal(t, 404, h.shows.get("/api/products").status)
	require.Equal(t, 200, h.shows.get("/livez").status)
	require.GreaterOrEqual(t, h.shows.figure("ws_pubsub_lag_seconds"), 0.0)
}
