package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

const fullProduct = `{"sku":"LAMP-1","name":"A lamp","description":"It\nglows.","category":"lamps",
	"price":{"amount":4999,"currency":"EUR"},"purchase_limit":4,"sale":{"starts_at":"2026-11-27T09:00:00.123456+01:00","ends_at":"2026-11-27T10:00:00Z"},
	"hold_seconds":120,"safety":2,"stock":12}`

func TestProductIsCreatedAndRead(t *testing.T) {
	s := newStand(t)
	made := s.do(call{method: "POST", path: "/api/products", token: s.admin, body: fullProduct})
	require.Equal(t, 201, made.status, "%s", made.body)
	require.Equal(t, `"v1.s1"`, made.header.Get("ETag"))
	got := s.do(call{method: "GET", path: made.header.Get("Location")})
	require.Equal(t, 200, got.status)
	require.Equal(t, made.json, got.json)
	require.Equal(t, "no-cache", got.header.Get("Cache-Control"))
	sale := got.json["sale"].(map[string]any)
	require.Equal(t, "2026-11-27T08:00:00.123Z", sale["starts_at"])
	stock := got.json["stock"].(map[string]any)
	require.EqualValues(t, 10, stock["available"])
	require.EqualValues(t, 12, stock["on_hand"])
	require.EqualValues(t, 4, got.json["purchase_limit"])
	require.Equal(t, "sku_taken", s.do(call{method: "POST", path: "/api/products", token: s.admin, body: fullProduct}).text("code"))

	plain := s.do(call{method: "GET", path: "/api/products/" + s.product("PLAIN", 1)})
	require.Nil(t, plain.json["sale"])
	require.Nil(t, plain.json["purchase_limit"])
	require.Contains(t, plain.json, "purchase_limit")
	unlimited := s.do(call{method: "GET", path: "/api/products/" + s.productWith("NULL", 1, `,"purchase_limit":null`)})
	require.Nil(t, unlimited.json["purchase_limit"])
	require.EqualValues(t, 600, plain.json["hold_seconds"])
}

func TestEntityTags(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	get := func(tag string) result {
		return s.do(call{method: "GET", path: "/api/products/" + product, headers: map[string]string{"If-None-Match": tag}})
	}
	for _, tag := range []string{`"v1.s1"`, `W/"v1.s1"`, `"x", "v1.s1"`, "*"} {
		got := get(tag)
		require.Equal(t, 304, got.status, tag)
		require.Empty(t, got.body)
		require.Equal(t, `"v1.s1"`, got.header.Get("ETag"))
	}
	s.order(s.customer, "one", product, 1)
	got := get(`"v1.s1"`)
	require.Equal(t, 200, got.status)
	require.Equal(t, `"v1.s2"`, got.header.Get("ETag"))
	require.Equal(t, 200, get(`v1.s2`).status, "a tag has quotes")
}

func TestCreationWithAKeyIsRepeated(t *testing.T) {
	s := newStand(t)
	create := call{method: "POST", path: "/api/products", token: s.admin, body: fullProduct, headers: key("product")}
	s.engine.refusal = inventory.Refusal{Code: inventory.CodeUnknownOutcome, Detail: "Repeat."}
	require.Equal(t, 503, s.do(create).status)
	s.engine.refusal = inventory.Refusal{}
	s.clock.advance(time.Second)
	first := s.do(create)
	require.Equal(t, 201, first.status)
	second := s.do(create)
	require.Equal(t, 201, second.status)
	require.Equal(t, "true", second.header.Get("Idempotent-Replayed"))
	require.Equal(t, first.json, second.json)
	require.Len(t, s.store.products, 1)

	create.body = strings.Replace(fullProduct, "4999", "4998", 1)
	require.Equal(t, "idempotency_key_reused", s.do(create).text("code"))
	create.body = strings.Replace(fullProduct, `"purchase_limit":4`, `"purchase_limit":null`, 1)
	require.Equal(t, "idempotency_key_reused", s.do(create).text("code"))
	create.headers = key("another")
	require.Equal(t, "sku_taken", s.do(create).text("code"))
	create.headers = map[string]string{"Idempotency-Key": "short"}
	require.Equal(t, 400, s.do(create).status)
}

