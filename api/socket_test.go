package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/require"

	"holdfast/api/ticker"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// An order that was answered is shown, with the version of its answer.
func TestAWatcherSeesOrders(t *testing.T) {
	s := newSocketStand(t, onSystemClock)
	product := s.product("LAMP", 100)
	watcher := s.open("")
	snapshot := watcher.watch(product)
	require.Equal(t, []any{"s", "LAMP", 100., 0., 0., "live", 7.},
		[]any{snapshot["t"], snapshot["sku"], snapshot["a"], snapshot["r"], snapshot["d"], snapshot["ph"], snapshot["e"]})
	order := s.order(s.customer, "one", product, 40)
	update := watcher.read()
	require.Equal(t, []any{"u", 60., 40., 0., 2.}, []any{update["t"], update["a"], update["r"], update["d"], update["s"]})
	require.Equal(t, 200, s.change(s.customer, order, "confirm", "").status)
	update = watcher.read()
	require.Equal(t, []any{"u", 60., 0., 40., 3.}, []any{update["t"], update["a"], update["r"], update["d"], update["s"]})
	s.order(s.customer, "two", product, 60)
	require.Equal(t, "live", watcher.read()["ph"], "what is held may come back")
}

// Many watch, many buy: nobody sees a version fall, and all end with what HTTP says.
func TestVersionsNeverGoBackWhileOrdersArePlaced(t *testing.T) {
	const orders, watchers = 150, 12
	s := newSocketStand(t, onSystemClock)
	product := s.product("LAMP", 1_000)
	var all sync.WaitGroup
	for range watchers {
		watcher := s.open("")
		last := watcher.watch(product)["s"].(float64)
		all.Go(func() {
			for last < orders+1 {
				frame := watcher.read()
				if version := frame["s"].(float64); version <= last {
					t.Errorf("version %v after %v", version, last)
				} else {
					last = version
				}
				if frame["r"].(float64) != last-1 || frame["a"].(float64) != 1_001-last {
					t.Errorf("a state that never was: %v", frame)
				}
			}
		})
	}
	for buyer := range 3 {
		all.Go(func() {
			for i := range orders / 3 {
				s.order(s.customer, fmt.Sprintf("%d-%d", buyer, i), product, 1)
			}
		})
	}
	all.Wait()
}

const goodUpgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// What is no good upgrade is refused as a request is, before anything is upgraded.
func TestUpgradesAreChecked(t *testing.T) {
	s := newSocketStand(t)
	replace := func(part, by string) string { return strings.Replace(goodUpgrade, part, by, 1) }
	for name, c := range map[string]struct {
		headers string
		status  int
		says    string
	}{
		"good":                  {goodUpgrade, 101, ""},
		"our subprotocol":       {goodUpgrade + "Sec-WebSocket-Protocol: stockticker.v2.json, stockticker.v1.json\r\n", 101, ""},
		"two lists":             {goodUpgrade + "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: stockticker.v1.json\r\n", 101, ""},
		"other subprotocols":    {goodUpgrade + "Sec-WebSocket-Protocol: stockticker.v2.msgpack, chat\r\n", 400, "stockticker.v1.json or stockticker.v1.msgpack"},
		"case of a subprotocol": {goodUpgrade + "Sec-WebSocket-Protocol: StockTicker.v1.json\r\n", 400, "stockticker.v1.json"},
		"no upgrade":            {replace("Upgrade: WebSocket\r\n", ""), 426, "version 13"},
		"no connection":         {replace("keep-alive, Upgrade", "keep-alive"), 426, "version 13"},
		"another upgrade":       {replace("WebSocket\r\n", "h2c\r\n"), 426, "version 13"},
		"version 8":             {replace("Version: 13", "Version: 8"), 426, "version 13"},
		"two versions":          {goodUpgrade + "Sec-WebSocket-Version: 13\r\n", 426, "version 13"},
		"no version":            {replace("Sec-WebSocket-Version: 13\r\n", ""), 426, "version 13"},
		"no key":                {replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, "16 bytes"},
		"one byte of key":       {replace("dGhlIHNhbXBsZSBub25jZQ==", "eA=="), 400, "16 bytes"},
		"17 bytes of key":       {replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZTE="), 400, "16 bytes"},
		"no base64":             {replace("dGhlIHNhbXBsZSBub25jZQ==", "the sample nonce, and more"), 400, "16 bytes"},
		"bits left over":        {replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR=="), 400, "16 bytes"},
		"two keys":              {goodUpgrade + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400, "16 bytes"},
		"a body":                {goodUpgrade + "Content-Length: 2\r\n\r\n{}", 400, "no body"},
	} {
		response, _ := s.rawUpgrade(t, "GET /api/ws HTTP/1.1\r\nHost: x\r\n"+c.headers+"\r\n")
		require.Equal(t, c.status, response.StatusCode, name)
		if c.status == 101 {
			require.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response.Header.Get("Sec-WebSocket-Accept"), name)
			require.Equal(t, strings.Contains(c.headers, "Protocol"), response.Header.Get("Sec-WebSocket-Protocol") == ticker.Subprotocols[0], name)
			require.NotEmpty(t, response.Header.Get("X-Request-Id"), name)
			continue
		}
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), c.says, name)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), name)
		if c.status == 426 {
			require.Equal(t, "13", response.Header.Get("Sec-WebSocket-Version"), name)
		}
	}
	require.Equal(t, 426, s.do(call{method: "HEAD", path: "/api/ws"}).status)
}

