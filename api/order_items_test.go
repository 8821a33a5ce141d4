package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// item is {"product_id":…,"quantity":…}.
func item(product string, quantity int) string {
	return fmt.Sprintf(`{"product_id":%q,"quantity":%d}`, product, quantity)
}

// orderItems is the body of an order of items, with further members.
func orderItems(members string, items ...string) string {
	return `{"items":[` + strings.Join(items, ",") + `]` + members + `}`
}

// place tries an order of the first customer.
func (s *stand) place(name, body string) result {
	s.t.Helper()
	return s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: key(name), body: body})
}

func TestOrderOfManyProducts(t *testing.T) {
	s := newStand(t)
	a, b, c := s.product("A", 9), s.product("B", 9), s.product("C", 9)
	got := s.place("one", orderItems("", item(c, 1), item(a, 2), item(b, 3), item(a, 4)))
	require.Equal(t, 201, got.status, "%s", got.body)
	items := got.json["items"].([]any)
	require.Len(t, items, 3)
	for i, want := range []struct {
		product  string
		quantity int
	}{{a, 6}, {b, 3}, {c, 1}} {
		shown := items[i].(map[string]any)
		require.Equal(t, want.product, shown["product_id"])
		require.EqualValues(t, want.quantity, shown["quantity"])
		require.Equal(t, [4]int{9, want.quantity, 0, 9 - want.quantity}, s.stockOf(want.product))
		for _, untouched := range []string{"dropped", "released", "shipped", "returned"} {
			require.EqualValues(t, 0, shown[untouched], untouched)
		}
		require.Nil(t, shown["dropped_for"])
	}
	require.EqualValues(t, 19_990, got.json["total"].(map[string]any)["amount"])
	require.Equal(t, false, got.json["extended"])
	require.Nil(t, got.json["refund_due"])
	require.EqualValues(t, 600, got.json["seconds_left"])
}

func TestTheLargestOrder(t *testing.T) {
	s := newStand(t)
	products := s.manyProducts(inventory.OrderLinesMax + 1)
	got := s.place("largest", orderOfAll(products[1:]))
	require.Equal(t, 201, got.status)
	require.Len(t, got.json["items"], inventory.OrderLinesMax)
	require.EqualValues(t, 100*inventory.OrderLinesMax, got.json["total"].(map[string]any)["amount"])
	require.Equal(t, 1, s.stockOf(products[inventory.OrderLinesMax])[1])

	got = s.place("too-many", orderOfAll(products))
	require.Equal(t, 422, got.status)
	require.Equal(t, []string{"#/items"}, got.pointers())
	require.Equal(t, 0, s.stockOf(products[0])[1])

	body := orderOfAll(products[:1])
	room := orderBodyBytesMax - len(body)
	// The answer comes before the body has been sent.
	tooLarge := s.raw(fmt.Sprintf("POST /api/orders HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", orderBodyBytesMax+1))
	require.Equal(t, 413, tooLarge.StatusCode)
	require.Equal(t, 201, s.place("not-too-large", body+strings.Repeat(" ", room)).status)
}

func TestPartialOrder(t *testing.T) {
	s := newStand(t)
	full, some, none := s.product("FULL", 9), s.product("SOME", 2), s.product("NONE", 0)
	limited := s.productWith("LIMITED", 9, `,"purchase_limit":3`)
	paused := s.productWith("EARLY", 9, `,"sale":{"starts_at":"2031-01-01T00:00:00Z"}`)
	items := []string{item(full, 4), item(some, 5), item(none, 6), item(limited, 7), item(paused, 8)}
	for _, policy := range []string{"", `,"policy":"all_or_nothing"`} {
		require.Equal(t, 409, s.place("refused", orderItems(policy, items...)).status)
		require.Equal(t, [4]int{9, 0, 0, 9}, s.stockOf(full))
	}
	got := s.place("one", orderItems(`,"policy":"allow_partial"`, items...))
	require.Equal(t, 201, got.status, "%s", got.body)
	for product, want := range map[string]struct {
		quantity, dropped int
		reason            any
	}{full: {4, 0, nil}, some: {2, 3, "insufficient_stock"}, none: {0, 6, "sold_out"},
		limited: {3, 4, "quantity_limit_customer"}, paused: {0, 8, "sale_not_started"}} {
		shown := got.item(product)
		require.EqualValues(t, want.quantity, shown["quantity"], "%v", shown)
		require.EqualValues(t, want.dropped, shown["dropped"], "%v", shown)
		require.Equal(t, want.reason, shown["dropped_for"], "%v", shown)
		require.Equal(t, want.quantity, s.stockOf(product)[1])
	}
	require.EqualValues(t, 9*1999, got.json["total"].(map[string]any)["amount"])

	got = s.place("nothing", orderItems(`,"policy":"allow_partial"`, item(none, 1), item(some, 1)))
	require.Equal(t, 409, got.status, "nothing of it can be had")
	require.Equal(t, []string{"#/items/0", "#/items/1"}, got.pointers())
	for _, policy := range []string{`"maybe"`, `"ALLOW_PARTIAL"`, `""`, "null", "true", `["allow_partial"]`} {
		got := s.place("policy", orderItems(`,"policy":`+policy, item(full, 1)))
		require.Equal(t, 422, got.status, policy)
		require.Equal(t, []string{"#/policy"}, got.pointers(), policy)
	}
}

