package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/require"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// fromHere are headers of a request of the server's own page.
func fromHere(cookies ...*http.Cookie) map[string]string {
	headers := map[string]string{"Sec-Fetch-Site": "same-origin"}
	for _, cookie := range cookies {
		if headers["Cookie"] != "" {
			headers["Cookie"] += "; "
		}
		headers["Cookie"] += cookie.Name + "=" + cookie.Value
	}
	return headers
}

// cookiesOf returns the cookies of an answer by name.
func cookiesOf(got result) map[string]*http.Cookie {
	cookies := map[string]*http.Cookie{}
	for _, cookie := range (&http.Response{Header: got.header}).Cookies() {
		cookies[cookie.Name] = cookie
	}
	return cookies
}

// withCookies registers somebody whose tokens are in cookies.
func (s *stand) withCookies(headers map[string]string) (access, refresh *http.Cookie) {
	s.t.Helper()
	got := s.do(call{method: "POST", path: "/api/register", headers: headers,
		body: fmt.Sprintf(`{"email":"ada@example.org","password":%q,"name":"Ada","cookies":true}`, goodPassword)})
	require.Equal(s.t, 201, got.status, "%s", got.body)
	require.NotContains(s.t, string(got.body), "_token")
	prefix := ""
	if headers["X-Forwarded-Proto"] == "https" {
		prefix = "__Host-"
	}
	cookies := cookiesOf(got)
	require.Len(s.t, cookies, 2)
	access, refresh = cookies[prefix+"holdfast-access"], cookies[prefix+"holdfast-refresh"]
	require.NotNil(s.t, access)
	require.NotNil(s.t, refresh)
	return access, refresh
}

// Row 16: what a page cannot read, and no other site can send.
func TestRow16Cookies(t *testing.T) {
	for _, proxied := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%t", proxied), func(t *testing.T) {
			s := newStand(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
			s.client.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				return s.listener.DialWithLocalAddr(peer("10.0.0.1"))
			}}
			headers := func(cookies ...*http.Cookie) map[string]string {
				given := fromHere(cookies...)
				if proxied {
					given["X-Forwarded-Proto"] = "https"
				}
				return given
			}
			access, refresh := s.withCookies(headers())
			for cookie, age := range map[*http.Cookie]float64{access: token.AccessLifetime.Seconds(), refresh: customerIdleMax.Seconds()} {
				require.True(t, cookie.HttpOnly)
				require.Equal(t, proxied, cookie.Secure)
				require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
				require.Equal(t, "/", cookie.Path)
				require.Empty(t, cookie.Domain)
				require.EqualValues(t, age, cookie.MaxAge)
			}
			me := func(cookies ...*http.Cookie) int {
				return s.do(call{method: "GET", path: "/api/me", headers: headers(cookies...)}).status
			}
			require.Equal(t, 200, me(access))
			require.Equal(t, 401, me(refresh))
			require.Equal(t, 401, me(access, access), "whoever stands before us may have believed the other one")
			other := *access
			other.Name = map[bool]string{true: "holdfast-access", false: "__Host-holdfast-access"}[proxied]
			require.Equal(t, 401, me(&other), "a cookie of another kind of connection")
			require.Equal(t, 401, me(&http.Cookie{Name: access.Name, Value: s.service}), "an API key is no session's")

			got := s.do(call{method: "POST", path: "/api/refresh", headers: headers(refresh)})
			require.Equal(t, 200, got.status, "%s", got.body)
			require.NotContains(t, string(got.body), "_token")
			renewed := cookiesOf(got)
			require.NotEqual(t, refresh.Value, renewed[refresh.Name].Value)
			require.Equal(t, 200, me(renewed[access.Name]))

			got = s.do(call{method: "POST", path: "/api/logout", headers: headers(renewed[access.Name])})
			require.Equal(t, 204, got.status, "%s", got.body)
			for _, cookie := range cookiesOf(got) {
				require.Empty(t, cookie.Value)
				require.Equal(t, 2009, cookie.Expires.Year())
			}
			require.Len(t, cookiesOf(got), 2)
			require.Equal(t, 401, me(renewed[access.Name]))
			got = s.do(call{method: "POST", path: "/api/refresh", headers: headers(renewed[refresh.Name])})
			require.Equal(t, 401, got.status, "%s", got.body)
			require.Len(t, cookiesOf(got), 2, "the browser shall forget what is worth nothing")
			require.NotContains(t, s.log.String(), access.Value)
			require.NotContains(t, s.log.String(), refresh.Value)
		})
	}
}