// rawUpgrade sends bytes over a real connection and returns the answer and what follows.
func (s *socketStand) rawUpgrade(t *testing.T, data string) (*http.Response, *bufio.Reader) {
	t.Helper()
	connection, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	require.NoError(t, connection.SetDeadline(time.Now().Add(socketPatience)))
	_, err = io.WriteString(connection, data)
	require.NoError(t, err)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	return response, reader
}

// A client that does not wait for the answer loses nothing.
func TestFramesBehindTheRequestAreRead(t *testing.T) {
	s := newSocketStand(t)
	ping := "{\"id\":1,\"op\":\"ping\"}"
	frame := string([]byte{0x81, 0x80 | byte(len(ping)), 0, 0, 0, 0}) + ping
	response, reader := s.rawUpgrade(t, "GET /api/ws HTTP/1.1\r\nHost: x\r\n"+goodUpgrade+"\r\n"+frame+frame)
	require.Equal(t, 101, response.StatusCode)
	found := make([]byte, 2_000)
	n := 0
	for strings.Count(string(found[:n]), `"t":"ok"`) < 2 {
		more, err := reader.Read(found[n:])
		require.NoError(t, err)
		n += more
	}
}

func TestNothingIsCompressed(t *testing.T) {
	s := newSocketStand(t)
	opened, got := s.try("", "Sec-WebSocket-Protocol", ticker.Subprotocols[0])
	require.NotNil(t, opened)
	require.Empty(t, got.header.Get("Sec-WebSocket-Extensions"))
	require.Equal(t, ticker.Subprotocols[0], opened.Subprotocol())
}

// A listener that is no network has no WebSockets, and says so.
func TestAnUpgradeNeedsASocket(t *testing.T) {
	s := newStand(t)
	response := s.raw("GET /api/ws HTTP/1.1\r\nHost: x\r\n" + goodUpgrade + "Connection: close\r\n\r\n")
	require.Equal(t, 500, response.StatusCode)
}

func TestAnUpgradeNeedsTheEngine(t *testing.T) {
	s := newSocketStand(t, func(o *Options) { o.Engine = nil })
	s.refused(503, "starting", "")
}

// Row 32 of the security checklist: a page of another origin cannot open a WebSocket, with
// or without the cookies of its visitor.
func TestRow32SocketOrigins(t *testing.T) {
	s := newSocketStand(t, func(o *Options) { o.Origins = []string{"https://shop.example"} })
	own := s.address
	for _, origin := range []string{"http://" + own, "https://" + strings.ToUpper(own), "https://shop.example"} {
		s.open("", "Origin", origin, "Cookie", "a=b").alive()
	}
	s.open("").alive()
	s.open(s.ticket(s.customer)).alive()
	for _, origin := range []string{"https://evil.example", "null", "", "https://shop.example.evil.example", "https://evil-shop.example",
		"http://shop.example", "https://shop.example:8443", "https://shop.example/", "https://SHOP.example", "http://" + own + ".evil.example",
		"http://evil.example/" + own, "http://user@" + own, "ws://" + own, own, "//" + own, "http://"} {
		s.refused(403, "forbidden", "", "Origin", origin)
	}
	s.refused(403, "forbidden", "", "Origin", "https://shop.example", "Origin", "https://evil.example")
	s.refused(403, "forbidden", "", "Cookie", "a=b")
	s.refused(403, "forbidden", s.ticket(s.customer), "Cookie", "a=b")
	s.refused(403, "forbidden", s.ticket(s.customer), "Origin", "https://evil.example")
	s.refused(403, "forbidden", "", "Cookie", "a=b", "Authorization", "Bearer "+s.customer)
}

