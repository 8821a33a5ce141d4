package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPagesOfOtherOrigins(t *testing.T) {
	const shop = "https://shop.example"
	s := newStand(t, func(o *Options) { o.PageOrigins = []string{shop} })
	for origin, allowed := range map[string]string{shop: shop, "https://evil.example": "", "https://evil-shop.example": "", "https://shop.example.evil.example": "",
		"http://shop.example": "", "https://shop.example:8443": "", "https://SHOP.example": "", "null": "", "": ""} {
		headers := map[string]string{}
		if origin != "" {
			headers["Origin"] = origin
		}
		got := s.do(call{method: "GET", path: "/api/products", headers: headers})
		require.Equal(t, 200, got.status)
		require.Equal(t, allowed, got.header.Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, "Origin", got.header.Get("Vary"))
		require.Empty(t, got.header.Get("Access-Control-Allow-Credentials"))
		require.Equal(t, allowed != "", got.header.Get("Access-Control-Expose-Headers") != "")
	}
	preflight := func(origin, path string) result {
		return s.do(call{method: http.MethodOptions, path: path, headers: map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST"}})
	}
	got := preflight(shop, "/api/orders")
	require.Equal(t, 204, got.status)
	require.Equal(t, shop, got.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, got.header.Get("Access-Control-Allow-Methods"), "POST")
	require.Contains(t, got.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key")
	require.Equal(t, 405, preflight("https://evil.example", "/api/orders").status)
	require.Equal(t, 404, preflight(shop, "/api/nothing").status)
	refused := s.do(call{method: "GET", path: "/api/me", headers: map[string]string{"Origin": shop}})
	require.Equal(t, 401, refused.status)
	require.Equal(t, shop, refused.header.Get("Access-Control-Allow-Origin"), "a page must see why it is refused")
}
