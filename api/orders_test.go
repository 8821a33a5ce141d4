package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

func TestOrderLifecycle(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	place := call{method: "POST", path: "/api/orders", token: s.customer, headers: key("one"), body: orderOf(product, 2)}
	placed := s.do(place)
	require.Equal(t, 201, placed.status, "%s", placed.body)
	require.Equal(t, "/api/orders/"+placed.text("id"), placed.header.Get("Location"))
	require.Empty(t, placed.header.Get("Idempotent-Replayed"))
	require.Equal(t, "reserved", placed.text("status"))
	require.EqualValues(t, 600, placed.json["seconds_left"])
	require.EqualValues(t, 3998, placed.json["total"].(map[string]any)["amount"])
	item := placed.json["items"].([]any)[0].(map[string]any)
	require.Equal(t, product, item["product_id"])
	require.Equal(t, "A", item["sku"])
	require.EqualValues(t, 2, item["stock_version"])

	place.headers = map[string]string{"Idempotency-Key": `"` + key("one")["Idempotency-Key"] + `"`}
	again := s.do(place)
	require.Equal(t, 201, again.status)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, placed.text("id"), again.text("id"))
	place.body = orderOf(product, 1)
	require.Equal(t, "idempotency_key_reused", s.do(place).text("code"))

	s.clock.advance(90*time.Second + 500*time.Millisecond)
	got := s.do(call{method: "GET", path: placed.header.Get("Location"), token: s.customer})
	require.EqualValues(t, 509, got.json["seconds_left"])
	byKey := call{method: "GET", path: "/api/orders/by-key/" + key("one")["Idempotency-Key"], token: s.customer}
	require.Equal(t, placed.text("id"), s.do(byKey).text("id"))
	byKey.token = s.other
	require.Equal(t, 404, s.do(byKey).status, "a key is its caller's")

	for range 2 {
		got = s.do(call{method: "POST", path: placed.header.Get("Location") + "/confirm", token: s.customer, body: "{}"})
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, "confirmed", got.text("status"))
	}
	got = s.do(call{method: "POST", path: placed.header.Get("Location") + "/cancel", token: s.admin})
	require.Equal(t, "cancelled", got.text("status"))
	got = s.do(call{method: "POST", path: placed.header.Get("Location") + "/confirm", token: s.admin})
	require.Equal(t, "invalid_transition", got.text("code"))
}

// The same key of two customers stands for two orders.
func TestAKeyIsItsCallers(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	ids := map[string]bool{}
	for _, caller := range []string{s.customer, s.other} {
		placed := s.do(call{method: "POST", path: "/api/orders", token: caller, headers: key("one"), body: orderOf(product, 1)})
		require.Equal(t, 201, placed.status, "%s", placed.body)
		require.Empty(t, placed.header.Get("Idempotent-Replayed"))
		ids[placed.text("id")] = true
	}
	require.Len(t, ids, 2)
}

func TestConfirmAfterTheHoldEnded(t *testing.T) {
	s := newStand(t)
	order := s.order(s.customer, "one", s.product("A", 5), 1)
	s.clock.advance(599 * time.Second)
	s.clock.advance(time.Second)
	// The access token ends with the hold; its leeway of 30 s lets it pass here.
	got := s.do(call{method: "POST", path: "/api/orders/" + order + "/confirm", token: s.customer})
	require.Equal(t, "hold_expired", got.text("code"))
	require.NotEmpty(t, got.text("expires_at"))
	require.NotEmpty(t, got.text("server_time"))
}

func TestOwnersMayBeForbiddenToConfirm(t *testing.T) {
	s := newStand(t, func(o *Options) { o.OwnerConfirmOff = true })
	confirm := call{method: "POST", path: "/api/orders/" + s.order(s.customer, "one", s.product("A", 5), 1) + "/confirm", token: s.customer}
	require.Equal(t, 403, s.do(confirm).status)
	confirm.token = s.service
	require.Equal(t, 200, s.do(confirm).status)
}

func TestAnothersOrderDoesNotExist(t *testing.T) {
	s := newStand(t)
	order := "/api/orders/" + s.order(s.customer, "one", s.product("A", 5), 1)
	for _, c := range []call{{method: "GET", path: order}, {method: "POST", path: order + "/confirm"}, {method: "POST", path: order + "/cancel"}} {
		c.token = s.other
		got := s.do(c)
		require.Equal(t, 404, got.status, c.path)
		missing := c
		missing.path = strings.Replace(c.path, order, "/api/orders/01234567-89ab-7def-8123-456789abcdef", 1)
		require.Equal(t, s.do(missing).text("detail"), got.text("detail"))
	}
	require.Equal(t, 200, s.do(call{method: "GET", path: order, token: s.admin}).status)
	require.Equal(t, "reserved", s.do(call{method: "GET", path: order, token: s.customer}).text("status"))
}

