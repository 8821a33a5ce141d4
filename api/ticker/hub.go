package ticker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// Options configure a [Hub]. Clock, Log and ConnectionsMax are required.
type Options struct {
	Clock clock.Clock
	Log   *slog.Logger
	// ConnectionsMax bounds the connections, AddressConnectionsMax those of an address
	// (zero is no bound), UserConnectionsMax those of a user (zero is
	// [UserConnectionsMaxDefault]).
	ConnectionsMax, AddressConnectionsMax, UserConnectionsMax int
	// Ended reports whether the session of a known visitor has ended. It is asked of every
	// connection when somebody calls [Hub.EndRevoked], and every few seconds, since a
	// connection may come just after that. It must not wait. nil is never.
	Ended func(Visitor) bool
	// Node is the name of this process, which connections are told.
	Node string
	// Identify returns who an access token is of: ErrTokenExpired, ErrTokenUnknown or
	// ErrNotReady. It may wait. nil knows nobody.
	Identify func(token string) (Visitor, error)
	// Orders is where the channels of orders come from, System where the figures of the
	// node: nil has none. System must not wait.
	Orders OrderSource
	System func() SystemFigures
	// Poll has one goroutine wait for the sockets of all connections, where [CanPoll]:
	// otherwise each connection has one.
	Poll bool
}

// Hub shows products to connections: see the package comment.
type Hub struct {
	clock   clock.Clock
	log     *slog.Logger
	node    string
	revoked func(Visitor) bool
	// identifies, orders and system are those of the options.
	identifies func(token string) (Visitor, error)
	orders     OrderSource
	system     func() SystemFigures
	board      atomic.Pointer[Board]
	// news is what has happened to orders since the last beat, beats counts by time.
	news   newsQueue
	beats  atomic.Uint64
	seats  seats
	topics topics
	// subscriptions are those of all connections.
	subscriptions atomic.Int64

	shards []*shard
	next   atomic.Uint64
	// left waits for the connections, working for what runs for all of them.
	left, working sync.WaitGroup

	// beating guards what follows: the timer runs while somebody is connected, and rests
	// says that it does not.
	beating sync.Mutex
	timer   clock.Timer
	rests   bool
	stopped bool
	// poller waits for what comes, if polls: from the first connection on.
	polls  bool
	poller *poller

	// askAt is when the connections are next asked about: only beat knows it.
	askAt inventory.Instant
	// running says that the shards run: from the first connection on.
	running atomic.Bool

	// ended is closed when all connections have ended; life ends with it.
	ended chan struct{}
	life  context.Context
	end   context.CancelFunc
}

// New returns a hub without connections. It does nothing until somebody connects.
func New(options Options) *Hub {
	h := &Hub{clock: options.Clock, log: options.Log, node: options.Node, revoked: options.Ended, identifies: options.Identify,
		orders: options.Orders, system: options.System, polls: options.Poll, ended: make(chan struct{})}
	h.seats = seats{allMax: options.ConnectionsMax, addressMax: options.AddressConnectionsMax, userMax: options.UserConnectionsMax,
		addresses: map[netip.Addr]int{}, users: map[inventory.ID]int{}}
	if h.seats.userMax == 0 {
		h.seats.userMax = UserConnectionsMaxDefault
	}
	h.topics = topics{hub: h, all: map[channel]*topic{}, numbers: numbers{all: map[inventory.ID]*numbered{}}}
	h.life, h.end = context.WithCancel(context.Background())
	for range min(runtime.GOMAXPROCS(0), shardsMax) {
		h.shards = append(h.shards, newShard(h))
	}
	return h
}

// Follow gives the hub its board. Nobody may connect before.
func (h *Hub) Follow(board Board) { h.board.Store(&board) }

func (h *Hub) source() Board { return *h.board.Load() }

// Admit takes a place for a connection, or says what there is no room for. Whoever gets
// a seat calls its Leave when the connection ends, however it ends.
func (h *Hub) Admit(visitor Visitor) (*Seat, Room) { return h.seats.take(visitor, h.clock.Now()) }

// about is a duration, give or take a part of it.
func (h *Hub) about(duration inventory.Instant, part int64) inventory.Instant {
	spread := int64(duration) / part
	return duration + inventory.Instant(rand.Int64N(2*spread+1)-spread) // #nosec G404 -- it spreads load
}

