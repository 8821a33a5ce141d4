package bench

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"holdfast/bench/cage"
	"holdfast/internal/testserver"
)

// backlogConnections is how many connections order while the database is away.
const backlogConnections = 32

// awayShop is a shop whose Postgres can go away, with a session that orders from it.
type awayShop struct {
	*flashSession
	postgres *testserver.Postgres
	database string
}

// openAwayShop starts a shop of two products: the first has plenty, the second one unit.
func openAwayShop(t *testing.T, box *cage.Cage, environment ...string) *awayShop {
	a := &awayShop{postgres: testserver.StartPostgres(t)}
	a.database = a.postgres.NewDatabase(t)
	shop, err := shopPlan{binary: buildHoldfast(t), customers: 100, cage: box,
		environment: append([]string{"DATABASE_URL=" + a.database, "HOLDFAST_JOURNAL_SEGMENT_BYTES=4194304"}, environment...)}.open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, shop.close(), "%s", &shop.log) })
	a.flashSession = newFlashSession(shop)
	t.Cleanup(a.client.Close)
	for _, stock := range []int64{plenty, 1} {
		_, err = a.putOnSale(1, stock)
		require.NoError(t, err)
	}
	require.NoError(t, shop.awaitDrained(t.Context()))
	return a
}

// orderUntil orders units of the first product, one each, until the predicate is true of
// how an order ended, or so many were accepted. It returns how many.
func (a *awayShop) orderUntil(t *testing.T, accepted int, enough func(flashEntry) bool) int {
	t.Helper()
	count, over := 0, false
	for !over && count < accepted {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		entries, err := a.closedLoop(ctx, backlogConnections, only(0), 200*time.Millisecond)
		cancel()
		require.NoError(t, err, "%s", &a.shop.log)
		for _, entry := range entries {
			if entry.outcome == flashAccepted {
				count++
			}
			over = over || enough(entry)
		}
		a.entries = append(a.entries, entries...)
	}
	return count
}

// firstAccepted returns the first of the entries that was accepted.
func (a *awayShop) firstAccepted(entries []flashEntry) *flashEntry {
	return &entries[slices.IndexFunc(entries, func(entry flashEntry) bool { return entry.outcome == flashAccepted })]
}

// refusedForBacklog reports whether the code of an answer is that of a full backlog.
func (a *awayShop) refusedForBacklog(entry flashEntry) bool {
	return entry.outcome != flashAccepted && a.codes.name(entry.code) == "store_unavailable"
}

// request sends one order of a product, by its serial.
func (a *awayShop) request(t *testing.T, serial, product uint32) *fasthttp.Response {
	request, response := fasthttp.AcquireRequest(), &fasthttp.Response{}
	defer fasthttp.ReleaseRequest(request)
	request.SetRequestURI("http://" + a.shop.address + "/api/orders")
	request.Header.SetMethod("POST")
	request.Header.SetContentType("application/json")
	request.Header.Set("Authorization", "Bearer "+a.shop.tokens[a.customer(serial)])
	request.Header.Set("Idempotency-Key", a.key(serial))
	request.SetBodyString(orderBody(a.products[product].id))
	require.NoError(t, fasthttp.DoTimeout(request, response, wireTimeout))
	return response
}

// gauge reads one metric of the server.
func (a *awayShop) gauge(t *testing.T, name string) int64 {
	metrics, err := a.shop.metrics()
	require.NoError(t, err)
	value, err := readGauge(metrics, name)
	require.NoError(t, err)
	return value
}

// get asks for a path without a token.
func (a *awayShop) get(t *testing.T, path string) (int, string) {
	status, body, err := fasthttp.GetTimeout(nil, "http://"+a.shop.address+path, wireTimeout)
	require.NoError(t, err)
	return status, string(body)
}

// requireTold requires that metrics and /readyz say that the backlog is full.
func (a *awayShop) requireTold(t *testing.T) {
	status, _ := a.get(t, "/readyz")
	require.Equal(t, 503, status)
	status, text := a.get(t, "/readyz?verbose")
	require.Equal(t, 503, status)
	require.Contains(t, text, "too many orders wait to be written to the database")
	require.Regexp(t, `[1-9]\d* of at most \d+ records and [1-9]\d* of at most \d+ bytes wait for the database`, text)
	require.Regexp(t, `[1-9]\d* attempts failed`, text)
	require.Zero(t, a.gauge(t, "inventory_database_up"))
	records, bytes := a.gauge(t, "inventory_projection_backlog_records"), a.gauge(t, "inventory_projection_backlog_bytes")
	full := records >= a.gauge(t, "inventory_projection_backlog_records_max") || bytes >= a.gauge(t, "inventory_projection_backlog_bytes_max")
	require.True(t, full, "%d records, %d bytes", records, bytes)
}

// requireRefused requires the refusal of a new order, and that it left nothing behind.
func (a *awayShop) requireRefused(t *testing.T) {
	before, err := a.shop.stock(a.products[0].id)
	require.NoError(t, err, "stock can be read")
	serial := a.serial.Add(1)
	response := a.request(t, serial, 0)
	require.Equal(t, 503, response.StatusCode(), "%s", response.Body())
	require.Contains(t, string(response.Body()), `"code":"store_unavailable"`)
	seconds, err := strconv.Atoi(string(response.Header.Peek("Retry-After")))
	require.NoError(t, err)
	require.Positive(t, seconds)
	after, err := a.shop.stock(a.products[0].id)
	require.NoError(t, err)
	require.Equal(t, before, after)
	a.entries = append(a.entries, flashEntry{serial: serial, outcome: flashUnknown, code: a.codes.number("store_unavailable")})
}

