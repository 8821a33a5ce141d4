package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
)

// socketPatience is how long a test waits for what should come at once.
const socketPatience = 10 * time.Second

// socketStand is a stand that listens on a real port too.
type socketStand struct {
	*stand
	address string
}

func onSystemClock(o *Options) { o.Clock = clock.NewSystem() }

func newSocketStand(t testing.TB, changes ...func(*Options)) *socketStand {
	t.Helper()
	s := &socketStand{stand: newStand(t, changes...)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = s.serveOn(listener)
	return s
}

// connect opens a real connection to a listener of its own.
func (s *stand) connect() net.Conn {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	connection, err := net.Dial("tcp", s.serveOn(listener))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// serveOn serves on one more listener.
func (s *stand) serveOn(listener net.Listener) (address string) {
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(listener) }()
	s.t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.server.Shutdown(ctx)
		require.NoError(s.t, <-served)
	})
	return listener.Addr().String()
}

// socket is a client of the ticker.
type socket struct {
	*websocket.Conn
	t testing.TB
}

// try opens a WebSocket, or returns the answer that refused it.
func (s *socketStand) try(query string, headers ...string) (*socket, result) {
	s.t.Helper()
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{HandshakeTimeout: socketPatience, EnableCompression: true}
	conn, response, err := dialer.Dial("ws://"+s.address+"/api/ws"+query, header)
	require.NotNil(s.t, response, "%v", err)
	got := result{status: response.StatusCode, header: response.Header}
	if err == nil {
		s.t.Cleanup(func() { conn.Close() })
		return &socket{conn, s.t}, got
	}
	got.body, _ = io.ReadAll(response.Body)
	require.NoError(s.t, json.Unmarshal(got.body, &got.json), "%s", got.body)
	s.conforms(call{method: "GET", path: "/api/ws" + query}, got)
	return nil, got
}

// open opens a WebSocket and reads its first frame.
func (s *socketStand) open(query string, headers ...string) *socket {
	s.t.Helper()
	opened, got := s.try(query, headers...)
	require.NotNil(s.t, opened, "%s", got.body)
	require.Equal(s.t, "hello", opened.read()["t"])
	return opened
}

// refused expects that a WebSocket is not opened.
func (s *socketStand) refused(status int, code, query string, headers ...string) result {
	s.t.Helper()
	opened, got := s.try(query, headers...)
	require.Nil(s.t, opened, "it was opened")
	require.Equal(s.t, status, got.status, "%s", got.body)
	require.Equal(s.t, code, got.text("code"))
	return got
}

func (c *socket) send(text string) {
	c.t.Helper()
	require.NoError(c.t, c.WriteMessage(websocket.TextMessage, []byte(text)))
}

func (c *socket) read() map[string]any {
	c.t.Helper()
	require.NoError(c.t, c.SetReadDeadline(time.Now().Add(socketPatience)))
	_, data, err := c.ReadMessage()
	require.NoError(c.t, err)
	var frame map[string]any
	require.NoError(c.t, json.Unmarshal(data, &frame), "%s", data)
	return frame
}

// alive expects that a command is answered.
func (c *socket) alive() {
	c.t.Helper()
	c.send(`{"id":99,"op":"ping"}`)
	require.Equal(c.t, "ok", c.read()["t"])
}

// watch subscribes to a product and returns its snapshot.
func (c *socket) watch(product string) map[string]any {
	c.t.Helper()
	c.send(`{"id":1,"op":"sub","ch":["p:` + product + `"],"hz":20}`)
	require.Equal(c.t, "ok", c.read()["t"])
	return c.read()
}

// ends expects that the connection is closed, and says why.
func (c *socket) ends(code int) {
	c.t.Helper()
	for {
		require.NoError(c.t, c.SetReadDeadline(time.Now().Add(socketPatience)))
		if _, _, err := c.ReadMessage(); err != nil {
			require.True(c.t, websocket.IsCloseError(err, code), "%v", err)
			return
		}
	}
}

// ticket is a fresh ticket of a person.
func (s *stand) ticket(access string) string {
	s.t.Helper()
	got := s.do(call{method: "POST", path: "/api/ws/ticket", token: access})
	require.Equal(s.t, 200, got.status, "%s", got.body)
	return "?ticket=" + got.text("ticket")
}
