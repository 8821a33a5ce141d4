package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// TestChangesByRoleAndOwner asks for every change of an order as everyone, of an
// order that is the first customer's, and of one that does not exist.
func TestChangesByRoleAndOwner(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 99)
	callers := map[string]string{"owner": s.customer, "other": s.other, "service": s.service, "admin": s.admin, "nobody": ""}
	before := map[string][]string{"fulfill": {"confirm"}, "return": {"confirm", "fulfill"}}
	for action, statuses := range map[string]map[string][2]int{
		"confirm": {"owner": {200, 404}, "other": {404, 404}, "service": {200, 404}, "admin": {200, 404}, "nobody": {401, 401}},
		"cancel":  {"owner": {200, 404}, "other": {404, 404}, "service": {200, 404}, "admin": {200, 404}, "nobody": {401, 401}},
		"extend":  {"owner": {200, 404}, "other": {404, 404}, "service": {200, 404}, "admin": {200, 404}, "nobody": {401, 401}},
		"fulfill": {"owner": {403, 403}, "other": {403, 403}, "service": {200, 404}, "admin": {200, 404}, "nobody": {401, 401}},
		"return":  {"owner": {403, 403}, "other": {403, 403}, "service": {200, 404}, "admin": {200, 404}, "nobody": {401, 401}},
	} {
		for caller, want := range statuses {
			order := s.order(s.customer, action+caller, product, 1)
			for _, first := range before[action] {
				require.Equal(t, 200, s.change(s.admin, order, first, "{}", "before-"+first).status)
			}
			untouched := s.do(call{method: "GET", path: "/api/orders/" + order, token: s.customer}).text("status")
			for i, id := range []string{order, someProduct} {
				got := s.change(callers[caller], id, action, "{}", action)
				require.Equal(t, want[i], got.status, "%s %s by %s: %s", action, id, caller, got.body)
			}
			if want[0] != 200 {
				require.Equal(t, untouched, s.do(call{method: "GET", path: "/api/orders/" + order, token: s.customer}).text("status"))
			}
		}
	}
}

func TestPaymentThatComesLate(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	order := s.order(s.customer, "one", product, 2)
	s.clock.advance(600 * time.Second)
	for _, who := range []string{s.customer, s.admin} {
		require.Equal(t, "hold_expired", s.change(who, order, "confirm", "").text("code"), "nobody has the money yet")
	}
	require.Nil(t, s.do(call{method: "GET", path: "/api/orders/" + order, token: s.customer}).json["refund_due"])
	for range 2 {
		got := s.change(s.service, order, "confirm", "{}")
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, "expired", got.text("status"))
		require.Equal(t, map[string]any{"amount": 3998., "currency": "EUR"}, got.json["refund_due"])
	}
	require.Equal(t, [4]int{5, 0, 0, 5}, s.stockOf(product), "the units are not taken again")

	cancelled := s.order(s.customer, "two", product, 1)
	require.Equal(t, 200, s.change(s.customer, cancelled, "cancel", "").status)
	got := s.change(s.service, cancelled, "confirm", "")
	require.Equal(t, "cancelled", got.text("status"))
	require.EqualValues(t, 1999, got.json["refund_due"].(map[string]any)["amount"])
}

// named is a body that names products.
func named(products ...string) string {
	items := make([]string, len(products))
	for i, product := range products {
		items[i] = fmt.Sprintf(`{"product_id":%q}`, product)
	}
	return `{"items":[` + strings.Join(items, ",") + `]}`
}

