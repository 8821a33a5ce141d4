package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// stepsOfARun is how many requests a seeded run sends after its products are there.
const stepsOfARun = 300

// trouble is what becomes of Redis in a run. It is called before every step.
type trouble func(t *testing.T, server *testserver.Redis, step int)

// redisTroubles are the runs that must not differ from the one without Redis. shows is
// the metric that tells that Redis was there, or was not; or, on a machine so slow that
// Redis is left alone for not answering in time, another one that tells so.
var redisTroubles = []struct {
	name, shows string
	dead        bool
	trouble     trouble
}{
	{"healthy", "inventory_cache_hits_total", false, func(*testing.T, *testserver.Redis, int) {}},
	{"dead from the start", "inventory_cache_failures_total", true, nil},
	{"dies in the middle", "inventory_cache_failures_total", false, func(t *testing.T, server *testserver.Redis, step int) {
		if step == stepsOfARun/2 {
			server.Kill(t)
		}
	}},
	{"comes back", "inventory_cache_failures_total", false, func(t *testing.T, server *testserver.Redis, step int) {
		switch step {
		case stepsOfARun / 3:
			server.Kill(t)
		case 2 * stepsOfARun / 3:
			server.Start(t)
		}
	}},
	{"does not answer", "inventory_cache_failures_total", false, pausing()},
	{"is flushed", "inventory_cache_hits_total", false, func(t *testing.T, server *testserver.Redis, step int) {
		if step%(stepsOfARun/10) == 0 {
			require.NoError(t, server.Client(t).FlushAll(t.Context()).Err())
		}
	}},
	{"lies", "inventory_cache_refused_total inventory_cache_failures_total", false, lying()},
}

// pausing lets the server stand still for the second third of a run.
func pausing() trouble {
	var resume func()
	return func(t *testing.T, server *testserver.Redis, step int) {
		switch step {
		case stepsOfARun / 3:
			resume = server.Pause(t)
		case 2 * stepsOfARun / 3:
			resume()
		}
	}
}

// lying changes everything of ours in the server, again and again: garbage, the entry of
// another key with or without its mark, what was there before, another type, nothing.
func lying() trouble {
	before := map[string]string{}
	return func(t *testing.T, server *testserver.Redis, step int) {
		client, ctx := server.Client(t), t.Context()
		names, err := client.Keys(ctx, "holdfast:*").Result()
		require.NoError(t, err)
		for i, name := range names {
			value := client.Get(ctx, name).Val()
			another := names[(i+step)%len(names)]
			var err error
			switch rand.IntN(7) {
			case 0:
				err = client.Set(ctx, name, "garbage", time.Minute).Err()
			case 1:
				err = client.Set(ctx, name, client.Get(ctx, another).Val(), time.Minute).Err()
			case 2:
				if id := strings.TrimPrefix(another, "holdfast:default:copy:"); id != another && strings.Contains(name, ":copy:") {
					mark := client.Get(ctx, "holdfast:default:mark:"+id).Val()
					err = client.MSet(ctx, name, client.Get(ctx, another).Val(), strings.Replace(name, ":copy:", ":mark:", 1), mark).Err()
				}
			case 3:
				err = client.Set(ctx, name, before[name], time.Minute).Err()
			case 4:
				if len(value) > 0 {
					err = client.SetRange(ctx, name, rand.Int64N(int64(len(value))), "lie").Err()
				}
			case 5:
				lie := client.TxPipeline() // the server under test writes too
				if lie.Del(ctx, name); rand.IntN(2) == 0 {
					lie.RPush(ctx, name, "a", "list")
				}
				_, err = lie.Exec(ctx)
			}
			require.NoError(t, err)
			before[name] = value
		}
		require.NoError(t, client.Publish(ctx, "holdfast:default:stock", "garbage").Err())
	}
}