// Row 17: a page of another site cannot make a browser change anything.
func TestRow17CrossSite(t *testing.T) {
	s := newStand(t)
	access, refresh := s.withCookies(fromHere())
	for _, c := range []struct {
		site, origin string
		allowed      bool
	}{
		{"same-origin", "", true},
		{"same-origin", "http://holdfast", true},
		{"none", "", true},
		{"same-site", "", false},
		{"same-site", "http://holdfast", false},
		{"cross-site", "", false},
		{"cross-site", "http://holdfast", false},
		{"something", "", false},
		{"", "", false},
		{"", "http://holdfast", true},
		{"", "http://holdfast.evil.example", false},
		{"", "https://evil.example", false},
		{"", "null", false},
	} {
		name := fmt.Sprintf("site %q, origin %q", c.site, c.origin)
		headers := fromHere(access)
		delete(headers, "Sec-Fetch-Site")
		if c.site != "" {
			headers["Sec-Fetch-Site"] = c.site
		}
		if c.origin != "" {
			headers["Origin"] = c.origin
		}
		expected := 403
		if c.allowed {
			expected = 200
		}
		send := func(method, path, body string) int {
			return s.do(call{method: method, path: path, headers: headers, body: body}).status
		}
		got := s.do(call{method: "POST", path: "/api/ws/ticket", headers: headers})
		require.Equal(t, expected, got.status, "%s: %s", name, got.body)
		require.Equal(t, 200, send("GET", "/api/me", ""), "what reads may come from anywhere, and be seen nowhere: "+name)
		headers["Cookie"] = refresh.Name + "=broken"
		expected = 403
		if c.allowed {
			expected = 401
		}
		require.Equal(t, expected, send("POST", "/api/refresh", ""), name)
		require.Equal(t, expected, send("POST", "/api/login", `{"email":"ada@example.org","password":"wrong","cookies":true}`), name)
		bearer := s.do(call{method: "POST", path: "/api/ws/ticket", token: s.customer, headers: headers})
		require.Equal(t, 200, bearer.status, "nobody else can send the header: "+name)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
		headers := fromHere(access)
		headers["Content-Type"] = kind
		require.Equal(t, 415, s.do(call{method: "POST", path: "/api/me/erase", headers: headers, body: `{"password":"x"}`}).status, kind)
	}
}

// Row 17: nothing that only reads changes anything, whoever asks.
func TestRow17ReadsChangeNothing(t *testing.T) {
	s := newStand(t)
	product := s.product("READ", 10)
	order := s.order(s.customer, "read", product, 1)
	type state struct {
		users    map[string]persistence.User
		sessions map[inventory.ID]persistence.Session
		keys     map[[32]byte]persistence.APIKey
		products map[inventory.ID]persistence.CatalogueProduct
		audit    int
		stock    [4]int
		order    map[string]any
		sequence uint64
	}
	now := func() state {
		return state{maps.Clone(s.store.users), maps.Clone(s.store.sessions), maps.Clone(s.store.keys), maps.Clone(s.store.products),
			len(s.store.audit), s.stockOf(product), s.do(call{method: "GET", path: "/api/orders/" + order, token: s.customer}).json["items"].([]any)[0].(map[string]any), s.engine.sequence}
	}
	before, walked := now(), 0
	for _, route := range s.server.routes {
		if route.method != http.MethodGet || route.path == "/api/ws" {
			continue
		}
		id := product
		if strings.HasPrefix(route.path, "/api/orders") {
			id = order
		}
		for _, caller := range []string{"", s.customer, s.service, s.admin} {
			s.do(call{method: "GET", path: strings.NewReplacer("{id}", id, "{key}", "key-read-0123456789abcdef").Replace(route.path), token: caller})
		}
		walked++
		require.Equal(t, before, now(), route.path)
	}
	require.Greater(t, walked, 15)
}

// A session stays where it is: who has it in cookies gets the one after a change of
// password in cookies, and who ends the account loses them.
func TestASessionStaysInCookies(t *testing.T) {
	s := newStand(t)
	access, _ := s.withCookies(fromHere())
	got := s.do(call{method: "POST", path: "/api/me/password", headers: fromHere(access),
		body: fmt.Sprintf(`{"password":%q,"new_password":%q}`, goodPassword, lantern)})
	require.Equal(t, 200, got.status, "%s", got.body)
	require.NotContains(t, string(got.body), "_token")
	renewed := cookiesOf(got)[access.Name]
	require.NotNil(t, renewed)
	got = s.do(call{method: "POST", path: "/api/me/erase", headers: fromHere(renewed), body: fmt.Sprintf(`{"password":%q}`, lantern)})
	require.Equal(t, 204, got.status, "%s", got.body)
	require.Len(t, cookiesOf(got), 2)
}