func TestCancelReleasesLines(t *testing.T) {
	s := newStand(t)
	a, b, c := s.product("A", 9), s.product("B", 9), s.product("C", 9)
	order := s.place("one", orderItems("", item(a, 1), item(b, 2), item(c, 3))).text("id")
	for range 2 {
		got := s.change(s.customer, order, "cancel", named(c, a, c))
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, "reserved", got.text("status"))
		require.EqualValues(t, 0, got.item(c)["quantity"])
		require.EqualValues(t, 3, got.item(c)["released"])
		require.EqualValues(t, 1, got.item(a)["released"])
		require.EqualValues(t, 2, got.item(b)["quantity"])
		require.EqualValues(t, 2*1999, got.json["total"].(map[string]any)["amount"])
	}
	require.Equal(t, [4]int{9, 0, 0, 9}, s.stockOf(c))
	require.Equal(t, [4]int{9, 2, 0, 7}, s.stockOf(b))
	got := s.change(s.customer, order, "cancel", named(b, someProduct))
	require.Equal(t, 422, got.status)
	require.Equal(t, []string{"#/items/1"}, got.pointers())
	require.Equal(t, [4]int{9, 2, 0, 7}, s.stockOf(b), "nothing was released")

	require.Equal(t, "confirmed", s.change(s.customer, order, "confirm", "").text("status"))
	got = s.change(s.customer, order, "cancel", named(b))
	require.Equal(t, "cancelled", got.text("status"), "its last line was released")
	require.Equal(t, [4]int{9, 0, 0, 9}, s.stockOf(b))
	for _, body := range []string{"", "{}", named(a)} {
		require.Equal(t, "cancelled", s.change(s.customer, order, "cancel", body).text("status"))
	}
}

func TestExtendOnce(t *testing.T) {
	s := newStand(t)
	product := s.productWith("A", 9, `,"hold_seconds":120`)
	order := s.order(s.customer, "one", product, 1)
	s.clock.advance(119 * time.Second)
	for range 2 {
		got := s.change(s.customer, order, "extend", "{}")
		require.Equal(t, 200, got.status, "%s", got.body)
		require.Equal(t, true, got.json["extended"])
		require.EqualValues(t, 121, got.json["seconds_left"])
	}
	s.clock.advance(121 * time.Second)
	got := s.change(s.customer, order, "extend", "")
	require.Equal(t, "hold_expired", got.text("code"))
	require.NotEmpty(t, got.text("expires_at"))

	other := s.order(s.customer, "two", product, 1)
	s.change(s.customer, other, "confirm", "")
	require.Equal(t, "invalid_transition", s.change(s.customer, other, "extend", "").text("code"))
}

func TestNoHoldOutlastsItsSale(t *testing.T) {
	s := newStand(t)
	ends := s.clock.Now()/1e9*1e9 + 1000e9
	sale := fmt.Sprintf(`,"sale":{"ends_at":%q}`, instantText(ends))
	order := s.order(s.customer, "one", s.productWith("A", 9, sale), 1)
	got := s.change(s.customer, order, "extend", "")
	require.Equal(t, instantText(ends), got.text("expires_at"))
	second := s.order(s.customer, "two", s.productWith("B", 9, sale+`,"hold_seconds":1000`), 1)
	got = s.change(s.customer, second, "extend", "")
	require.Equal(t, "sale_ended", got.text("code"))
	require.Equal(t, instantText(ends), got.text("ends_at"))
}

