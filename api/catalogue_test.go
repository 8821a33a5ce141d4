package api

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/local"
)

// withCache gives a stand a cache of its own time.
func withCache(t *testing.T) (*clock.Manual, func(*Options)) {
	manual := clock.NewManual(inventory.Second)
	cache, err := local.NewCache(local.CacheOptions{Clock: manual})
	require.NoError(t, err)
	return manual, func(o *Options) { o.Cache = cache }
}

func (s *stand) detail(product string) result {
	return s.do(call{method: "GET", path: "/api/products/" + product})
}

// A row is read once, its stock each time.
func TestACopyHasNoStock(t *testing.T) {
	manual, cache := withCache(t)
	s := newStand(t, cache)
	product := s.product("A", 5)
	first := s.detail(product)
	asked := s.store.asked
	require.Equal(t, first.json, s.detail(product).json)
	require.Equal(t, asked, s.store.asked, "the store was asked again")
	s.order(s.customer, "one", product, 2)
	asked = s.store.asked
	got := s.detail(product)
	require.EqualValues(t, 3, got.json["stock"].(map[string]any)["available"])
	require.Equal(t, `"v1.s2"`, got.header.Get("ETag"))
	require.Equal(t, asked, s.store.asked)
	s.store.down = errDown
	require.Equal(t, 200, s.detail(product).status, "a copy is there although the database is away")
	manual.Advance(2 * persistence.CacheLifetimeDefault)
	require.Equal(t, 503, s.detail(product).status)
}

// What does not exist leaves nothing in the cache, so that nobody fills it by asking, and
// is found as soon as it exists.
func TestWhatDoesNotExistIsNotKept(t *testing.T) {
	_, cache := withCache(t)
	s := newStand(t, cache)
	for range 50 {
		require.Equal(t, 404, s.detail(identifier.Unsharded(s.clock.Now()).String()).status)
	}
	require.Zero(t, s.server.options.Cache.Statistics().Entries)
	require.Zero(t, s.server.options.Cache.Statistics().Misses, "the cache was asked")

	// The row is there before the engine knows of the product.
	s.engine.refusal = inventory.Refusal{Code: inventory.CodeUnknownOutcome, Detail: "Repeat."}
	create := call{method: "POST", path: "/api/products", token: s.admin, body: fullProduct, headers: key("product")}
	require.Equal(t, 503, s.do(create).status)
	var id inventory.ID
	for id = range s.store.products {
		require.Equal(t, 200, s.detail(id.String()).status)
	}
	s.engine.refusal = inventory.Refusal{}
	require.Equal(t, 201, s.do(create).status)
	require.Equal(t, 200, s.detail(id.String()).status)
}

// recordingCache notes what is invalidated, and may have copies of its own making.
type recordingCache struct {
	persistence.Cache
	invalidated []string
	copied      []byte
}

func (c *recordingCache) Get(ctx context.Context, key string, load persistence.Load) ([]byte, error) {
	if c.copied != nil {
		return c.copied, nil
	}
	return c.Cache.Get(ctx, key, load)
}

func (c *recordingCache) Invalidate(ctx context.Context, keys ...string) {
	c.invalidated = append(c.invalidated, keys...)
	c.Cache.Invalidate(ctx, keys...)
}

// A create invalidates, also when nobody knows whether it was done.
func TestACreateInvalidates(t *testing.T) {
	_, cache := withCache(t)
	recording := &recordingCache{}
	s := newStand(t, cache, func(o *Options) { recording.Cache, o.Cache = o.Cache, recording })
	product := s.product("A", 5)
	require.Equal(t, []string{"product:" + product, "edition"}, recording.invalidated)
	s.store.down = errDown
	require.Equal(t, 503, s.do(call{method: "POST", path: "/api/products", token: s.admin, body: fullProduct, headers: key("product")}).status)
	require.Len(t, recording.invalidated, 4)
}

