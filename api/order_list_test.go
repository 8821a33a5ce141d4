package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

func TestOrderListPagesAndFilters(t *testing.T) {
	s := newStand(t)
	a, b := s.product("A", 99), s.product("B", 99)
	var mine []string
	for i := range 5 {
		s.clock.advance(time.Millisecond)
		mine = append([]string{s.order(s.customer, fmt.Sprint("a", i), a, 1)}, mine...)
		s.order(s.other, fmt.Sprint("o", i), b, 1)
	}
	var seen []string
	path := "/api/orders?limit=2"
	for path != "" {
		got := s.do(call{method: "GET", path: path, token: s.customer})
		require.Equal(t, 200, got.status)
		for _, item := range got.json["items"].([]any) {
			seen = append(seen, item.(map[string]any)["id"].(string))
		}
		path = ""
		if link := got.header.Get("Link"); link != "" {
			require.Contains(t, link, `>; rel="next"`)
			require.NotNil(t, got.json["next_cursor"])
			path = link[1:strings.Index(link, ">")]
		}
	}
	require.Equal(t, mine, seen)
	count := func(access, query string) int {
		got := s.do(call{method: "GET", path: "/api/orders" + query, token: access})
		require.Equal(t, 200, got.status, "%s", got.body)
		return len(got.json["items"].([]any))
	}
	require.Equal(t, 10, count(s.admin, ""))
	require.Equal(t, 5, count(s.admin, "?product_id="+b))
	require.Equal(t, 0, count(s.customer, "?product_id="+b))
	require.Equal(t, 0, count(s.customer, "?status=confirmed"))
	require.Equal(t, 5, count(s.customer, "?status=reserved"))
}

func TestCursorsCannotBeTamperedWith(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 99)
	for i := range 3 {
		s.order(s.customer, fmt.Sprint("c", i), product, 1)
		s.order(s.other, fmt.Sprint("o", i), product, 1)
	}
	cursor := s.do(call{method: "GET", path: "/api/orders?limit=1", token: s.customer}).text("next_cursor")
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/orders?limit=2&cursor=" + cursor, token: s.customer}).status)
	flipped := []byte(cursor)
	flipped[3] ^= 1
	for _, c := range []call{
		{path: "/api/orders?cursor=" + cursor, token: s.other}, {path: "/api/orders?cursor=" + cursor, token: s.admin},
		{path: "/api/orders?status=reserved&cursor=" + cursor, token: s.customer}, {path: "/api/products?cursor=" + cursor},
		{path: "/api/orders?cursor=" + string(flipped), token: s.customer}, {path: "/api/orders?cursor=x", token: s.customer},
		{path: "/api/orders?cursor=", token: s.customer}, {path: "/api/orders?cursor=" + cursor + "A", token: s.customer},
	} {
		c.method = "GET"
		got := s.do(c)
		require.Equal(t, 400, got.status, c.path)
		require.Equal(t, "invalid_cursor", got.text("code"))
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "limit=1&limit=2", "nonsense=1", "status=sold", "product_id=1", "Status=reserved"} {
		require.Equal(t, 422, s.do(call{method: "GET", path: "/api/orders?" + query, token: s.customer}).status, query)
	}
}

// An order can be brought into every state there is, and be found by it.
func TestOrdersAreFoundByEveryState(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 99)
	place := func(name string) string { return s.order(s.customer, name, product, 2) }
	expired := place("expired")
	s.clock.advance(600 * time.Second)
	require.Equal(t, "expired", s.change(s.service, expired, "confirm", "").text("status"))
	s.change(s.customer, place("cancelled"), "cancel", "")
	for state, actions := range map[string][]string{
		"reserved": {}, "confirmed": {"confirm"},
		"partially_fulfilled": {"confirm", "fulfill 1"}, "fulfilled": {"confirm", "fulfill 2"},
		"partially_returned": {"confirm", "fulfill 2", "return 1"}, "returned": {"confirm", "fulfill 2", "return 2"},
	} {
		order := place(state)
		for _, action := range actions {
			action, units, _ := strings.Cut(action, " ")
			body := "{}"
			if units != "" {
				body = fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":%s}]}`, product, units)
			}
			got := s.change(s.service, order, action, body, state+action)
			require.Equal(t, 200, got.status, "%s", got.body)
		}
	}
	for _, state := range inventory.States() {
		got := s.do(call{method: "GET", path: "/api/orders?status=" + state.String(), token: s.customer})
		require.Equal(t, 200, got.status, "%s", got.body)
		items := got.json["items"].([]any)
		require.Len(t, items, 1, state)
		require.Equal(t, state.String(), items[0].(map[string]any)["status"])
	}
}

// A page of very long orders ends before it is too large, and none is left out.
func TestPagesOfLongOrdersEndEarly(t *testing.T) {
	s := newStand(t)
	products := s.manyProducts(inventory.OrderLinesMax)
	var placed []string
	for i := range 5 {
		s.clock.advance(time.Millisecond)
		got := s.do(call{method: "POST", path: "/api/orders", token: s.customer, headers: key(fmt.Sprint("long", i)), body: orderOfAll(products)})
		require.Equal(t, 201, got.status)
		placed = append([]string{got.text("id")}, placed...)
	}
	var seen []string
	pages := 0
	for path := "/api/orders?limit=100"; path != ""; pages++ {
		got := s.do(call{method: "GET", path: path, token: s.customer})
		items := got.json["items"].([]any)
		require.NotEmpty(t, items)
		for _, item := range items {
			seen = append(seen, item.(map[string]any)["id"].(string))
		}
		longest := len(got.body) / len(items)
		require.LessOrEqual(t, len(got.body), pageBytesMax+longest+1024)
		path = ""
		if link := got.header.Get("Link"); link != "" {
			path = link[1:strings.Index(link, ">")]
		}
	}
	require.Equal(t, placed, seen)
	require.Greater(t, pages, 1)
}
