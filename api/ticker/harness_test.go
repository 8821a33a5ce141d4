package ticker

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

const start = 1_764_000_000_000 * inventory.Millisecond

// fakeBoard is a board that a test writes to.
type fakeBoard struct {
	lock  sync.Mutex
	rules map[inventory.ID]*inventory.Product
	stock map[inventory.ID]inventory.Stock
	stale map[inventory.ID]bool
	reads int
	// changed are the products whose rules were changed, in that order.
	changed []inventory.ID
	// forgotten says that only the last of them are remembered.
	forgotten uint64
}

func newFakeBoard() *fakeBoard {
	return &fakeBoard{rules: map[inventory.ID]*inventory.Product{}, stock: map[inventory.ID]inventory.Stock{}, stale: map[inventory.ID]bool{}}
}

func (b *fakeBoard) Read(product inventory.ID) (Reading, bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.reads++
	rules, found := b.rules[product]
	return Reading{Rules: rules, Stock: b.stock[product], Epoch: 7, Stale: b.stale[product]}, found
}

func (b *fakeBoard) EachProduct(visit func(*inventory.Product) bool) {
	b.lock.Lock()
	all := slices.Collect(maps.Values(b.rules))
	b.lock.Unlock()
	for _, rules := range all {
		if !visit(rules) {
			return
		}
	}
}

func (b *fakeBoard) RulesSince(revision uint64) (changed []inventory.ID, now uint64, complete bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	now = uint64(len(b.changed))
	if revision < b.forgotten {
		return nil, now, false
	}
	return b.changed[revision:], now, true
}

// setStale says whether the process that sells a product is heard.
func (b *fakeBoard) setStale(product inventory.ID, stale bool) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.stale[product] = stale
}

// put makes a product with units on hand.
func (b *fakeBoard) put(number byte, units int64) inventory.ID {
	b.lock.Lock()
	defer b.lock.Unlock()
	id := inventory.ID{1, 6: 0x70, 8: 0x80, 15: number}
	b.rules[id] = &inventory.Product{ID: id, SKU: "SKU-1", Name: "Shoe", Category: "shoes", Price: inventory.Money{Minor: 1999, Currency: inventory.Currency{'E', 'U', 'R'}}}
	b.stock[id] = inventory.Stock{OnHand: units, Version: 1}
	b.changed = append(b.changed, id)
	return id
}

// change puts other rules of a product in force.
func (b *fakeBoard) change(product inventory.ID, change func(*inventory.Product)) {
	b.lock.Lock()
	defer b.lock.Unlock()
	rules := *b.rules[product]
	change(&rules)
	b.rules[product] = &rules
	b.changed = append(b.changed, product)
}

// hold reserves a unit, as one durable event.
func (b *fakeBoard) hold(product inventory.ID) {
	b.lock.Lock()
	defer b.lock.Unlock()
	stock := b.stock[product]
	stock.Reserved++
	stock.Version++
	b.stock[product] = stock
}

// harness is a hub with a board, on a clock that stands still unless it is the system's.
type harness struct {
	t     testing.TB
	hub   *Hub
	board *fakeBoard
	clock *clock.Manual
	log   *bytes.Buffer
	// revoked are the sessions that have ended.
	lock    sync.Mutex
	revoked map[inventory.ID]bool
}

func newHarness(t testing.TB, changes ...func(*Options)) *harness {
	t.Helper()
	h := &harness{t: t, clock: clock.NewManual(start), log: &bytes.Buffer{}, revoked: map[inventory.ID]bool{},
		board: newFakeBoard()}
	options := Options{Clock: h.clock, Log: slog.New(slog.NewTextHandler(h.log, nil)), ConnectionsMax: 5_000, Ended: h.isRevoked, Poll: polling}
	for _, change := range changes {
		change(&options)
	}
	h.hub = New(options)
	h.hub.Follow(h.board)
	t.Cleanup(func() { require.NoError(t, h.hub.Stop(over())) })
	return h
}

// over is a context that has ended: a stop does not wait for peers.
func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func onSystemClock(o *Options) { o.Clock = clock.NewSystem() }

func (h *harness) isRevoked(visitor Visitor) bool {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.revoked[visitor.Session]
}

// revoke ends a session, of which the hub is not told.
func (h *harness) revoke(session inventory.ID) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.revoked[session] = true
}

// settle returns when the shards have done all that they were woken for.
func (h *harness) settle() {
	for _, s := range h.hub.shards {
		for again := true; again; {
			done := make(chan int, 1)
			go func() {
				if !s.ask(nil, func(s *shard, _ *client) { done <- len(s.wake) }) {
					done <- 0
				}
			}()
			select {
			case waiting := <-done:
				again = waiting > 0
			case <-time.After(patience):
				h.t.Error("a shard waits for something")
				return
			}
		}
	}
}

// sweep lets some intervals pass, each with its sweep.
func (h *harness) sweep(count int) {
	for range count {
		h.clock.Advance(sweepInterval)
		h.settle()
	}
}