func TestBadProductsAreRefused(t *testing.T) {
	s := newStand(t)
	for change, pointer := range map[string]string{
		`"sku":"LAMP-1"`:                             `"sku":""|#/sku`,
		`"name":"A lamp"`:                            `"name":"  "|#/name`,
		`"category":"lamps"`:                         `"category":"Lamps!"|#/category`,
		`"amount":4999`:                              `"amount":-1|#/price/amount`,
		`"currency":"EUR"`:                           `"currency":"eur"|#/price/currency`,
		`"hold_seconds":120`:                         `"hold_seconds":604801|#/hold_seconds`,
		`"safety":2`:                                 `"safety":-1|#/safety`,
		`"purchase_limit":4`:                         `"purchase_limit":0|#/purchase_limit`,
		`,"purchase_limit":4`:                        `,"purchase_limit":1000000000001|#/purchase_limit`,
		`"stock":12`:                                 `"stock":1000000000001|#/stock`,
		`"ends_at":"2026-11-27T10:00:00Z"`:           `"ends_at":"2026-11-27T08:00:00Z"|#/sale/ends_at`,
		`"starts_at":"2026-11-27T09:00:00.123456+01`: `"starts_at":"yesterday+01|#/sale/starts_at`,
		`"amount":4999,`:                             `|#/price/amount`,
		`"price":{"amount":4999,"currency":"EUR"}`:   `"price":null|#/price`,
	} {
		replacement, want, _ := strings.Cut(pointer, "|")
		body := strings.Replace(fullProduct, change, replacement, 1)
		got := s.do(call{method: "POST", path: "/api/products", token: s.admin, body: body})
		require.Equal(t, 422, got.status, "%s: %s", body, got.body)
		require.Equal(t, []string{want}, got.pointers(), body)
	}
	require.Empty(t, s.store.products)
}

func TestProductListPages(t *testing.T) {
	s := newStand(t)
	for i := range 5 {
		s.product(fmt.Sprintf("SKU-%d", i), i)
	}
	seen := map[string]bool{}
	path := "/api/products?category=things&limit=2"
	for path != "" {
		got := s.do(call{method: "GET", path: path})
		for _, item := range got.json["items"].([]any) {
			seen[item.(map[string]any)["sku"].(string)] = true
		}
		path = ""
		if link := got.header.Get("Link"); link != "" {
			path = linkPath(link)
		}
	}
	require.Len(t, seen, 5)
	got := s.do(call{method: "GET", path: "/api/products?category=none"})
	require.Equal(t, []any{}, got.json["items"])
	require.Nil(t, got.json["next_cursor"])
}

func TestStockIsAdjusted(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	path := "/api/products/" + product + "/stock"
	adjust := call{method: "POST", path: path, token: s.admin, headers: key("adjust"), body: `{"delta":-3,"reason":"damaged","note":"wet"}`}
	got := s.do(adjust)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.EqualValues(t, 2, got.json["on_hand"])
	got = s.do(adjust)
	require.Equal(t, "true", got.header.Get("Idempotent-Replayed"))
	require.EqualValues(t, 2, got.json["on_hand"])
	other := adjust
	other.path = "/api/products/" + s.product("B", 5) + "/stock"
	require.Equal(t, "idempotency_key_reused", s.do(other).text("code"), "the same key for another product is another request")
	adjust.headers = key("adjust-2")
	require.Equal(t, "version_conflict", s.do(adjust).text("code"))
	for body, pointer := range map[string]string{
		`{"delta":0,"reason":"counted"}`: "#/delta", `{"delta":1,"reason":"Counted!"}`: "#/reason", `{"delta":1}`: "#/reason",
		`{"delta":1,"reason":"counted","note":"` + strings.Repeat("ä", 251) + `"}`: "#/note",
		`{"delta":1000000000001,"reason":"counted"}`:                               "#/delta",
	} {
		adjust.body = body
		require.Equal(t, []string{pointer}, s.do(adjust).pointers(), body)
	}
	adjust.headers = nil
	require.Equal(t, "idempotency_key_required", s.do(adjust).text("code"))
	require.EqualValues(t, 2, s.do(call{method: "GET", path: path}).json["on_hand"])
	require.Equal(t, 404, s.do(call{method: "GET", path: "/api/products/01234567-89ab-7def-8123-456789abcdef/stock"}).status)
}

