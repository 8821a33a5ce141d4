package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A browser keeps what a page loads for good, and asks for the page itself each time.
func TestPagesAreKeptAsTheyMayBe(t *testing.T) {
	s := newStand(t)
	folder := "/assets/" + s.server.pages.Version()
	for path, cache := range map[string]string{"/": "no-cache", "/signin": "no-cache", "/setup": "no-cache", "/live": "no-cache",
		folder + "/style.css": "public, max-age=31536000, immutable", folder + "/ticker.js": "public, max-age=31536000, immutable"} {
		br := map[string]string{"Accept-Encoding": "gzip, br"}
		got := s.do(call{method: "GET", path: path, headers: br})
		require.Equal(t, 200, got.status, path)
		require.Equal(t, cache, got.header.Get("Cache-Control"), path)
		require.Equal(t, "br", got.header.Get("Content-Encoding"), path)
		require.Equal(t, []string{"Accept-Encoding"}, got.header.Values("Vary"), path)
		require.Equal(t, "same-origin", got.header.Get("Cross-Origin-Opener-Policy"), path)
		tag := got.header.Get("ETag")
		require.NotEmpty(t, tag)
		br["If-None-Match"] = tag
		again := s.do(call{method: "GET", path: path, headers: br})
		require.Equal(t, 304, again.status, path)
		require.Equal(t, tag, again.header.Get("ETag"), path)
		require.Equal(t, 200, s.do(call{method: "GET", path: path, headers: map[string]string{"If-None-Match": tag, "Accept-Encoding": "identity"}}).status, "another coding is another entity")
		require.Equal(t, 405, s.do(call{method: "POST", path: path}).status, path)
	}
	for _, path := range []string{"/assets/0123/style.css", folder + "/nothing.js", folder + "/pages.go"} {
		require.Equal(t, 404, s.do(call{method: "GET", path: path}).status, path)
	}
}

// The board of everybody is made once a second, however many ask; a search is made anew, and
// what makes no sense in it is left out.
func TestTheBoardIsACopy(t *testing.T) {
	s := newStand(t)
	s.product("FIRST", 9)
	board := func(query string) string {
		t.Helper()
		got := s.do(call{method: "GET", path: "/" + query, headers: map[string]string{"Accept-Encoding": "identity"}})
		require.Equal(t, 200, got.status, query)
		return string(got.body)
	}
	require.Contains(t, board(""), "FIRST")
	s.product("SECOND", 9)
	require.NotContains(t, board(""), "SECOND")
	require.Contains(t, board("?in_stock=true"), "SECOND")
	s.clock.advance(time.Second)
	require.Contains(t, board(""), "SECOND")
	for _, query := range []string{"?utm_source=mail", "?sort=nonsense", "?cursor=nonsense", "?in_stock=maybe", "?q=%21", "?q=" + strings.Repeat("x", 300), "?q=%ff"} {
		require.Contains(t, board(query), "SECOND", query)
	}
}

// A page of the board leads to the next, which the list of the API goes on from too.
func TestTheBoardHasPages(t *testing.T) {
	s := newStand(t)
	for i := range pageLimitDefault + 5 {
		s.product("P"+string(rune('A'+i)), 1)
	}
	first := string(s.do(call{method: "GET", path: "/?sort=name"}).body)
	require.Equal(t, pageLimitDefault, strings.Count(first, "data-product="))
	next := regexp.MustCompile(`href="(/\?cursor=[^"]+)" data-cursor="([^"]+)"`).FindStringSubmatch(first)
	require.Len(t, next, 3, first)
	second := string(s.do(call{method: "GET", path: strings.ReplaceAll(next[1], "&amp;", "&")}).body)
	require.Equal(t, 5, strings.Count(second, "data-product="))
	page := s.do(call{method: "GET", path: "/api/products?sort=name&cursor=" + next[2]})
	require.Equal(t, 200, page.status, string(page.body))
	require.Len(t, page.json["items"], 5)
}

// Before the engine is there the board says so, to people.
func TestTheBoardOpensLater(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Engine = nil })
	got := s.do(call{method: "GET", path: "/"})
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, string(got.body), "The shop is opening")
}