// A large body is for those who are known, by cookies too.
func TestALargeBodyWithCookies(t *testing.T) {
	s := newStand(t)
	access, _ := s.withCookies(fromHere())
	product := s.product("LARGE", 10)
	body := orderOf(product, 1)
	for len(body) <= strangerBodyBytesMax {
		body += "          "
	}
	headers := fromHere(access)
	for name, value := range key("large") {
		headers[name] = value
	}
	got := s.do(call{method: "POST", path: "/api/orders", headers: headers, body: body})
	require.Equal(t, 201, got.status, "%s", got.body)
}

// secureStand is a stand that listens with TLS on a real port too.
func secureStand(t *testing.T, changes ...func(*Options)) (s *socketStand, trust *tls.Config) {
	t.Helper()
	s = &socketStand{stand: newStand(t, changes...)}
	authority := httptest.NewUnstartedServer(nil)
	authority.StartTLS()
	certificate := authority.TLS.Certificates[0]
	authority.Close()
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	served := make(chan error, 1)
	go func(server *Server) {
		served <- server.ServeTLS(listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}})
	}(s.server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), socketPatience)
		defer cancel()
		require.NoError(t, s.server.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return s, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// Row 47: with TLS, browsers are told to come by it alone, and cookies are theirs.
func TestRow47TLS(t *testing.T) {
	s, trust := secureStand(t, onSystemClock, func(o *Options) { o.StrictTransport = true })
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	defer client.CloseIdleConnections()
	response, err := client.Get("https://" + s.address + "/api/products")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "max-age=31536000", response.Header.Get("Strict-Transport-Security"))

	_, err = http.Get("http://" + s.address + "/api/products")
	require.Error(t, err)
	old := trust.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	_, err = tls.Dial("tcp", s.address, old)
	require.Error(t, err)
	_, err = tls.Dial("tcp", s.address, &tls.Config{MinVersion: tls.VersionTLS12})
	require.ErrorContains(t, err, "certificate")
}

// Who floods is told why the WebSocket ends, through TLS too, although more of the flood is
// on its way: as much as the ticker reads on, and beyond that nobody promises it.
func TestAFloodThroughTLS(t *testing.T) {
	s, trust := secureStand(t, onSystemClock)
	dialer := websocket.Dialer{HandshakeTimeout: socketPatience, TLSClientConfig: trust}
	conn, _, err := dialer.Dial("wss://"+s.address+"/api/ws", nil)
	require.NoError(t, err)
	defer conn.Close()
	for range 2_000 { // less than the ticker reads on
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"id":1,"op":"ping"}`)), "the peer is read on")
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(socketPatience)))
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	require.True(t, websocket.IsCloseError(err, 4003), "%v", err)
}

// A WebSocket works the same through TLS: frames in order, ends with their codes, and a
// place that is given back.
func TestATickerThroughTLS(t *testing.T) {
	s, trust := secureStand(t, onSystemClock, func(o *Options) { o.SocketsMax = 1 })
	product := s.product("TLS", 10)
	open := func() (*socket, *http.Response, error) {
		dialer := websocket.Dialer{HandshakeTimeout: socketPatience, TLSClientConfig: trust}
		conn, response, err := dialer.Dial("wss://"+s.address+"/api/ws", nil)
		if err != nil {
			return nil, response, err
		}
		return &socket{conn, t}, response, nil
	}
	for range 3 {
		var opened *socket
		require.Eventually(t, func() bool {
			var err error
			opened, _, err = open()
			return err == nil
		}, socketPatience, time.Millisecond)
		require.Equal(t, "hello", opened.read()["t"])
		opened.watch(product)
		for range 10 {
			opened.alive()
		}
		_, refused, err := open()
		require.Error(t, err)
		require.Equal(t, 503, refused.StatusCode, "there is place for one")
		require.NoError(t, opened.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(socketPatience)))
		_, _, err = opened.ReadMessage()
		require.True(t, websocket.IsCloseError(err, 1000), "%v", err)
		require.NoError(t, opened.Close())
	}
}
