package api

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/persistence"
)

// matrixPath fills the parameters of a path with what exists nowhere.
func matrixPath(path string) string {
	path = strings.ReplaceAll(path, "{id}", "01234567-89ab-7def-8123-456789abcdef")
	path = strings.NewReplacer("{version}", "0123", "{name}", "style.css").Replace(path)
	return strings.ReplaceAll(path, "{key}", "a-key-that-nobody-used")
}

// TestEveryRouteIsForItsCallersOnly calls every row as everyone. A caller that is
// meant gets past the check, whatever follows; any other does not.
func TestEveryRouteIsForItsCallersOnly(t *testing.T) {
	s := newStand(t)
	persons := 0
	person := func(role persistence.Role) func() string { // anew each time: some routes end the session
		return func() string {
			persons++
			access, _ := s.person(fmt.Sprintf("%d@example.org", persons), role)
			return access
		}
	}
	callers := map[string]struct {
		credential func() string
		class      access
	}{"nobody": {func() string { return "" }, 0}, "customer": {person(persistence.RoleCustomer), customers},
		"service": {func() string { return s.service }, services}, "admin": {person(persistence.RoleAdmin), admins},
		"forger": {func() string { return s.customer + "x" }, 0}}
	want := map[string]string{
		"POST /api/register": "all", "POST /api/login": "all", "POST /api/refresh": "all", "POST /api/logout": "customer service admin",
		"GET /api/me": "customer service admin", "GET /api/me/sessions": "customer service admin", "DELETE /api/me/sessions": "customer service admin",
		"DELETE /api/me/sessions/{id}": "customer service admin", "POST /api/login/2fa": "all", "POST /api/2fa/enroll": "customer service admin",
		"POST /api/2fa/activate": "customer service admin", "POST /api/2fa/disable": "customer service admin", "POST /api/2fa/recovery-codes": "customer service admin", "POST /api/me/password": "customer service admin",
		"POST /api/me/erase": "customer service admin", "POST /api/password/forgot": "all", "POST /api/password/reset": "all", "POST /api/setup": "all",
		"GET /api/users": "admin", "PUT /api/users/{id}": "admin", "GET /api/apikeys": "admin", "POST /api/apikeys": "admin",
		"DELETE /api/apikeys/{id}": "admin", "GET /api/audit": "admin",
		"GET /api/products": "all", "POST /api/products": "admin", "GET /api/products/{id}": "all",
		"PUT /api/products/{id}": "admin", "DELETE /api/products/{id}": "admin", "POST /api/products/{id}/restore": "admin",
		"POST /api/products/{id}/pause": "admin", "POST /api/products/{id}/resume": "admin",
		"GET /api/products/{id}/stock": "all", "POST /api/products/{id}/stock": "admin",
		"GET /api/products/{id}/movements": "admin", "GET /api/products/{id}/stock/past": "admin", "GET /api/products/export": "admin", "GET /api/orders/export": "admin",
		"POST /api/orders": "customer admin", "GET /api/orders": "customer admin", "GET /api/orders/{id}": "customer admin",
		"GET /api/orders/by-key/{key}": "customer admin", "POST /api/orders/{id}/confirm": "customer service admin",
		"POST /api/orders/{id}/cancel": "customer service admin", "POST /api/orders/{id}/extend": "customer service admin",
		"POST /api/orders/{id}/fulfill": "service admin", "POST /api/orders/{id}/return": "service admin",
		"POST /api/ws/ticket": "customer admin", "GET /api/ws": "all",
		"GET /livez": "all", "GET /readyz": "all", "GET /openapi.json": "all", "GET /api/asyncapi.json": "all",
		"GET /": "all", "GET /signin": "all", "GET /setup": "all", "GET /live": "all", "GET /assets/{version}/{name}": "all",
	}
	for _, route := range s.server.routes {
		meant, listed := want[route.method+" "+route.path]
		require.True(t, listed, "%s %s is not in the matrix", route.method, route.path)
		delete(want, route.method+" "+route.path)
		for name, caller := range callers {
			got := s.do(call{method: route.method, path: matrixPath(route.path), token: caller.credential()})
			place := name + ": " + route.method + " " + route.path
			switch {
			case meant == "all" || strings.Contains(meant, name):
				require.NotEqual(t, 403, got.status, place)
				if meant != "all" {
					require.NotEqual(t, 401, got.status, place)
				}
			case caller.class == 0:
				require.Equal(t, 401, got.status, place)
			default:
				require.Equal(t, 403, got.status, place)
			}
		}
	}
	require.Empty(t, want, "the matrix has routes that do not exist")
}