func TestUnitsAreShippedAndReturned(t *testing.T) {
	s := newStand(t)
	a, b := s.product("A", 9), s.product("B", 9)
	order := s.place("one", orderItems("", item(a, 4), item(b, 2))).text("id")
	require.Equal(t, "invalid_transition", s.change(s.service, order, "fulfill", "{}", "early").text("code"), "nobody has paid")
	s.change(s.customer, order, "confirm", "")
	require.Equal(t, "invalid_transition", s.change(s.service, order, "return", "{}", "early").text("code"), "nothing was shipped")

	got := s.change(s.service, order, "fulfill", orderItems("", item(b, 1), item(a, 1), item(b, 1)), "some")
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "partially_fulfilled", got.text("status"))
	require.EqualValues(t, 2, got.item(b)["shipped"])
	require.EqualValues(t, 4, got.item(a)["quantity"], "shipped units stay in the order")
	require.Equal(t, [4]int{8, 0, 3, 5}, s.stockOf(a))

	got = s.change(s.service, order, "fulfill", orderItems("", item(a, 1), item(b, 1)), "more")
	require.Equal(t, "invalid_transition", got.text("code"))
	require.Equal(t, []string{"#/items/1"}, got.pointers())
	require.EqualValues(t, 1, got.json["requested"])
	require.EqualValues(t, 0, got.json["available"])
	require.Equal(t, [4]int{8, 0, 3, 5}, s.stockOf(a), "all or nothing")

	require.Equal(t, "fulfilled", s.change(s.service, order, "fulfill", "{}", "rest").text("status"))
	require.Equal(t, [4]int{5, 0, 0, 5}, s.stockOf(a))

	got = s.change(s.service, order, "return", orderItems(`,"restock":false`, item(a, 1)), "broken")
	require.Equal(t, "partially_returned", got.text("status"))
	require.EqualValues(t, 1, got.item(a)["returned"])
	require.Equal(t, [4]int{5, 0, 0, 5}, s.stockOf(a), "written off")
	s.change(s.service, order, "return", orderItems("", item(a, 1)), "intact")
	require.Equal(t, [4]int{6, 0, 0, 6}, s.stockOf(a), "restocked without a word")
	got = s.change(s.service, order, "return", `{"restock":true}`, "all")
	require.Equal(t, "returned", got.text("status"))
	require.Equal(t, [4]int{8, 0, 0, 8}, s.stockOf(a))
	require.Equal(t, [4]int{9, 0, 0, 9}, s.stockOf(b))
	require.EqualValues(t, 4, got.item(a)["returned"])
	require.EqualValues(t, 4, got.item(a)["shipped"])
	got = s.change(s.service, order, "return", orderItems("", item(someProduct, 1)), "final")
	require.Equal(t, "invalid_transition", got.text("code"))
}

func TestShippingNamesProductsOfTheOrder(t *testing.T) {
	s := newStand(t)
	a, b := s.product("A", 9), s.product("B", 9)
	order := s.order(s.customer, "one", a, 2)
	s.change(s.customer, order, "confirm", "")
	got := s.change(s.service, order, "fulfill", orderItems("", item(a, 1), item(b, 1)), "foreign")
	require.Equal(t, 422, got.status)
	require.Equal(t, []string{"#/items/1"}, got.pointers())
	got = s.change(s.service, order, "fulfill", orderItems("", item(a, 1_000_000), item(a, 1)), "sum")
	require.Equal(t, 422, got.status)
	require.Equal(t, []string{"#/items/0"}, got.pointers())
	require.Equal(t, [4]int{9, 0, 2, 7}, s.stockOf(a))
}

// A key stands for one change of one order by one caller, and is needed where a
// repeat would do more.
func TestKeysOfShippingAndReturns(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 99)
	first, second := s.order(s.customer, "one", product, 4), s.order(s.customer, "two", product, 4)
	for _, order := range []string{first, second} {
		s.change(s.customer, order, "confirm", "")
	}
	one := orderItems("", item(product, 1))
	shipped := func(access, order, action, body, name string, want int, replayed bool) {
		t.Helper()
		got := s.change(access, order, action, body, name)
		require.Equal(t, 200, got.status, "%s", got.body)
		require.EqualValues(t, want, got.item(product)["shipped"])
		require.Equal(t, replayed, got.header.Get("Idempotent-Replayed") == "true")
	}
	shipped(s.service, first, "fulfill", one, "key", 1, false)
	shipped(s.service, first, "fulfill", one, "key", 1, true)
	shipped(s.service, strings.ToUpper(first), "fulfill", one, "key", 1, true)
	require.Equal(t, "idempotency_key_reused", s.change(s.service, first, "fulfill", "{}", "key").text("code"))
	shipped(s.service, second, "fulfill", one, "key", 1, false)
	shipped(s.admin, first, "fulfill", one, "key", 2, false)
	shipped(s.service, first, "fulfill", "", "rest", 4, false)
	shipped(s.service, first, "fulfill", "{}", "rest", 4, true)
	shipped(s.service, first, "fulfill", one, "key", 4, true)
	shipped(s.service, first, "return", one, "key", 4, false)
	shipped(s.service, first, "return", one, "key", 4, true)
	require.Equal(t, 95, s.stockOf(product)[0])

	for _, action := range []string{"fulfill", "return"} {
		require.Equal(t, "idempotency_key_required", s.change(s.service, second, action, one).text("code"))
		got := s.do(call{method: "POST", path: "/api/orders/" + second + "/" + action, token: s.service, body: one,
			headers: map[string]string{"Idempotency-Key": "short"}})
		require.Equal(t, "idempotency_key_invalid", got.text("code"))
	}
	require.Equal(t, 404, s.do(call{method: "GET", path: "/api/orders/by-key/" + key("key")["Idempotency-Key"], token: s.admin}).status,
		"no order was placed with it")
}