// Row 33: a ticket opens one WebSocket, soon; a token in an address opens none; and a
// WebSocket ends with the sessions of its user.
func TestRow33SocketTickets(t *testing.T) {
	s := newSocketStand(t)
	ticket := s.ticket(s.customer)
	opened := s.open(ticket)
	s.refused(401, "unauthorized", ticket)
	opened.alive()
	late := s.ticket(s.customer)
	s.clock.advance(ticketLifetime)
	s.refused(401, "unauthorized", late)
	s.refused(401, "unauthorized", "?ticket=made-up")
	s.refused(401, "unauthorized", "?ticket="+s.customer)
	for _, query := range []string{"?token=" + s.customer, "?access_token=" + s.customer, "?ticket=", "?ticket=a&ticket=b"} {
		s.refused(400, "malformed_request", query)
	}
	s.refused(400, "malformed_request", s.ticket(s.customer), "Authorization", "Bearer "+s.customer)
	s.refused(401, "unauthorized", "", "Authorization", "Bearer "+s.customer+"x")
	s.refused(401, "unauthorized", "", "Authorization", "Basic YTpi")
	s.open("", "Authorization", "Bearer "+s.customer).alive()
	s.open("", "Authorization", "Bearer "+s.service).alive()
	got := s.do(call{method: "POST", path: "/api/ws/ticket", token: s.machine("console", persistence.RoleAdmin)})
	require.Equal(t, 403, got.status)
}

func TestRow33SocketsOfOthersChannels(t *testing.T) {
	s := newSocketStand(t)
	known, nobodys := s.open(s.ticket(s.customer)), s.open("")
	for channel, codes := range map[string][2]int{"o:" + s.otherID.String(): {102, 101}, "o:" + inventory.ID{9}.String(): {102, 101},
		"*": {103, 101}, "sys": {103, 101}, "c:nonsense": {102, 102}} {
		for i, opened := range []*socket{known, nobodys} {
			opened.send(`{"id":1,"op":"sub","ch":["` + channel + `"]}`)
			require.EqualValues(t, codes[i], opened.read()["code"], channel)
		}
	}
}

func TestRow33SocketsEndWithTheirSessions(t *testing.T) {
	s := newSocketStand(t)
	mine, others, nobodys := s.open(s.ticket(s.customer)), s.open(s.ticket(s.other)), s.open("")
	unused := s.ticket(s.customer)
	for _, each := range []*socket{mine, others, nobodys} {
		each.alive()
	}
	require.Equal(t, 204, s.do(call{method: "POST", path: "/api/logout", token: s.customer}).status)
	mine.ends(4001)
	s.refused(401, "unauthorized", unused)
	others.alive()

	// One that came after the sockets were looked through is found within 5 s.
	s.server.revocations.EndVersions(s.otherID, 2, s.clock.Now())
	for range 5 * time.Second / (50 * time.Millisecond) {
		s.clock.advance(50 * time.Millisecond)
	}
	others.ends(4001)
	nobodys.alive()
}

// A WebSocket of a machine sees what its key's role may, and ends when the key is deleted.
func TestRow33SocketsEndWithTheirKey(t *testing.T) {
	s := newSocketStand(t)
	made := s.do(call{method: "POST", path: "/api/apikeys", token: s.admin, body: `{"name":"wall","role":"admin"}`})
	require.Equal(t, 201, made.status, "%s", made.body)
	opened := s.open("", "Authorization", "Bearer "+made.text("key"))
	opened.send(`{"id":1,"op":"sub","ch":["sys"]}`)
	require.Equal(t, "ok", opened.read()["t"])
	require.Equal(t, "sys", opened.read()["t"])
	require.Equal(t, 204, s.do(call{method: "DELETE", path: "/api/apikeys/" + s.keyNamed("wall"), token: s.admin}).status)
	opened.ends(4001)
}