func TestPathsThatAreTricks(t *testing.T) {
	s := newStand(t)
	for path, status := range map[string]int{
		"/api/orders/": 404, "//api/orders": 404, "/api//orders": 404, "/api/../api/orders": 404, "/./api/orders": 404,
		"/API/orders": 404, "/api/Orders": 404, "/api/orders;x=1": 404, "/api/orders.json": 404, "/%61pi/orders": 404,
		"/api%2forders": 404, "/api%2Forders": 404, "/api/orders%20": 404, "/api/orders%3f": 404, "/%2e%2e/api/orders": 404,
		"/api/orders%00": 400, "/api%00/orders": 400, "/api/orders%0a": 400, "/api/orders%0d%0aX: y": 400, "/api/orders%7f": 400,
		"/api/orders%5c": 400, `/api\orders`: 400, `/api/..\orders`: 400, "/%2561pi/orders": 400, "/api/%252e%252e/orders": 400,
		"/api/orders%25": 400, "/api/orders%2500": 400, "/api/orders%": 400, "/api/orders%2": 400, "/api/orders%zz": 400,
		"/api/orders\x01": 400, "/api/orders/%1f": 400, "/debug/pprof": 404, "/metrics": 404, "/docs": 404,
		"/api/products/%00": 400, "/api/products/..%2f": 404, "/api/orders/by-key/": 404, "/api/orders/by-key/short": 400,
		"/api/products/../orders": 404, "/api/orders/by-key/../../products": 404,
		"/api/products/0123%2d4567": 404, "/api/products/%2e": 404, "/api/products/..": 404,
	} {
		response := s.raw("GET " + strings.ReplaceAll(path, " ", "%20") + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.admin + "\r\nConnection: close\r\n\r\n")
		require.Equal(t, status, response.StatusCode, "%q", path)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), "%q", path)
	}
}

func TestMethods(t *testing.T) {
	s := newStand(t)
	for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "get"} {
		got := s.do(call{method: method, path: "/api/orders", token: s.admin, headers: map[string]string{"X-HTTP-Method-Override": "GET"}})
		require.Equal(t, 405, got.status, method)
		require.Contains(t, got.header.Get("Allow"), "POST")
	}
	got := s.do(call{method: "HEAD", path: "/livez"})
	require.Equal(t, 200, got.status)
	require.Empty(t, got.body)
}