// enter counts a connection in and starts what runs while there are any. It fails when the
// hub has stopped.
func (h *Hub) enter() error {
	h.beating.Lock()
	defer h.beating.Unlock()
	if h.stopped {
		return errStopped
	}
	if h.polls && h.poller == nil {
		made, err := newPoller()
		if err != nil {
			return err
		}
		h.poller = made
		h.working.Go(made.run)
	}
	h.left.Add(1)
	switch {
	case h.timer == nil:
		for _, s := range h.shards {
			h.working.Go(s.run)
		}
		h.running.Store(true)
		h.timer = h.clock.AfterFunc(sweepInterval, h.beat)
	case h.rests:
		h.rests = false
		h.timer.Reset(sweepInterval)
	}
	return nil
}

// beat looks at the board, wakes the shards, and comes back. A shard that is still at
// work is not woken twice: under load all lanes become slower together.
func (h *Hub) beat() {
	now := h.clock.Now()
	h.beats.Store(uint64(now / inventory.Instant(sweepInterval))) // #nosec G115 -- a moment is not negative
	h.topics.sweep(now)
	queue, lost := h.news.take()
	for _, s := range h.shards {
		s.news.pass(queue, lost)
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	if now >= h.askAt {
		h.askAt = now + revokedInterval
		h.EndRevoked()
	}
	h.beating.Lock()
	defer h.beating.Unlock()
	if h.stopped && h.life.Err() != nil {
		return
	}
	// Who takes a seat from now on enters afterwards, and starts it again.
	if h.rests = h.seats.taken() == 0; !h.rests {
		h.timer.Reset(h.untilBeat())
	}
}

// untilBeat is the time to the next beat: they come at whole multiples of sweepInterval,
// however long one has taken.
func (h *Hub) untilBeat() time.Duration {
	return sweepInterval - time.Duration(h.clock.Now())%sweepInterval
}

// EndRevoked closes the connections of those whose session has ended.
func (h *Hub) EndRevoked() {
	if h.revoked == nil || !h.running.Load() {
		return
	}
	h.everyShard(func(s *shard) {
		now := h.clock.Now()
		for _, c := range s.clients {
			if c.revoked() {
				s.close(c, closeUnauthorized, now)
			}
		}
	})
}

// everyShard has all shards do something, one after the other.
func (h *Hub) everyShard(do func(*shard)) {
	for _, s := range h.shards {
		s.ask(nil, func(s *shard, _ *client) { do(s) })
	}
}

// Stop ends all connections: they are told when to come back, spread so that not all do
// at once, and have some time to take it, or none when ctx is over. It returns when the
// last one is gone, in bounded time.
func (h *Hub) Stop(ctx context.Context) error {
	h.seats.close()
	h.beating.Lock()
	first, started := !h.stopped, h.timer != nil
	h.stopped = true
	h.beating.Unlock()
	if !first {
		return nil
	}
	defer h.working.Wait()
	defer h.stopBeating()
	defer h.end()
	defer close(h.ended)
	if started {
		h.dismiss(ctx)
	}
	if h.poller != nil {
		return h.poller.close()
	}
	return nil
}

func (h *Hub) stopBeating() {
	h.beating.Lock()
	defer h.beating.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}

// pause waits, or until ctx is over.
func (h *Hub) pause(ctx context.Context, duration time.Duration) {
	over := make(chan struct{})
	timer := h.clock.AfterFunc(duration, func() { close(over) })
	defer timer.Stop()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// dismiss closes all connections, many of them bit by bit, and cuts those that do not end in
// time.
func (h *Hub) dismiss(ctx context.Context) {
	code := closeShutdown
	if ctx.Err() != nil {
		code = closeGoingAway
	}
	all := h.seats.taken()
	row := &closeTable[closeRows[code]]
	retry := &[2]int64{0, max(atOnce[1], int64(all)*1_000/returnsPerSecond)}
	pause := min(time.Duration(all)*time.Second/returnsPerSecond, dismissTimeMax) / dismissParts
	for part := range dismissParts {
		h.everyShard(func(s *shard) { s.dismiss(dismissParts-part, row, retry) })
		if all > dismissAtOnceMax && part < dismissParts-1 {
			h.pause(ctx, pause)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeMax)
	defer cancel()
	gone := make(chan struct{})
	h.working.Go(func() {
		h.left.Wait()
		close(gone)
	})
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	h.end() // who waits for orders need not
	h.everyShard(func(s *shard) {
		for _, c := range s.clients {
			s.cut(c, code)
		}
	})
	<-gone
}
