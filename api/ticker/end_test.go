package ticker

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// Whoever stops tells everyone when to come back, and is done in bounded time although
// one of them does not listen.
func TestAStopTellsEveryone(t *testing.T) {
	h := newHarness(t, onSystemClock)
	product := h.board.put(1, 1)
	listening, deaf := h.watch(product), h.watch(product)
	stopped := make(chan error, 1)
	go func() { stopped <- h.hub.Stop(context.Background()) }()
	last, code := listening.readClose()
	require.EqualValues(t, closeShutdown, code)
	require.Equal(t, map[string]any{"t": "bye", "code": 4200., "why": "The server restarts.", "retry": []any{0., 5000.}}, last)
	select {
	case err := <-stopped:
		require.NoError(t, err)
	case <-time.After(stopTimeMax + patience):
		t.Fatal("the stop does not end")
	}
	_, found := h.hub.Admit(Visitor{})
	require.Equal(t, RoomNone, found)
	require.Zero(t, h.hub.Figures().Connections)
	_ = deaf
}

// A stop with many connections closes them bit by bit, so that they do not come back
// together.
func TestAStopOfManyIsSpread(t *testing.T) {
	h := newHarness(t)
	const many = 2 * dismissAtOnceMax
	for range many {
		h.connect()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- h.hub.Stop(ctx) }()
	closed := func() uint64 { return h.hub.Figures().Closes["4200"] }
	h.await(func() bool { return closed() > 0 })
	h.settle()
	require.EqualValues(t, many/dismissParts, closed(), "the rest waits for its time")
	h.await(func() bool {
		h.clock.Advance(many * time.Second / returnsPerSecond / dismissParts)
		return closed() == many
	})
	cancel()
	require.NoError(t, <-stopped)
}

func TestAnAbruptEndSaysSo(t *testing.T) {
	h := newHarness(t)
	p := h.connect()
	require.NoError(t, h.hub.Stop(over()))
	_, code := p.readClose()
	require.EqualValues(t, closeGoingAway, code)
}

// Who is told of a session that ended closes its connections at once. One that came just
// afterwards is closed within five seconds.
func TestConnectionsEndWithTheirSession(t *testing.T) {
	h := newHarness(t)
	ada, bob := inventory.ID{1}, inventory.ID{2}
	dial := func(user, session inventory.ID) *peer {
		p := h.dial(Visitor{User: user, Session: session, Until: start + 3600*inventory.Second})
		require.EqualValues(t, milliseconds(start+3600*inventory.Second), p.read()["until"])
		p.live(h)
		return p
	}
	phone, desk, bobs := inventory.ID{3}, inventory.ID{4}, inventory.ID{5}
	first, second, other, third := dial(ada, phone), dial(ada, phone), dial(ada, desk), dial(bob, bobs)
	h.revoke(phone)
	h.hub.EndRevoked()
	first.ends(closeUnauthorized)
	second.ends(closeUnauthorized)
	other.live(h)
	third.live(h)
	h.revoke(bobs)
	h.pass(5 * inventory.Second)
	third.ends(closeUnauthorized)
	other.live(h)
}

// At the end of its access token a connection becomes nobody's and goes on.
func TestAConnectionIsDowngradedAtExpiry(t *testing.T) {
	h := newHarness(t)
	user := inventory.ID{1}
	p := h.dial(Visitor{User: user, Until: start + 5*inventory.Second})
	require.Equal(t, "hello", p.read()["t"])
	p.live(h)
	require.Contains(t, h.hub.seats.users, user)
	h.pass(inventory.Second)
	warning := p.read()
	require.Equal(t, "expiring", warning["st"])
	require.EqualValues(t, milliseconds(start+5*inventory.Second), warning["until"])
	p.live(h)
	h.pass(5 * inventory.Second)
	require.Empty(t, h.hub.seats.users)
	h.revoke(inventory.ID{})
	h.hub.EndRevoked()
	p.live(h)
}

// Connections that come and go leave nothing behind: no goroutine, no seat, no topic.
func TestChurnLeavesNothing(t *testing.T) {
	h := newHarness(t, onSystemClock, func(o *Options) { o.ConnectionsMax = 50 })
	product := h.board.put(1, 1)
	h.watch(product).raw.Close()
	h.await(func() bool { return h.hub.Figures().Connections == 0 })
	before := runtime.NumGoroutine()
	for i := range 2_000 {
		p := h.connect()
		if i%2 == 0 {
			p.subscribe("", product)
		}
		if i%3 == 0 {
			p.raw.SetLinger(0)
		}
		p.raw.Close()
		h.await(func() bool { return h.hub.Figures().Connections < 40 })
	}
	h.await(func() bool { return h.hub.Figures().Connections == 0 })
	h.await(func() bool { return runtime.NumGoroutine() <= before+2 })
	require.Zero(t, h.hub.Figures().Topics)
	require.Zero(t, h.hub.subscriptions.Load())
}

// A step that panics costs the client that it was for, and nobody else.
func TestAPanicCostsOneClient(t *testing.T) {
	h := newHarness(t)
	product := h.board.put(1, 10)
	unlucky, lucky := h.watch(product), h.watch(product)
	found := make(chan *client, 1)
	for _, each := range h.hub.shards {
		each.ask(nil, func(s *shard, _ *client) {
			for _, c := range s.clients {
				if c.socket.RemoteAddr().String() == unlucky.raw.LocalAddr().String() {
					found <- c
				}
			}
		})
	}
	c := <-found
	c.shard.ask(c, func(*shard, *client) { panic("boom") })
	_, _, err := unlucky.ReadMessage()
	require.Error(t, err)
	h.board.hold(product)
	h.sweep(2)
	require.Equal(t, "u", lucky.read()["t"])
	require.Contains(t, h.log.String(), "boom")
}