// The policy is a part of the request that a key stands for.
func TestPolicyIsBoundToTheKey(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 9)
	require.Equal(t, 201, s.place("one", orderItems("", item(product, 1))).status)
	got := s.place("one", orderItems(`,"policy":"allow_partial"`, item(product, 1)))
	require.Equal(t, "idempotency_key_reused", got.text("code"))
}

func TestRefusalNamesEveryShortItem(t *testing.T) {
	s := newStand(t)
	a, b, c, d := s.product("A", 3), s.product("B", 0), s.product("C", 9), s.product("D", 1)
	held := s.do(call{method: "POST", path: "/api/orders", token: s.other, headers: key("held"), body: orderOf(d, 1)})
	got := s.place("one", orderItems("", item(c, 1), item(d, 2), item(b, 1), item(a, 2), item(c, 1), item(a, 2)))
	require.Equal(t, 409, got.status, "%s", got.body)
	type short struct {
		pointer              string
		requested, available int
	}
	var shown []short
	for _, field := range got.json["errors"].([]any) {
		field := field.(map[string]any)
		shown = append(shown, short{field["pointer"].(string), int(field["requested"].(float64)), int(field["available"].(float64))})
	}
	require.Equal(t, []short{{"#/items/1", 2, 0}, {"#/items/2", 1, 0}, {"#/items/3", 4, 3}}, shown)
	require.Equal(t, "insufficient_stock", got.text("code"))
	require.NotEmpty(t, got.text("server_time"))
	require.Equal(t, [4]int{3, 0, 0, 3}, s.stockOf(a))
	require.Equal(t, [4]int{9, 0, 0, 9}, s.stockOf(c))

	got = s.place("one", orderItems("", item(c, 1), item(d, 2)))
	require.Equal(t, "all_held", got.text("code"))
	require.Equal(t, []string{"#/items/1"}, got.pointers())
	require.Equal(t, held.text("expires_at"), got.text("next_expiry"))
	require.Equal(t, "all_held", got.json["errors"].([]any)[0].(map[string]any)["code"])

	got = s.place("one", orderItems("", item(d, 2), item(b, 1)))
	require.Equal(t, "sold_out", got.text("code"))
	codes := map[string]any{}
	for _, field := range got.json["errors"].([]any) {
		field := field.(map[string]any)
		codes[field["pointer"].(string)] = field["code"]
	}
	require.Equal(t, map[string]any{"#/items/0": "insufficient_stock", "#/items/1": "sold_out"}, codes,
		"one is held, and may come back")
}

// As many items as an order may have can be short at once, and all are named.
func TestRefusalNamesThousandsOfItems(t *testing.T) {
	s := newStand(t)
	products := s.manyProducts(inventory.OrderLinesMax)
	body := strings.ReplaceAll(orderOfAll(products), `"quantity":1}`, `"quantity":1000000}`)
	require.Equal(t, 201, s.place("first", body).status)
	got := s.place("second", body)
	require.Equal(t, "all_held", got.text("code"))
	require.Len(t, got.json["errors"], inventory.OrderLinesMax)
}

