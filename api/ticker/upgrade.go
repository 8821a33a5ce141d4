package ticker

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/fasthttp/websocket"
)

// Upgrade is a request that was checked and found good.
type Upgrade struct {
	// Key is its Sec-WebSocket-Key, 16 bytes in base64.
	Key string
	// Subprotocol is one of [Subprotocols], which is answered; empty when the peer offered
	// none.
	Subprotocol string
	// Header is further headers of the answer.
	Header http.Header
	// Early is what the peer sent after its request.
	Early []byte
}

// writeBuffers are for what the library writes: the answers to upgrades.
var writeBuffers sync.Pool

// upgrader answers upgrades; the frames that follow are read and written here. All that it
// would check has been checked.
var upgrader = websocket.Upgrader{ReadBufferSize: 256, WriteBufferSize: 512, WriteBufferPool: &writeBuffers,
	HandshakeTimeout: handshakeTimeMax, Subprotocols: Subprotocols[:], CheckOrigin: func(*http.Request) bool { return true }}

// hijacker gives the library a connection that was taken from another server.
type hijacker struct{ socket Socket }

func (h hijacker) Header() http.Header         { return http.Header{} }
func (h hijacker) Write(b []byte) (int, error) { return len(b), nil }
func (h hijacker) WriteHeader(int)             {}

// Hijack implements [http.Hijacker].
func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.socket, bufio.NewReadWriter(bufio.NewReaderSize(h.socket, 16), bufio.NewWriterSize(h.socket, 16)), nil
}

// errStopped is returned for connections that come when the hub has ended.
var errStopped = errors.New("the ticker has stopped")

// Serve answers an upgrade and serves the connection, which is the hub's from here on;
// it returns at once. When it returns an error the connection is closed.
func (h *Hub) Serve(socket Socket, seat *Seat, upgrade Upgrade) error {
	err := h.serve(socket, seat, &upgrade)
	if err != nil {
		_ = socket.Close()
		seat.Leave()
	}
	return err
}

func (h *Hub) serve(socket Socket, seat *Seat, upgrade *Upgrade) error {
	raw, err := Prepare(socket)
	if err != nil {
		return fmt.Errorf("prepare the socket: %w", err)
	}
	request := &http.Request{Method: http.MethodGet, Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {upgrade.Key}}}
	if upgrade.Subprotocol != "" {
		request.Header.Set("Sec-Websocket-Protocol", upgrade.Subprotocol)
	}
	if _, err := upgrader.Upgrade(hijacker{socket}, request, upgrade.Header); err != nil {
		return fmt.Errorf("answer the upgrade: %w", err)
	}
	if err := h.enter(); err != nil {
		return err
	}
	s := h.shards[h.next.Add(1)%uint64(len(h.shards))]
	c := &client{shard: s, socket: socket, raw: raw, seat: seat, format: formatOf(upgrade.Subprotocol)}
	c.become(&seat.visitor)
	r := newReader(c, upgrade.Early, h.poller)
	if h.poller != nil {
		c.polled = r
		h.poller.enter(r)
	}
	if !s.ask(c, (*shard).add) {
		if h.poller != nil {
			h.poller.leave(r)
		}
		h.left.Done()
		return errStopped
	}
	go r.turn()
	return nil
}