// One client, one request at a time: the same requests get the same answers, whatever
// becomes of Redis.
func TestRedisChangesNoAnswer(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	postgres := testserver.StartPostgres(t)
	want := newSeededRun(t, seed, postgres.NewDatabase(t)).transcript(t, func(int) {})
	require.Greater(t, strings.Count(strings.Join(want, "\n"), " → 201 "), stepsOfARun/10)
	for _, c := range redisTroubles {
		t.Run(c.name, func(t *testing.T) {
			address, between := "redis://"+freeAddress(t)+"/0", func(int) {}
			if !c.dead {
				server := testserver.StartRedis(t)
				address, between = server.URL(), func(step int) { c.trouble(t, server, step) }
			}
			run := newSeededRun(t, seed, postgres.NewDatabase(t), "--redis-url", address)
			got := run.transcript(t, between)
			for i := range want {
				require.Equal(t, want[i], got[i], "after\n%s", strings.Join(want[max(0, i-3):i], "\n"))
			}
			// By chance no step may have met the trouble: then there are more.
			require.Eventually(t, func() bool {
				between(stepsOfARun + 1)
				run.ask(call{method: "GET", path: "/api/products/" + run.anyProduct()})
				shown := 0.0
				for metric := range strings.FieldsSeq(c.shows) {
					shown += float64(run.figure(metric))
				}
				return shown > 0
			}, 10*time.Second, time.Millisecond)
		})
	}
}

// seededRun is one client of a server of the real binary, which does what a seed says.
type seededRun struct {
	site
	chance    *rand.Rand
	admin     string
	customers []string
	products  []string
	orders    []seededOrder
	serial    int
	same      sameness
}

// seededOrder is a request for an order, and the order if there is one.
type seededOrder struct {
	request call
	id      string
}

// newSeededRun starts a server on a database that others could share, so that copies are
// in Redis.
func newSeededRun(t *testing.T, chance uint64, database string, arguments ...string) *seededRun {
	t.Helper()
	t.Setenv("DATABASE_URL", database)
	data := freshDirectory(t)
	r := &seededRun{chance: rand.New(rand.NewPCG(chance, 1)), admin: createKey(t, data, "shop", "admin"), same: sameness{ids: map[string]string{}}}
	for _, customer := range seed(t, data, 6) {
		r.customers = append(r.customers, customer.AccessToken)
	}
	_, r.site = launchServer(t, data, arguments...)
	return r
}

// transcript returns what was asked and answered, one entry for each step.
func (r *seededRun) transcript(t *testing.T, between func(step int)) (entries []string) {
	t.Helper()
	for range 4 {
		entries = append(entries, r.say(r.createProduct()))
	}
	for step := range stepsOfARun {
		between(step)
		entries = append(entries, r.say(r.step()))
	}
	return entries
}

// step sends the next request of the seed.
func (r *seededRun) step() (call, reply) {
	switch n := r.chance.IntN(100); {
	case n < 25 || len(r.orders) == 0:
		return r.place()
	case n < 32:
		return r.ask(r.anyOrder().request)
	case n < 37:
		other := r.anyOrder().request
		other.body = strings.Replace(other.body, `"quantity":`, `"quantity":1`, 1)
		return r.ask(other)
	case n < 60:
		order := r.anyOrder()
		what := []string{"/confirm", "/cancel", "/extend", ""}[r.chance.IntN(4)]
		method := "POST"
		if what == "" {
			method = "GET"
		}
		return r.ask(call{method: method, path: "/api/orders/" + order.id + what, token: order.request.token})
	case n < 80:
		return r.ask(call{method: "GET", path: "/api/products/" + r.anyProduct()})
	case n < 84:
		return r.ask(call{method: "GET", path: "/api/products?limit=100"})
	case n < 90:
		return r.ask(call{method: "GET", path: "/api/orders?limit=100", token: r.anyCustomer()})
	case n < 93:
		return r.createProduct()
	case n < 95:
		return r.ask(call{method: "GET", path: "/api/products/00000000-0000-7000-8000-000000000000"})
	}
	r.serial++
	return r.ask(call{method: "POST", path: "/api/products/" + r.anyProduct() + "/stock", token: r.admin, key: fmt.Sprintf("adjustment-%08d", r.serial),
		body: fmt.Sprintf(`{"delta":%d,"reason":"count"}`, r.chance.IntN(40)-10)})
}

