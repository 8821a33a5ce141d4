package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// skusOf are the SKUs of a list, page by page.
func (s *stand) skusOf(path string) (skus []string) {
	for path != "" {
		got := s.do(call{method: "GET", path: path})
		require.Equal(s.t, 200, got.status, "%s", got.body)
		for _, item := range got.json["items"].([]any) {
			skus = append(skus, item.(map[string]any)["sku"].(string))
		}
		path = ""
		if link := got.header.Get("Link"); link != "" {
			path = linkPath(link)
		}
	}
	return skus
}

func TestProductsAreSearchedAndSorted(t *testing.T) {
	s := newStand(t)
	for i, price := range []int{30, 10, 20} {
		s.clock.advance(time.Second)
		body := fmt.Sprintf(`{"sku":"S-%d","name":"%s lamp","category":"lamps","price":{"amount":%d,"currency":"EUR"},"stock":%d}`,
			i, []string{"Red", "blue", "Café"}[i], price, i)
		require.Equal(t, 201, s.do(call{method: "POST", path: "/api/products", token: s.admin, body: body}).status)
	}
	for query, want := range map[string][]string{
		"sort=price&limit=1":                       {"S-1", "S-2", "S-0"},
		"sort=-price&limit=2":                      {"S-0", "S-2", "S-1"},
		"sort=name&limit=2":                        {"S-1", "S-2", "S-0"},
		"sort=-created&limit=2":                    {"S-2", "S-1", "S-0"},
		"q=cafe":                                   {"S-2"},
		"q=LAMP+re*":                               {"S-0"},
		"q=lamp&sort=price&limit=1":                {"S-1", "S-2", "S-0"},
		"q=lamps&category=lamps&limit=1&sort=name": {"S-1", "S-2", "S-0"},
		"q=lamp&category=tables":                   nil,
		"in_stock=true&sort=price":                 {"S-1", "S-2"},
		"in_stock=true&sort=price&limit=1":         {"S-1", "S-2"},
		"in_stock=true&q=red":                      nil,
	} {
		require.Equal(t, want, s.skusOf("/api/products?"+query), query)
	}
}

func TestBadListsAreRefused(t *testing.T) {
	s := newStand(t)
	for query, pointers := range map[string][]string{
		"q=": {"q"}, "q=*+-": {"q"}, "q=a+b+c+d+e+f+g+h+i": {"q"}, "sort=price,name": {"sort"}, "in_stock=false": {"in_stock"},
		"limit=0": {"limit"}, "limit=101": {"limit"}, "limit=1e1": {"limit"}, "limit=5&limit=5": {"limit"}, "colour=red": {"colour"},
		"q=%00": {"q"}, "limit=x&sort=y&colour=z": {"limit", "sort", "colour"}, "category=%FF": {"category"},
	} {
		got := s.do(call{method: "GET", path: "/api/products?" + query})
		require.Equal(t, 422, got.status, query)
		require.ElementsMatch(t, pointers, got.pointers(), query)
	}
	first := s.do(call{method: "GET", path: "/api/products?limit=1"})
	require.Nil(t, first.json["next_cursor"])
	for i := range 3 {
		s.product(fmt.Sprintf("S-%d", i), 1)
	}
	cursor := s.do(call{method: "GET", path: "/api/products?limit=1&sort=name"}).text("next_cursor")
	require.Equal(t, "invalid_cursor", s.do(call{method: "GET", path: "/api/products?limit=1&cursor=" + cursor}).text("code"), "of another order")
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/products?limit=2&sort=name&cursor=" + cursor}).status)
}

// A page of what is in stock ends when enough has been looked at, and the next one goes on.
func TestAPageInStockEndsInTime(t *testing.T) {
	s := newStand(t)
	const many = inStockReadMax + 200
	for i := range many {
		s.product(fmt.Sprintf("S-%04d", i), 0)
	}
	s.clock.advance(time.Second)
	s.product("LAST", 1)
	got := s.do(call{method: "GET", path: "/api/products?in_stock=true"})
	require.Equal(t, []any{}, got.json["items"])
	require.NotNil(t, got.json["next_cursor"])
	require.Equal(t, []string{"LAST"}, s.skusOf("/api/products?in_stock=true"))
}
