package api

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// file reads an export, whose rows have the names of the header.
func (s *stand) file(path string) []map[string]string {
	s.t.Helper()
	request, err := http.NewRequest("GET", "http://holdfast"+path, nil)
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer "+s.admin)
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	require.Equal(s.t, 200, response.StatusCode)
	require.Equal(s.t, "text/csv; charset=utf-8", response.Header.Get("Content-Type"))
	require.Equal(s.t, "no-store", response.Header.Get("Cache-Control"))
	rows, err := csv.NewReader(response.Body).ReadAll()
	require.NoError(s.t, err)
	var named []map[string]string
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, name := range rows[0] {
			fields[name] = row[i]
		}
		named = append(named, fields)
	}
	return named
}

// products creates so many.
func (s *stand) products(count int) {
	for i := range count {
		s.product(fmt.Sprint("MANY-", i), 1)
	}
}

func TestOrdersAreExported(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 999)
	var newestFirst []string
	for i := range 2*pageLimitMax + 1 {
		s.clock.advance(time.Millisecond)
		newestFirst = append([]string{s.order(s.customer, fmt.Sprint("e", i), product, 1)}, newestFirst...)
	}
	other := s.order(s.other, "other", product, 2)
	s.change(s.other, other, "confirm", "{}")
	var found []string
	for _, row := range s.file("/api/orders/export?customer_id=" + s.customerID.String()) {
		found = append(found, row["order_id"])
		require.Equal(t, "reserved", row["status"])
	}
	require.Equal(t, newestFirst, found)
	require.Len(t, s.file("/api/orders/export"), 2*pageLimitMax+2)
	rows := s.file("/api/orders/export?status=confirmed&product_id=" + product)
	require.Len(t, rows, 1)
	order := s.do(call{method: "GET", path: "/api/orders/" + other, token: s.admin})
	require.Equal(t, map[string]string{"order_id": other, "status": "confirmed", "customer_id": s.otherID.String(), "placed_at": order.text("placed_at"),
		"updated_at": order.text("updated_at"), "product_id": product, "sku": "A", "quantity": "2", "price": "19.99", "currency": "EUR", "dropped": "0",
		"released": "0", "shipped": "0", "returned": "0", "refund_due": "0.00"}, rows[0])
	require.Empty(t, s.file("/api/orders/export?status=expired"))
	require.Equal(t, 422, s.do(call{method: "GET", path: "/api/orders/export?status=sold", token: s.admin}).status)
}

func TestTheCatalogueIsExported(t *testing.T) {
	s := newStand(t)
	s.products(2*pageLimitMax + 1)
	rows := s.file("/api/products/export")
	require.Len(t, rows, 2*pageLimitMax+1)
	s.productWith("ODD", 7, `,"description":"a, b","purchase_limit":3,"sale":{"starts_at":"2026-11-27T08:00:00Z","ends_at":null}`)
	row := s.file("/api/products/export")[2*pageLimitMax+1]
	require.Equal(t, "ODD", row["sku"])
	require.Equal(t, "a, b", row["description"])
	require.Equal(t, "things", row["category"])
	require.Equal(t, "7", row["stock"])
	require.Equal(t, "3", row["purchase_limit"])
	require.Equal(t, "2026-11-27T08:00:00.000Z", row["sale_starts_at"])
	require.Empty(t, row["sale_ends_at"])
	require.Equal(t, "false", row["paused"])
}

// A file that cannot be finished does not look like one that is.
func TestHalfAnExportIsNoFile(t *testing.T) {
	s := newStand(t)
	s.products(2 * pageLimitMax)
	s.store.failProductsAfter = 1
	request, err := http.NewRequest("GET", "http://holdfast/api/products/export", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+s.admin)
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, pageLimitMax+1, strings.Count(string(body), "\n"))
}

// Few files are read at a time, and a place is free again when a file has ended, or its
// reader is gone.
func TestExportsAreBounded(t *testing.T) {
	s := newStand(t)
	s.products(1)
	ask := func() int {
		got := s.do(call{method: "GET", path: "/api/products/export", token: s.admin})
		return got.status
	}
	for range 2 * exportsMax {
		require.Equal(t, 200, ask())
		require.Equal(t, 200, s.do(call{method: "HEAD", path: "/api/products/export", token: s.admin}).status)
	}
	for range exportsMax {
		require.Equal(t, roomLeft, s.server.exports.enter(netip.Addr{}))
	}
	require.Equal(t, 503, ask())
	s.server.exports.leave(netip.Addr{})
	require.Equal(t, 200, ask())
	s.store.down = errDown
	require.Equal(t, 503, ask())
	s.store.down = nil
	require.Equal(t, 200, ask())
}

func TestStaffFindsOrdersOfACustomer(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 99)
	mine, other := s.order(s.customer, "mine", product, 1), s.order(s.other, "theirs", product, 1)
	ids := func(access, query string) (ids []string) {
		got := s.do(call{method: "GET", path: "/api/orders?" + query, token: access})
		require.Equal(t, 200, got.status, "%s", got.body)
		for _, item := range got.json["items"].([]any) {
			ids = append(ids, item.(map[string]any)["id"].(string))
		}
		return ids
	}
	require.Equal(t, []string{other}, ids(s.admin, "customer_id="+s.otherID.String()))
	require.Equal(t, []string{mine}, ids(s.customer, "customer_id="+s.customerID.String()))
	got := s.do(call{method: "GET", path: "/api/orders?customer_id=" + s.otherID.String(), token: s.customer})
	require.Equal(t, 422, got.status)
	require.Equal(t, []string{"customer_id"}, got.pointers())
}