// background runs a request that is expected to wait.
func (s *stand) background(c call) <-chan result {
	done := make(chan result, 1)
	go func() { done <- s.do(c) }()
	return done
}

func TestStockReadWaitsForAVersion(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	read := call{method: "GET", path: "/api/products/" + product + "/stock?min_version=2"}
	done := s.background(read)
	<-s.clock.armed
	s.clock.advance(versionPollPauseMin)
	<-s.clock.armed // it has looked, in vain, and waits again
	s.order(s.customer, "one", product, 1)
	s.clock.advance(2 * versionPollPauseMin)
	got := <-done
	require.Equal(t, 200, got.status)
	require.EqualValues(t, 2, got.json["version"])

	read.path = strings.Replace(read.path, "=2", "=9", 1)
	done = s.background(read)
	<-s.clock.armed
	s.clock.advance(versionWaitMax)
	got = <-done
	require.Equal(t, 504, got.status)
	require.Equal(t, "version_timeout", got.text("code"))

	for _, query := range []string{"min_version=-1", "min_version=x", "version=1", "min_version=1.5"} {
		read.path = "/api/products/" + product + "/stock?" + query
		require.Equal(t, 422, s.do(read).status, query)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Engine = nil })
	require.Equal(t, 200, s.do(call{method: "GET", path: "/livez"}).status)
	require.Equal(t, 503, s.do(call{method: "GET", path: "/readyz"}).status)
	const nothing = "/api/products/01234567-89ab-7def-8123-456789abcdef"
	for _, c := range []call{
		{method: "POST", path: "/api/orders", token: s.customer, headers: key("one"), body: orderOf(nothing[14:], 1)},
		{method: "GET", path: "/api/orders", token: s.customer}, {method: "GET", path: "/api/products"},
		{method: "GET", path: nothing}, {method: "GET", path: nothing + "/stock"},
		{method: "POST", path: "/api/products", token: s.admin, body: fullProduct},
		{method: "POST", path: "/api/orders" + nothing[13:] + "/confirm", token: s.customer},
		{method: "POST", path: "/api/orders" + nothing[13:] + "/return", token: s.admin, headers: key("one")},
	} {
		require.Equal(t, "starting", s.do(c).text("code"), c.path)
	}
	require.Empty(t, s.store.products, "nothing was half done")
	s.server.SetEngine(s.engine)
	require.Equal(t, 200, s.do(call{method: "GET", path: "/readyz"}).status)
	got := s.do(call{method: "GET", path: "/readyz?verbose"})
	require.Len(t, got.json["checks"], 4)
	s.store.down = errDown
	s.clock.advance(pingInterval)
	got = s.do(call{method: "GET", path: "/readyz?verbose"})
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), "degraded")
	require.NotContains(t, string(got.body), "secret")
	s.server.SetStopping()
	require.Equal(t, 503, s.do(call{method: "GET", path: "/readyz"}).status)
	require.Equal(t, http.StatusOK, s.do(call{method: "GET", path: "/livez"}).status)
}

// linkPath is the address in a Link header.
func linkPath(link string) string { return link[1:strings.Index(link, ">")] }