func (r *seededRun) ask(c call) (call, reply) { return c, r.do(c) }

func (r *seededRun) anyCustomer() string { return r.customers[r.chance.IntN(len(r.customers))] }
func (r *seededRun) anyProduct() string  { return r.products[r.chance.IntN(len(r.products))] }

func (r *seededRun) anyOrder() seededOrder {
	order := r.orders[r.chance.IntN(len(r.orders))]
	if order.id == "" {
		order.id = "00000000-0000-7000-8000-000000000000"
	}
	return order
}

// createProduct creates a product, without a key, so that products have the order of their
// time, and alone in its millisecond, since within one there is no order: items and lists
// are sorted by identifiers.
func (r *seededRun) createProduct() (call, reply) {
	<-time.After(2 * time.Millisecond)
	r.serial++
	c, made := r.ask(call{method: "POST", path: "/api/products", token: r.admin,
		body: fmt.Sprintf(`{"sku":"SKU-%d","name":"Product %d","description":"","category":"test","price":{"amount":%d,"currency":"EUR"},"stock":%d}`,
			r.serial, r.serial, r.chance.IntN(1000), r.chance.IntN(30))})
	if id, is := made.body["id"].(string); is {
		r.products = append(r.products, id)
	}
	return c, made
}

// place places an order of one to three lines.
func (r *seededRun) place() (call, reply) {
	<-time.After(2 * time.Millisecond)
	r.serial++
	var lines []string
	for range 1 + r.chance.IntN(3) {
		lines = append(lines, fmt.Sprintf(`{"product_id":%q,"quantity":%d}`, r.anyProduct(), 1+r.chance.IntN(6)))
	}
	policy := []string{"all_or_nothing", "allow_partial"}[r.chance.IntN(2)]
	c, placed := r.ask(call{method: "POST", path: "/api/orders", token: r.anyCustomer(), key: fmt.Sprintf("order-of-run-%08d", r.serial),
		body: `{"items":[` + strings.Join(lines, ",") + `],"policy":"` + policy + `"}`})
	order := seededOrder{request: c}
	order.id, _ = placed.body["id"].(string)
	r.orders = append(r.orders, order)
	return c, placed
}

// say is an entry of the transcript.
func (r *seededRun) say(c call, answer reply) string {
	require.Less(r.t, answer.status, 500, answer.text)
	return r.same.of(fmt.Sprintf("%s %s %s → %d %s %s %s", c.method, c.path, c.body, answer.status,
		answer.header.Get("ETag"), answer.header.Get("Idempotent-Replayed"), answer.text))
}

// sameness replaces what differs between two runs by what does not.
type sameness struct{ ids map[string]string }

var (
	identifiers = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	moments     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`)
	countdowns  = regexp.MustCompile(`"(seconds_left)":\d+`)
	hashes      = regexp.MustCompile(`"[0-9a-f]{32}"`)
	randoms     = regexp.MustCompile(`"(request_id|next_cursor)":"[^"]*"`)
)

func (s *sameness) of(text string) string {
	text = identifiers.ReplaceAllStringFunc(text, func(id string) string {
		if s.ids[id] == "" {
			s.ids[id] = fmt.Sprintf("id-%d", len(s.ids))
		}
		return s.ids[id]
	})
	text = moments.ReplaceAllString(text, "moment")
	text = hashes.ReplaceAllString(text, `"hash"`) // of a page, with its ids and moments
	text = countdowns.ReplaceAllString(text, `"$1":0`)
	return randoms.ReplaceAllString(text, `"$1":"some"`)
}