// keyNamed returns the id of an API key.
func (s *socketStand) keyNamed(name string) string {
	s.store.lock.Lock()
	defer s.store.lock.Unlock()
	for _, key := range s.store.keys {
		if key.Name == name {
			return key.ID.String()
		}
	}
	s.t.Fatalf("there is no key %s", name)
	return ""
}

// While the store is away nobody is thrown out.
func TestSocketsStayWhileTheStoreIsAway(t *testing.T) {
	s := newSocketStand(t)
	opened := s.open(s.ticket(s.customer))
	opened.alive()
	s.store.lock.Lock()
	s.store.down = errDown
	s.store.lock.Unlock()
	for range 100 {
		s.clock.advance(50 * time.Millisecond)
	}
	opened.alive()
}

func TestRow33SocketsOutliveTheirTokenAsNobodys(t *testing.T) {
	s := newSocketStand(t)
	opened, _ := s.try(s.ticket(s.customer))
	hello := opened.read()
	until := time.UnixMilli(int64(hello["until"].(float64))).Sub(time.Unix(0, int64(s.clock.Now())))
	require.InDelta(t, token.AccessLifetime.Seconds(), until.Seconds(), 31)
	opened.alive()
	s.clock.advance(until)
	// The ping that is due comes after the user is forgotten.
	pinged := make(chan struct{})
	opened.SetPingHandler(func(payload string) error {
		close(pinged)
		return opened.WriteControl(websocket.PongMessage, []byte(payload), time.Now().Add(socketPatience))
	})
	answered := make(chan map[string]any)
	go func() { answered <- opened.read() }()
	<-pinged
	s.server.revocations.EndVersions(s.customerID, 2, s.clock.Now())
	s.server.endSockets()
	opened.send(`{"id":99,"op":"ping"}`)
	require.Equal(t, "ok", (<-answered)["t"])
}

// Row 34: WebSockets of a user, of an address and of all are bounded before the upgrade.
func TestRow34SocketsOfAUser(t *testing.T) {
	s := newSocketStand(t)
	for range ticker.UserConnectionsMaxDefault {
		s.open(s.ticket(s.customer))
	}
	got := s.refused(429, "rate_limited", s.ticket(s.customer))
	require.NotEmpty(t, got.header.Get("Retry-After"))
	s.open(s.ticket(s.other)).alive()
	s.open("").alive()
}

// foreignListener makes connections come from an address.
type foreignListener struct {
	net.Listener
	address string
}

type foreignConn struct {
	*net.TCPConn
	remote net.Addr
}

func (c foreignConn) RemoteAddr() net.Addr { return c.remote }

func (l foreignListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return foreignConn{c.(*net.TCPConn), peer(l.address)}, nil
}

func TestRow34SocketsOfAnAddress(t *testing.T) {
	s := newSocketStand(t, func(o *Options) { o.SocketsPerAddressMax = 3 })
	for range 5 {
		s.open("").alive() // a proxy, or a machine beside us
	}
	for _, address := range []string{"192.0.2.1", "192.0.2.2"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s.address = s.serveOn(foreignListener{listener, address})
		first := s.open("")
		s.open("")
		s.open("")
		s.refused(429, "rate_limited", "")
		first.Close()
		require.Eventually(t, func() bool {
			opened, _ := s.try("")
			return opened != nil
		}, socketPatience, time.Millisecond)
	}
}

func TestRow34SocketsOfAll(t *testing.T) {
	s := newSocketStand(t, func(o *Options) { o.SocketsMax = 2 })
	first := s.open("")
	s.open("")
	got := s.refused(503, "overloaded", "")
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, 200, s.do(call{method: "GET", path: "/livez"}).status)
	first.Close()
	require.Eventually(t, func() bool {
		opened, _ := s.try("")
		return opened != nil
	}, socketPatience, time.Millisecond)
}