// The first page of all products and of each category is read from the database once,
// whoever asks for it, and never again after a change of any product; its stock is of the
// moment. Of what only some ask for there are no copies.
func TestAPageIsACopy(t *testing.T) {
	manual, cache := withCache(t)
	s := newStand(t, cache)
	lamp := s.product("LAMP-1", 5)
	s.product("LAMP-2", 5)
	list := func(query string) result { return s.do(call{method: "GET", path: "/api/products?" + query}) }
	asked := func(query string) int {
		before := s.store.asked
		require.Equal(t, 200, list(query).status)
		return s.store.asked - before
	}
	require.Equal(t, 1, asked("category=things"), "it is not known yet that there is such a category")
	copied := []string{"", "sort=name", "sort=price", "sort=-created", "category=things", "category=things&sort=price"}
	for _, query := range copied {
		require.Equal(t, 1, asked(query), query)
		require.Zero(t, asked(query), "a copy: "+query)
	}
	entries := s.server.options.Cache.Statistics().Entries
	for _, query := range []string{"q=lamp", "limit=1", "in_stock=true", "category=nothing", linkPath(list("limit=1").header.Get("Link"))[len("/api/products?"):]} {
		for range 3 {
			require.Equal(t, 1, asked(query), query)
		}
	}
	require.Equal(t, entries, s.server.options.Cache.Statistics().Entries, "nobody fills the cache")

	s.order(s.customer, "one", lamp, 2)
	require.Zero(t, asked(""))
	require.EqualValues(t, 3, list("").json["items"].([]any)[0].(map[string]any)["stock"].(map[string]any)["available"])
	require.Equal(t, 200, s.do(call{method: "POST", path: "/api/products/" + lamp + "/pause", token: s.admin}).status)
	for _, query := range copied {
		require.Equal(t, 1, asked(query), query)
	}
	require.Equal(t, true, list("").json["items"].([]any)[0].(map[string]any)["paused"])
	manual.Advance(2 * persistence.CacheLifetimeDefault)
	require.Equal(t, 1, asked(""), "a copy ends")
}

// Who has the page as it is, stock included, is not sent it again.
func TestAPageThatIsKnown(t *testing.T) {
	s := newStand(t)
	lamp := s.product("LAMP-1", 5)
	list := func(tag string) result {
		return s.do(call{method: "GET", path: "/api/products", headers: map[string]string{"If-None-Match": tag}})
	}
	tag := list("").header.Get("ETag")
	require.NotEmpty(t, tag)
	known := list(tag)
	require.Equal(t, 304, known.status)
	require.Empty(t, known.body)
	require.Equal(t, tag, known.header.Get("ETag"))
	s.order(s.customer, "one", lamp, 1)
	require.Equal(t, 200, list(tag).status)
}

// A copy that is none is not shown: the store is asked.
func TestABadCopyIsAMiss(t *testing.T) {
	_, cache := withCache(t)
	recording := &recordingCache{}
	s := newStand(t, cache, func(o *Options) { recording.Cache, o.Cache = o.Cache, recording })
	product, other := s.product("A", 5), s.product("B", 5)
	want := s.detail(product).json
	list := func() map[string]any { return s.do(call{method: "GET", path: "/api/products"}).json }
	wantList := list()
	id, err := inventory.ParseID(other)
	require.NoError(t, err)
	row := s.store.products[id]
	for name, copied := range map[string][]byte{"garbage": []byte("garbage"), "nothing": {}, "another": appendProductCopy(nil, &row)} {
		recording.copied = copied
		require.Equal(t, want, s.detail(product).json, name)
		require.Equal(t, wantList, list(), name)
	}
}

// Redis that is away is told, and makes nothing unready.
func TestReadinessTellsOfRedis(t *testing.T) {
	away := errors.New("dial tcp redis.internal:6379: connection refused")
	var err error
	s := newStand(t, func(o *Options) { o.PingRedis = func(context.Context) error { return err } })
	require.Equal(t, map[string]any{"name": "redis", "status": "ok"}, s.checkOf(t, 200, "redis"))
	err = away
	s.clock.advance(2 * time.Second)
	require.Equal(t, map[string]any{"name": "redis", "status": "degraded", "detail": "cannot be reached; the server goes on without"},
		s.checkOf(t, 200, "redis"))
	require.Equal(t, 200, s.do(call{method: "GET", path: "/readyz"}).status)
	err = nil
	s.clock.advance(2 * time.Second)
	require.Equal(t, "ok", s.checkOf(t, 200, "redis")["status"])
	for _, check := range newStand(t).do(call{method: "GET", path: "/readyz?verbose"}).json["checks"].([]any) {
		require.NotEqual(t, "redis", check.(map[string]any)["name"], "a server without Redis says nothing of it")
	}
}

// Who reads a product after it was changed gets the change, and never a copy of before.
func TestAnEditInvalidates(t *testing.T) {
	_, cache := withCache(t)
	s := newStand(t, cache)
	product := s.product("LAMP-1", 1)
	for n := range 3 {
		before := s.detail(product)
		require.Equal(t, before.json, s.detail(product).json)
		body := fmt.Sprintf(`{"sku":"LAMP-1","name":"Lamp %d","price":{"amount":1,"currency":"EUR"}}`, n)
		require.Equal(t, 200, s.do(call{method: "PUT", path: "/api/products/" + product, token: s.admin, body: body, headers: ifMatch("*")}).status)
		require.Equal(t, fmt.Sprintf("Lamp %d", n), s.detail(product).text("name"))
	}
	require.Equal(t, 204, s.do(call{method: "DELETE", path: "/api/products/" + product + "?confirm=LAMP-1", token: s.admin, headers: ifMatch("*")}).status)
	require.Equal(t, 404, s.detail(product).status)
}