// What the schema cannot see is refused with the item that it is about.
func TestRefusalNamesTheItem(t *testing.T) {
	s := newStand(t)
	a := s.product("A", 9)
	s.clock.advance(time.Millisecond)
	made := s.do(call{method: "POST", path: "/api/products", token: s.admin,
		body: `{"sku":"USD","name":"Elsewhere","price":{"amount":1,"currency":"USD"},"stock":9}`})
	later := s.productWith("LATER", 9, `,"sale":{"starts_at":"2031-01-01T00:00:00Z"}`)
	over := s.productWith("OVER", 9, `,"sale":{"ends_at":"2001-01-01T00:00:00Z"}`)
	for code, refused := range map[string]struct {
		product string
		member  string
	}{"not_found": {someProduct, ""}, "validation_failed": {made.text("id"), ""},
		"sale_not_started": {later, "starts_at"}, "sale_ended": {over, "ends_at"}} {
		got := s.place("one", orderItems("", item(a, 1), item(refused.product, 1), item(refused.product, 1)))
		require.Equal(t, code, got.text("code"), "%s", got.body)
		require.Equal(t, []string{"#/items/1"}, got.pointers(), code)
		require.Equal(t, refused.product, got.text("product_id"))
		require.NotEmpty(t, got.text("server_time"))
		if refused.member != "" {
			require.NotEmpty(t, got.text(refused.member))
		}
	}
	got := s.place("one", orderItems("", item(a, 1_000_000), item(someProduct, 1), item(a, 1)))
	require.Equal(t, 422, got.status)
	require.Equal(t, []string{"#/items/0"}, got.pointers(), "the sum is too large")
	require.Equal(t, [4]int{9, 0, 0, 9}, s.stockOf(a))
}

func TestLimitPerCustomer(t *testing.T) {
	s := newStand(t)
	product := s.productWith("LIMITED", 99, `,"purchase_limit":3`)
	order := s.order(s.customer, "two", product, 2)
	got := s.place("more", orderOf(product, 2))
	require.Equal(t, 409, got.status)
	require.Equal(t, "quantity_limit_customer", got.text("code"))
	require.EqualValues(t, 1, got.json["remaining"])
	require.EqualValues(t, 2, got.json["requested"])
	require.NotContains(t, got.json, "available", "this is not about the stock")
	require.Equal(t, []string{"#/items/0"}, got.pointers())
	s.order(s.other, "other", product, 3)
	s.order(s.customer, "one", product, 1)
	require.EqualValues(t, 0, s.place("more", orderOf(product, 1)).json["remaining"], "0 is said, not left out")
	require.Equal(t, 200, s.change(s.customer, order, "cancel", "").status)
	require.Equal(t, 201, s.place("more", orderOf(product, 2)).status, "what was cancelled does not count")
}

// Every word that the domain has for a state or a reason is documented.
func TestWordsOfOrdersAreDocumented(t *testing.T) {
	s := newStand(t)
	order := s.document.Components.Schemas["OrderReply"].Value.Properties
	require.ElementsMatch(t, stateWords(), order["status"].Value.Enum)
	status := s.document.Paths.Value("/api/orders").Get.Parameters.GetByInAndName("query", "status")
	require.ElementsMatch(t, stateWords(), status.Schema.Value.Enum)
	reasons := []any{nil}
	for reason := inventory.DropReason(1); reason.Valid(); reason++ {
		reasons = append(reasons, string(reason.Code()))
	}
	dropped := s.document.Components.Schemas["OrderItemReply"].Value.Properties["dropped_for"].Value
	require.ElementsMatch(t, reasons, dropped.Enum)
	for _, name := range []string{"extended", "refund_due", "seconds_left"} {
		require.Contains(t, s.document.Components.Schemas["OrderReply"].Value.Required, name)
	}
}

// An engine that names a product that was not asked for confuses nobody.
func TestRefusalOfAForeignProduct(t *testing.T) {
	s := newStand(t)
	a, b := s.product("A", 9), s.product("B", 9)
	foreign := inventory.ID{1}
	s.engine.refusal = inventory.Refusal{Code: inventory.CodeSoldOut, Detail: "No.", ProductID: foreign, Requested: 1,
		Short: []inventory.Shortage{{ProductID: foreign, Requested: 1}}}
	got := s.place("one", orderItems("", item(a, 1), item(b, 1)))
	require.Equal(t, "sold_out", got.text("code"))
	require.Empty(t, got.pointers())
}
