package ticker

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	hub "holdfast/api/ticker"
	"holdfast/internal/clock"
	"holdfast/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// board is what the hub shows.
type board struct {
	lock  sync.Mutex
	epoch uint32
	rules map[inventory.ID]*inventory.Product
	stock map[inventory.ID]inventory.Stock
}

func (b *board) Read(product inventory.ID) (hub.Reading, bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	rules, found := b.rules[product]
	return hub.Reading{Rules: rules, Stock: b.stock[product], Epoch: b.epoch}, found
}

func (b *board) EachProduct(visit func(*inventory.Product) bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	for _, rules := range b.rules {
		if !visit(rules) {
			return
		}
	}
}

// RulesSince never knows: all is read again.
func (b *board) RulesSince(uint64) (changed []inventory.ID, now uint64, complete bool) {
	return nil, 0, false
}

// server is a hub behind a real listener, which can end and begin again at its address.
type server struct {
	t       *testing.T
	board   *board
	address string

	lock     sync.Mutex
	hub      *hub.Hub
	listener net.Listener
	sockets  map[net.Conn]bool
	accepted int
	serving  sync.WaitGroup
}

func newServer(t *testing.T) *server {
	s := &server{t: t, board: &board{epoch: 7, rules: map[inventory.ID]*inventory.Product{}, stock: map[inventory.ID]inventory.Stock{}}, address: "127.0.0.1:0"}
	s.begin()
	t.Cleanup(func() { s.end(true) })
	return s
}

// begin listens.
func (s *server) begin() {
	listener, err := net.Listen("tcp4", s.address)
	require.NoError(s.t, err)
	h := hub.New(hub.Options{Clock: clock.NewSystem(), Log: slog.New(slog.DiscardHandler), ConnectionsMax: 1_000})
	h.Follow(s.board)
	s.lock.Lock()
	s.address, s.hub, s.listener, s.sockets = listener.Addr().String(), h, listener, map[net.Conn]bool{}
	s.lock.Unlock()
	s.serving.Go(func() {
		for {
			socket, err := listener.Accept()
			if err != nil {
				return
			}
			s.lock.Lock()
			s.sockets[socket], s.accepted = true, s.accepted+1
			s.lock.Unlock()
			s.serving.Go(func() { s.serve(h, socket.(*net.TCPConn)) })
		}
	})
}

func (s *server) serve(h *hub.Hub, socket *net.TCPConn) {
	request, err := http.ReadRequest(bufio.NewReader(socket))
	if err != nil {
		socket.Close()
		return
	}
	seat, _ := h.Admit(hub.Visitor{})
	if seat == nil {
		socket.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"))
		socket.Close()
		return
	}
	h.Serve(socket, seat, hub.Upgrade{Key: request.Header.Get("Sec-WebSocket-Key"), Subprotocol: request.Header.Get("Sec-WebSocket-Protocol")})
}

// end stops: politely, with a bye to all, or by cutting every connection.
func (s *server) end(politely bool) {
	s.lock.Lock()
	s.listener.Close()
	h := s.hub
	s.lock.Unlock()
	if !politely {
		s.drop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	if !politely {
		cancel()
	}
	defer cancel()
	assert.NoError(s.t, h.Stop(ctx))
	s.drop()
	s.serving.Wait()
}

// drop cuts all connections.
func (s *server) drop() {
	s.lock.Lock()
	defer s.lock.Unlock()
	for socket := range s.sockets {
		socket.(*net.TCPConn).SetLinger(0)
		socket.Close()
	}
	clear(s.sockets)
}

// put makes a product with units on hand, and returns its ID.
func (s *server) put(number byte, units int64) (inventory.ID, string) {
	s.board.lock.Lock()
	defer s.board.lock.Unlock()
	id := inventory.ID{1, 6: 0x70, 8: 0x80, 15: number}
	s.board.rules[id] = &inventory.Product{ID: id, SKU: "SKU-1", Price: inventory.Money{Minor: 1999, Currency: inventory.Currency{'E', 'U', 'R'}}}
	s.board.stock[id] = inventory.Stock{OnHand: units, Version: 1}
	return id, id.String()
}

// hold reserves a unit, as one durable event, and returns the version.
func (s *server) hold(product inventory.ID) uint64 {
	s.board.lock.Lock()
	defer s.board.lock.Unlock()
	stock := s.board.stock[product]
	stock.Reserved++
	stock.Version++
	s.board.stock[product] = stock
	return stock.Version
}

// quick are options with which a test need not wait.
func (s *server) quick() Options {
	return Options{Address: s.address, PauseMin: time.Millisecond, PauseMax: 20 * time.Millisecond}
}

// run runs a client until the test ends.
func run(t *testing.T, options Options) *Client {
	c := New(options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("the client does not end")
		}
	})
	return c
}

// soon is a context for what should come at once.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// until reads updates until one satisfies.
func until(t *testing.T, c *Client, satisfies func(Update) bool) Update {
	t.Helper()
	for ctx := soon(t); ; {
		update, err := c.Next(ctx)
		require.NoError(t, err)
		if satisfies(update) {
			return update
		}
	}
}

// version waits for a version of a product.
func version(t *testing.T, c *Client, wanted uint64) Product {
	t.Helper()
	return *until(t, c, func(u Update) bool { return u.Product != nil && u.Product.Stock >= wanted }).Product
}