// pass lets time pass in steps of a second's twentieth.
func (h *harness) pass(d inventory.Instant) { h.sweep(int(d/inventory.Second) * sweepsPerSecond) }

// keepSweeping sweeps on, once a millisecond, until stop is called: what the kernel did not
// take is tried again.
func (h *harness) keepSweeping() (stop func()) {
	ended := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				h.sweep(1)
			case <-ended:
				return
			}
		}
	})
	return func() { close(ended); sweeping.Wait() }
}

// pair is the two ends of a connection.
func pair(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	far, err := listener.Accept()
	require.NoError(t, err)
	return near.(*net.TCPConn), far.(*net.TCPConn)
}

// peer is a client of the protocol.
type peer struct {
	*websocket.Conn
	h   *harness
	t   testing.TB
	raw *net.TCPConn
	// packed says that it speaks msgpack.
	packed bool
}

// dial connects without reading the first frame.
func (h *harness) dial(visitor Visitor) *peer { return h.dialAs(visitor, Subprotocols[formatJSON]) }

func (h *harness) dialAs(visitor Visitor, subprotocol string) *peer {
	h.t.Helper()
	near, far := pair(h.t)
	h.t.Cleanup(func() { near.Close() })
	seat, found := h.hub.Admit(visitor)
	require.Equal(h.t, RoomLeft, found)
	served := make(chan error, 1)
	go func() {
		request, err := http.ReadRequest(bufio.NewReader(far))
		if err == nil {
			err = h.hub.Serve(far, seat, Upgrade{Key: request.Header.Get("Sec-WebSocket-Key"), Subprotocol: subprotocol})
		}
		served <- err
	}()
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}, NetDial: func(string, string) (net.Conn, error) { return near, nil }}
	conn, response, err := dialer.Dial("ws://x", nil)
	require.NoError(h.t, err)
	response.Body.Close()
	require.NoError(h.t, <-served)
	return &peer{Conn: conn, h: h, t: h.t, raw: near, packed: subprotocol == Subprotocols[formatMsgpack]}
}

// connect connects and reads the first frame.
func (h *harness) connect() *peer {
	h.t.Helper()
	p := h.dial(Visitor{})
	require.Equal(h.t, "hello", p.read()["t"])
	return p
}

// watch connects and subscribes to products.
func (h *harness) watch(products ...inventory.ID) *peer {
	h.t.Helper()
	p := h.connect()
	p.subscribe("", products...)
	for range products {
		require.Equal(h.t, "s", p.read()["t"])
	}
	return p
}

// subscribe subscribes with further members and expects it to be done.
func (p *peer) subscribe(members string, products ...inventory.ID) {
	p.t.Helper()
	p.send(`{"id":1,"op":"sub","ch":` + channels(products...) + members + `}`)
	require.Equal(p.t, "ok", p.read()["t"])
}

func channels(products ...inventory.ID) string {
	names := make([]string, len(products))
	for i, product := range products {
		names[i] = productPrefix + product.String()
	}
	text, _ := json.Marshal(names)
	return string(text)
}

func (p *peer) send(text string) {
	p.t.Helper()
	if p.packed {
		require.NoError(p.t, p.WriteMessage(websocket.BinaryMessage, inMsgpack(p.t, text)))
		return
	}
	require.NoError(p.t, p.WriteMessage(websocket.TextMessage, []byte(text)))
}

// read returns the next frame.
func (p *peer) read() map[string]any {
	p.t.Helper()
	require.NoError(p.t, p.SetReadDeadline(time.Now().Add(patience)))
	kind, data, err := p.ReadMessage()
	require.NoError(p.t, err)
	if p.packed {
		require.Equal(p.t, websocket.BinaryMessage, kind)
		frame, _ := unpacked(p.t, data).(map[string]any)
		return frame
	}
	require.Equal(p.t, websocket.TextMessage, kind)
	var frame map[string]any
	require.NoError(p.t, json.Unmarshal(data, &frame), "%s", data)
	return frame
}

// readClose reads the end of a connection: bye, unless the protocol itself was broken,
// and the close. It returns the last frame, of one that speaks JSON, and the code.
func (p *peer) readClose() (last map[string]any, code int) {
	p.t.Helper()
	defer p.h.keepSweeping()()
	for {
		require.NoError(p.t, p.SetReadDeadline(time.Now().Add(patience)))
		kind, data, err := p.ReadMessage()
		if err != nil {
			var closed *websocket.CloseError
			require.ErrorAs(p.t, err, &closed)
			return last, closed.Code
		}
		last = nil
		if kind == websocket.TextMessage {
			require.NoError(p.t, json.Unmarshal(data, &last))
		}
	}
}

// ends expects the connection to be closed for a reason that bye names too.
func (p *peer) ends(code CloseCode) {
	p.t.Helper()
	last, got := p.readClose()
	require.EqualValues(p.t, code, got)
	require.Equal(p.t, "bye", last["t"], "%v", last)
	require.EqualValues(p.t, code, last["code"])
}