func TestTicketsAreBounded(t *testing.T) {
	all := newTickets()
	now := inventory.Instant(1)
	for i := range ticketsPerUserMax {
		_, found := all.issue(token.Principal{ID: inventory.ID{1}}, 0, now)
		require.Equal(t, roomLeft, found, i)
	}
	_, found := all.issue(token.Principal{ID: inventory.ID{1}}, 0, now)
	require.Equal(t, roomFullForOne, found)
	for i := range ticketsMax - ticketsPerUserMax {
		_, found := all.issue(token.Principal{ID: inventory.ID{2, byte(i), byte(i >> 8), byte(i >> 16)}}, 0, now)
		require.Equal(t, roomLeft, found)
	}
	_, found = all.issue(token.Principal{ID: inventory.ID{3}}, 0, now)
	require.Equal(t, roomFull, found)
	_, found = all.issue(token.Principal{ID: inventory.ID{1}}, 0, now+inventory.Instant(ticketLifetime))
	require.Equal(t, roomLeft, found)
	require.Len(t, all.open, 1)
	require.Len(t, all.users, 1)
	require.Len(t, all.inOrder, 1)
}

// One of many that try a ticket at once gets in.
func TestRow33ATicketIsUsedOnce(t *testing.T) {
	s := newSocketStand(t)
	ticket := s.ticket(s.customer)
	var all sync.WaitGroup
	var lock sync.Mutex
	opened := 0
	for range 20 {
		all.Go(func() {
			if c, _ := s.try(ticket); c != nil {
				lock.Lock()
				defer lock.Unlock()
				opened++
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, opened)
}

// A shutdown tells WebSockets when to come back, and does not wait for those who do not
// listen.
func TestAShutdownEndsSockets(t *testing.T) {
	s := newSocketStand(t, onSystemClock)
	listening, deaf := s.open(""), s.open("")
	_ = deaf
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), socketPatience)
		defer cancel()
		ended <- s.server.Shutdown(ctx)
	}()
	bye := listening.read()
	require.Equal(t, []any{"bye", 4200.}, []any{bye["t"], bye["code"]})
	listening.ends(4200)
	require.NoError(t, <-ended)
	require.Zero(t, s.server.ticker.Figures().Connections)
}

// WebSockets that come and go leave no connection, place or goroutine.
func TestSocketsLeaveNothingBehind(t *testing.T) {
	s := newSocketStand(t, onSystemClock)
	product := s.product("LAMP", 10)
	for i := range 2_000 {
		opened := s.open("")
		if i%3 == 0 {
			opened.watch(product)
		}
		opened.Close()
	}
	empty := func(count *tally) bool {
		count.lock.Lock()
		defer count.lock.Unlock()
		return count.all <= 1 // that of the stand's own client
	}
	require.Eventually(t, func() bool {
		return s.server.ticker.Figures().Connections == 0 && empty(s.server.connections)
	}, socketPatience, time.Millisecond)
	require.Zero(t, s.server.ticker.Figures().Topics)
}

func TestSocketsAreMeasured(t *testing.T) {
	s := newSocketStand(t, onSystemClock)
	product := s.product("LAMP", 10)
	opened := s.open("")
	opened.watch(product)
	s.refused(401, "unauthorized", "?ticket=x")
	require.EqualValues(t, 3, s.counter("ws_frames_sent_total"))
	require.EqualValues(t, 1, s.counter("ws_frames_encoded_total"))
	families, err := s.server.options.Registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if strings.HasPrefix(family.GetName(), "ws_") {
				name := family.GetName()
				for _, label := range metric.GetLabel() {
					name += " " + label.GetValue()
				}
				found[name] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	for name, want := range map[string]float64{"ws_connections json": 1, "ws_connections msgpack": 0, "ws_subscriptions product": 1, "ws_subscriptions group": 0,
		"ws_topics": 1, "ws_frames_sent_total product": 1, "ws_frames_sent_total other": 2, "ws_delivery_lag_seconds": 0, "ws_upgrades_total accepted": 1,
		"ws_upgrades_total unauthorized": 1, "ws_closes_total 4100": 0, "ws_closes_total peer": 0} {
		value, is := found[name]
		require.True(t, is, name)
		require.Equal(t, want, value, name)
	}
	require.NotContains(t, s.log.String(), "panick")
}