func TestRefusalsCarryTheirFigures(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 3)
	place := func(name string, quantity int) result {
		return s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: key(name), body: orderOf(product, quantity)})
	}
	got := place("short", 4)
	require.Equal(t, "insufficient_stock", got.text("code"))
	require.EqualValues(t, 3, got.json["available"])
	require.EqualValues(t, 4, got.json["requested"])
	require.Equal(t, product, got.text("product_id"))
	require.NotEmpty(t, got.text("server_time"))
	field := got.json["errors"].([]any)[0].(map[string]any)
	require.Equal(t, "#/items/0", field["pointer"])
	require.EqualValues(t, 3, field["available"])
	require.Equal(t, 201, place("short", 3).status, "a refused key is not bound")
	expiry := s.do(call{method: "GET", path: "/api/orders?limit=1", token: s.customer}).json["items"].([]any)[0].(map[string]any)["expires_at"]
	got = place("held", 1)
	require.Equal(t, "all_held", got.text("code"))
	require.Equal(t, expiry, got.json["next_expiry"])

	at := inventory.Instant(1_764_000_123_456) * inventory.Millisecond
	for code, member := range map[inventory.Code]string{inventory.CodeAllHeld: "next_expiry",
		inventory.CodeSaleNotStarted: "starts_at", inventory.CodeSaleEnded: "ends_at"} {
		s.engine.refusal = inventory.Refusal{Code: code, Detail: "No.", At: at, Requested: 1}
		require.Equal(t, "2025-11-24T16:02:03.456Z", place("other", 1).text(member), code)
	}
}

func TestEveryCodeOfTheEngineHasItsStatus(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 3)
	for _, code := range joined(engineCodes, saleCodes, []inventory.Code{inventory.CodeRequestInProgress, inventory.CodeKeyReused, inventory.CodeValidationFailed}) {
		s.engine.refusal = inventory.Refusal{Code: code, Detail: "No."}
		got := s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: key("any"), body: orderOf(product, 1)})
		require.Equal(t, rowOfCode(code).status, got.status, code)
		require.Equal(t, string(code), got.text("code"))
		require.Equal(t, got.status == 503 || code == inventory.CodeRequestInProgress, got.header.Get("Retry-After") != "", code)
	}
	s.engine.refusal = inventory.Refusal{Code: "never_heard_of"}
	require.Equal(t, 500, s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: key("any"), body: orderOf(product, 1)}).status)
}

func TestIdempotencyKeyForms(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 1_000)
	for value, code := range map[string]string{
		"": "idempotency_key_required", "fifteen-chars-x": "idempotency_key_invalid", strings.Repeat("k", 129): "idempotency_key_invalid",
		"with a space inside": "idempotency_key_invalid", `"unbalanced-quote-key`: "idempotency_key_invalid",
		`back\slash-in-the-key`: "idempotency_key_invalid", "ümlaut-in-the-key-0": "idempotency_key_invalid",
		"sixteen-chars-ok": "", strings.Repeat("k", 128): "", `"quoted-key-is-fine"`: "", "!#$&'()*+,/:;=?@[]": "",
	} {
		headers := map[string]string{}
		if value != "" {
			headers["Idempotency-Key"] = value
		}
		got := s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: headers, body: orderOf(product, 1)})
		require.Equal(t, code, got.text("code"), "%q: %s", value, got.body)
	}
	got := s.do(call{method: "GET", path: "/api/orders/by-key/%21%23$&'()*+,%2F:;=%3F@%5B%5D", token: s.customer})
	require.Equal(t, 200, got.status, "%s", got.body)
}

func TestParallelBodiesNeverMix(t *testing.T) {
	s := newStand(t)
	products := make([]string, 8)
	for i := range products {
		products[i] = s.product(fmt.Sprintf("SKU-%d", i), 1_000_000)
	}
	var group sync.WaitGroup
	for worker := range products {
		group.Go(func() {
			for i := range 40 {
				quantity := worker*100 + i + 1
				got := s.do(call{method: "POST", path: "/api/orders", token: s.customer,
					headers: key(fmt.Sprintf("%d-%d", worker, i)), body: orderOf(products[worker], quantity)})
				item := got.json["items"].([]any)[0].(map[string]any)
				assert.Equal(t, products[worker], item["product_id"])
				assert.EqualValues(t, quantity, item["quantity"])
				assert.Equal(t, fmt.Sprintf("SKU-%d", worker), item["sku"])
			}
		})
	}
	group.Wait()
}
