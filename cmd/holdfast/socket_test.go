package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/require"
)

// Orders of the real engine are shown, with the units of the HTTP answers; versions go
// on after a restart; and a stop tells the watchers, in order.
func TestATickerFollowsTheEngine(t *testing.T) {
	data := freshDirectory(t)
	s := serve(t, data, "--demo")
	token := s.register("ada@example.com", lanternPassword)
	product := s.get("/api/products?limit=1").body["items"].([]any)[0].(map[string]any)["id"].(string)
	watcher := s.watch(product)
	before := watcher.read()
	require.Equal(t, "s", before["t"])
	require.EqualValues(t, 1, before["e"])
	require.Equal(t, 201, s.order(token).status)
	after := watcher.read()
	require.Equal(t, []any{"u", before["s"].(float64) + 1, before["a"].(float64) - 1, before["r"].(float64) + 1},
		[]any{after["t"], after["s"], after["a"], after["r"]})
	order := s.do(call{method: "GET", path: "/api/orders/by-key/a-key-for-one-order", token: token}).body["id"].(string)
	require.Equal(t, 200, s.post("/api/orders/"+order+"/confirm", token, "{}").status)
	sold := watcher.read()
	require.Equal(t, before["d"].(float64)+1, sold["d"])

	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop(t) }()
	require.Equal(t, "bye", watcher.read()["t"])
	_, _, err := watcher.ReadMessage()
	require.True(t, websocket.IsCloseError(err, 4200), "%v", err)
	watcher.Close()
	<-stopped

	again := serve(t, data).watch(product).read()
	for _, member := range []string{"e", "s", "a", "r", "d"} {
		require.Equal(t, sold[member], again[member], member)
	}
}

type watcher struct {
	*websocket.Conn
	t *testing.T
}

// watch opens a WebSocket that is told of a product.
func (s site) watch(product string) watcher {
	s.t.Helper()
	conn, answer, err := websocket.DefaultDialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/api/ws", nil)
	require.NoError(s.t, err)
	answer.Body.Close()
	s.t.Cleanup(func() { conn.Close() })
	w := watcher{conn, s.t}
	require.Equal(s.t, "hello", w.read()["t"])
	require.NoError(s.t, conn.WriteJSON(map[string]any{"id": 1, "op": "sub", "ch": []string{"p:" + product}, "hz": 20}))
	require.Equal(s.t, "ok", w.read()["t"])
	return w
}

func (w watcher) read() map[string]any {
	w.t.Helper()
	require.NoError(w.t, w.SetReadDeadline(time.Now().Add(patience)))
	_, data, err := w.ReadMessage()
	require.NoError(w.t, err)
	var frame map[string]any
	require.NoError(w.t, json.Unmarshal(data, &frame))
	return frame
}