// requireReplayed requires that the key of an accepted order is answered with it.
func (a *awayShop) requireReplayed(t *testing.T, entry *flashEntry) {
	response := a.request(t, entry.serial, entry.product)
	require.Equal(t, 201, response.StatusCode(), "%s", response.Body())
	require.Equal(t, "true", string(response.Header.Peek("Idempotent-Replayed")))
	var order struct {
		ID string `json:"id"`
	}
	require.NoError(t, json.Unmarshal(response.Body(), &order))
	id, is := parseUUID([]byte(order.ID))
	require.True(t, is && id == entry.id, "%s is another order", order.ID)
}

// requireAllThere requires that lists, stocks and SQL have every order that was accepted,
// and no other.
func (a *awayShop) requireAllThere(t *testing.T) {
	require.NoError(t, a.shop.awaitDrained(t.Context()))
	require.NoError(t, a.check(t.Context(), Flash{}.newBar("", 0)))
	require.Zero(t, a.faults.count, "%v", a.faults.texts)
	var want []string
	for i := range a.entries {
		entry := &a.entries[i]
		require.False(t, entry.found, "key %s was refused and has an order", a.key(entry.serial))
		if entry.placed() {
			want = append(want, hex.EncodeToString(entry.id[:]))
		}
	}
	slices.Sort(want)
	const orders = `SELECT replace(o.id::text, '-', '') FROM orders o JOIN order_items i ON i.order_id = o.id AND i.quantity = 1 ORDER BY 1`
	require.True(t, slices.Equal(want, a.postgres.Texts(t, a.database, orders)), "the orders in SQL are those that were accepted")
	require.Equal(t, []string{fmt.Sprint(len(want))}, a.postgres.Texts(t, a.database, "SELECT sum(reserved)::text FROM stock"))
}

// While the database is away orders are accepted up to a bound and then refused, before
// any effect; what needs no order goes on. When the database is back, selling resumes by
// itself, and nothing is lost.
func TestSellingStopsAtTheBoundOfTheBacklogAndResumes(t *testing.T) {
	for _, bound := range []string{"HOLDFAST_BACKLOG_RECORDS_MAX=3000", "HOLDFAST_BACKLOG_BYTES_MAX=600000"} {
		t.Run(bound, func(t *testing.T) {
			a := openAwayShop(t, nil, bound)
			last, err := a.closedLoop(t.Context(), 1, only(1), 50*time.Millisecond)
			require.NoError(t, err)
			a.entries = append(a.entries, last...)
			a.postgres.Stop(t, "immediate")
			accepted := a.orderUntil(t, 1_000_000, a.refusedForBacklog)
			require.Greater(t, accepted, 2000)
			require.Less(t, accepted, 6000)
			a.requireTold(t)
			a.requireRefused(t)
			waiting := a.firstAccepted(a.entries[len(last):])
			a.requireReplayed(t, waiting)
			response := a.request(t, a.serial.Add(1), 1)
			require.Equal(t, 409, response.StatusCode(), "what is sold out is told so: %s", response.Body())

			a.postgres.Start(t)
			a.orderUntil(t, 2000, func(flashEntry) bool { return false })
			require.Eventually(t, func() bool { status, _ := a.get(t, "/readyz"); return status == 200 }, time.Minute, 10*time.Millisecond)
			a.requireReplayed(t, waiting)
			a.requireReplayed(t, a.firstAccepted(last))
			a.requireAllThere(t)
		})
	}
}

const (
	// backlogOrders are how many orders wait for the database in the test of their memory:
	// a million in `make test-memory`.
	backlogOrders = 100_000
	// backlogOrderBytes is what one of them takes at most, as documentation/operations.md
	// says, and backlogBaseBytes what a server has besides.
	backlogOrderBytes = 800
	backlogBaseBytes  = 160 << 20
)

// What waits for the database takes a known amount of memory, and a server that is given
// that lives: it is in a control group of that size where the machine lets it be.
func TestABacklogFitsItsMemory(t *testing.T) {
	count := backlogOrders
	if text := os.Getenv("HOLDFAST_MEMORY_ORDERS"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err, "HOLDFAST_MEMORY_ORDERS")
	}
	size := int64(backlogBaseBytes + count*backlogOrderBytes)
	box, err := cage.New(size)
	if err != nil {
		require.ErrorIs(t, err, cage.ErrNotPermitted)
		t.Logf("without a control group: %v", err)
	} else {
		t.Cleanup(func() { require.NoError(t, box.Close()) })
	}
	a := openAwayShop(t, box)
	if box != nil {
		limit := float64(a.gauge(t, "go_gc_gomemlimit_bytes"))
		require.LessOrEqual(t, limit, 0.9*float64(size))
		require.GreaterOrEqual(t, limit, 0.45*float64(size), "what passwords need is half of it at most")
	}
	a.orderUntil(t, 5000, func(flashEntry) bool { return false })
	require.NoError(t, a.shop.awaitDrained(t.Context()))
	before, err := cage.MemoryOf(a.shop.command.Process.Pid)
	require.NoError(t, err)
	a.postgres.Stop(t, "immediate")
	accepted := a.orderUntil(t, count, a.refusedForBacklog)
	require.GreaterOrEqual(t, accepted, count)
	after, err := cage.MemoryOf(a.shop.command.Process.Pid)
	require.NoError(t, err)
	each := (float64(after.Resident) - float64(before.Resident)) / float64(accepted)
	t.Logf("%d orders wait: %d MiB resident before, %d MiB after, %.0f bytes each", accepted, before.Resident>>20, after.Resident>>20, each)
	require.Less(t, each, float64(backlogOrderBytes))
	a.postgres.Start(t)
	a.requireAllThere(t)
}