func TestBrokenBodiesOfChanges(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 9)
	order := s.order(s.customer, "one", product, 2)
	good := item(product, 1)
	many := strings.Repeat(good+",", 2_000) + good
	for action, bodies := range map[string]map[string]string{
		"confirm": {`{"paid":true}`: "#/paid", "[]": "#", "null": "#", "{": ""},
		"extend":  {`{"seconds":9}`: "#/seconds", "1": "#", `{}{}`: ""},
		"cancel": {named(): "#/items", `{"items":null}`: "#/items", `{"items":[{}]}`: "#/items/0/product_id", `{"items":["x"]}`: "#/items/0",
			`{"items":[{"product_id":"x"}]}`: "#/items/0/product_id", orderItems("", good): "#/items/0/quantity", `{"item":[]}`: "#/item",
			named(product) + "x": "", `{"items":[],"items":[]}`: "", "{\"\xff\":1}": ""},
		"fulfill": {orderItems(""): "#/items", named(product): "#/items/0/quantity", orderItems("", item(product, 0)): "#/items/0/quantity",
			orderItems("", item(product, -1)): "#/items/0/quantity", orderItems("", item(product, 1_000_001)): "#/items/0/quantity",
			orderItems(`,"restock":true`, good): "#/restock", orderItems("", many): "#/items", "nonsense": ""},
		"return": {orderItems(`,"restock":null`, good): "#/restock", orderItems(`,"restock":"yes"`, good): "#/restock",
			orderItems(`,"restock":0`, good): "#/restock", `{"items":null}`: "#/items", orderItems("", many): "#/items", `{"restock":tru}`: ""},
	} {
		for body, pointer := range bodies {
			got := s.change(s.service, order, action, body, "broken")
			if pointer == "" {
				require.Equal(t, "malformed_request", got.text("code"), "%s %.200s: %s", action, body, got.body)
				continue
			}
			require.Equal(t, 422, got.status, "%s %.200s: %s", action, body, got.body)
			require.Equal(t, []string{pointer}, got.pointers(), "%s %.200s", action, body)
		}
		// What may name lines may be as large as an order.
		want := map[string]int{"confirm": 413, "extend": 413}[action]
		got := s.change(s.service, order, action, "x"+strings.Repeat(" ", bodyBytesMax), "large")
		require.Equal(t, max(want, 400), got.status, action)
	}
	require.Equal(t, [4]int{9, 2, 0, 7}, s.stockOf(product), "nothing had an effect")
}

// Whatever the engine may say to a change is documented.
func TestRefusalsOfChangesAreDocumented(t *testing.T) {
	s := newStand(t)
	order := s.order(s.customer, "one", s.product("A", 9), 2)
	for _, route := range orderChangeRoutes() {
		action := route.path[strings.LastIndex(route.path, "/")+1:]
		for _, code := range joined(engineCodes, changeCodes, route.codes, []inventory.Code{inventory.CodeValidationFailed}) {
			s.engine.refusal = inventory.Refusal{Code: code, Detail: "No."}
			got := s.change(s.service, order, action, "{}", "any")
			require.Equal(t, rowOfCode(code).status, got.status, "%s %s", action, code)
			require.Equal(t, string(code), got.text("code"), action)
		}
	}
}

// The words in a key's fingerprint are in journals: they must not change.
func TestRoutesOfKeysAreFixed(t *testing.T) {
	order, err := inventory.ParseID(someProduct)
	require.NoError(t, err)
	require.Equal(t, "POST /api/orders", placeRoute)
	require.Equal(t, "POST /api/orders/"+someProduct+"/fulfill", changeRoute(order, inventory.OrderFulfilled))
	require.Equal(t, "POST /api/orders/"+someProduct+"/return", changeRoute(order, inventory.OrderReturned))
}