func TestBrokenProtocolIsRefused(t *testing.T) {
	s := newStand(t)
	const tail = "Content-Type: application/json\r\n"
	for name, c := range map[string]struct {
		data   string
		status int
	}{
		"HTTP/1.0":         {"GET /livez HTTP/1.0\r\nHost: x\r\n\r\n", 400},
		"folded header":    {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", 400},
		"folded by tab":    {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\n\tc\r\n\r\n", 400},
		"TE and CL":        {"POST /api/login HTTP/1.1\r\nHost: x\r\n" + tail + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
		"CL and TE":        {"POST /api/login HTTP/1.1\r\nHost: x\r\n" + tail + "Transfer-Encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400},
		"two CL":           {"POST /api/login HTTP/1.1\r\nHost: x\r\n" + tail + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
		"negative CL":      {"POST /api/login HTTP/1.1\r\nHost: x\r\n" + tail + "Content-Length: -2\r\n\r\n{}", 400},
		"unknown TE":       {"POST /api/login HTTP/1.1\r\nHost: x\r\n" + tail + "Transfer-Encoding: gzip\r\n\r\n", 400},
		"two hosts":        {"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
		"NUL":              {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\x00c\r\n\r\n", 400},
		"space before":     {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A : b\r\n\r\n", 400},
		"HTTP/2":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
		"large headers":    {"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 16<<10) + "\r\n\r\n", 431},
		"large body early": {"POST /api/orders HTTP/1.1\r\nHost: x\r\n" + tail + "Content-Length: 10000000\r\n\r\n", 413},
		"chunked is fine":  {"POST /api/login HTTP/1.1\r\nHost: x\r\n" + tail + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 422},
	} {
		response := s.raw(c.data)
		require.Equal(t, c.status, response.StatusCode, name)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), name)
		require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"), name)
		require.True(t, response.Close, "%s: the connection must not go on", name)
	}
}

func TestBodiesOfTheWrongKind(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 5)
	good := call{method: "POST", path: "/api/orders", token: s.customer, body: orderOf(product, 1)}
	for value, status := range map[string]int{"application/json": 201, "application/json; charset=utf-8": 201, "Application/JSON;charset=UTF-8": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "application/jsonx": 415, "application/json; charset=latin1": 415,
		"multipart/form-data; boundary=x": 415, "": 415} {
		c := good
		c.headers = key("kind" + strings.Trim(strings.ReplaceAll(value, " ", ""), "/;"))
		c.headers["Content-Type"] = value
		c.headers["Idempotency-Key"] = strings.NewReplacer("/", "-", ";", "-", "=", "-").Replace(c.headers["Idempotency-Key"])
		require.Equal(t, status, s.do(c).status, "%q", value)
	}
	good.headers = key("coded")
	good.headers["Content-Encoding"] = "gzip"
	require.Equal(t, 415, s.do(good).status)

	large := call{method: "POST", path: "/api/login", body: `{"email":"` + strings.Repeat("a", bodyBytesMax) + `"}`}
	require.Equal(t, 413, s.do(large).status)
	good.headers, good.body = key("large"), orderOf(product, 1)+strings.Repeat(" ", orderBodyBytesMax-len(good.body))
	require.Equal(t, 201, s.do(good).status)
	require.Equal(t, 400, s.do(call{method: "GET", path: "/api/orders", token: s.customer, body: "{}"}).status)
}

// Of two codings none hides behind the other, which is empty.
func TestACodingDoesNotHideBehindAnEmptyOne(t *testing.T) {
	s := newStand(t)
	body := orderOf(s.product("A", 5), 1)
	for _, coding := range []string{"Content-Encoding: gzip\r\nContent-Encoding:", "Content-Encoding:\r\nContent-Encoding: gzip"} {
		response := s.raw("POST /api/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + s.customer + "\r\n" + coding +
			"\r\nIdempotency-Key: key-of-two-codings\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
		require.Equal(t, 415, response.StatusCode, coding)
	}
}

func TestRequestIDs(t *testing.T) {
	s := newStand(t)
	made := map[string]bool{}
	for range 100 {
		made[s.do(call{method: "GET", path: "/livez"}).header.Get("X-Request-Id")] = true
	}
	require.Len(t, made, 100)
	for given, kept := range map[string]bool{"abc-123": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"with space": false, "ümlaut": false} {
		got := s.do(call{method: "GET", path: "/nowhere", headers: map[string]string{"X-Request-ID": given}})
		require.Equal(t, kept, got.header.Get("X-Request-Id") == given, given)
	}
}

func TestPanicIsAnsweredAndLoggedOnce(t *testing.T) {
	s := newStand(t)
	s.engine.boom = true
	place := call{method: "POST", path: "/api/orders", token: s.customer, headers: key("one"), body: orderOf(s.product("A", 1), 1)}
	got := s.do(place)
	require.Equal(t, 500, got.status)
	require.NotContains(t, string(got.body), "canary")
	require.Equal(t, 1, strings.Count(s.log.String(), "a handler panicked"))
	require.Contains(t, s.log.String(), got.text("request_id"))
	require.NotContains(t, s.log.String(), s.customer)
	s.engine.boom = false
	require.Equal(t, 201, s.do(place).status)
	require.Zero(t, s.server.inFlight.Load())
}

func TestAdminListener(t *testing.T) {
	s := newStand(t)
	s.product("SECRET-SKU", 1)
	s.do(call{method: "GET", path: "/nowhere/at/all"})
	listener := newMemoryListener()
	go func() { _ = s.server.ServeAdmin(listener) }() // ends with the server
	client := clientOf(listener)
	for path, status := range map[string]int{"/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/cmdline": 200, "/": 404, "/api/orders": 404} {
		response, err := client.Get("http://admin" + path)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, path)
		if path != "/metrics" {
			continue
		}
		require.Contains(t, string(body), `http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="201",http_route="/api/products"} 1`)
		require.Contains(t, string(body), `http_route="unknown_path"`)
		require.Contains(t, string(body), "http_server_active_requests 0")
		require.NotContains(t, string(body), "SECRET-SKU")
		require.NotContains(t, string(body), "nowhere")
	}
	response, err := client.Post("http://admin/metrics", "text/plain", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	client.CloseIdleConnections()
}
