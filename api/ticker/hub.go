package ticker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// Board is where the hub learns what is for sale. It is asked often and must not wait.
type Board interface {
	// Sale returns the rules of a product that are in force and its durable stock.
	Sale(product inventory.ID) (*inventory.Product, inventory.Stock, bool)
	// Epoch orders stock versions of this process after those of the ones before it.
	Epoch() uint32
}

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
}

// Hub shows products to connections: see the package comment.
type Hub struct {
	clock   clock.Clock
	log     *slog.Logger
	revoked func(Visitor) bool
	board   atomic.Pointer[Board]
	seats   seats
	topics  topics
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
	h := &Hub{clock: options.Clock, log: options.Log, revoked: options.Ended, ended: make(chan struct{})}
	h.seats = seats{allMax: options.ConnectionsMax, addressMax: options.AddressConnectionsMax, userMax: options.UserConnectionsMax,
		addresses: map[netip.Addr]int{}, users: map[inventory.ID]int{}}
	if h.seats.userMax == 0 {
		h.seats.userMax = UserConnectionsMaxDefault
	}
	h.topics.all = map[inventory.ID]*topic{}
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

// enter counts a connection in and starts what runs while there are any. It returns
// false when the hub has stopped.
func (h *Hub) enter() bool {
	h.beating.Lock()
	defer h.beating.Unlock()
	if h.stopped {
		return false
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
	return true
}

// beat looks at the board, wakes the shards, and comes back. A shard that is still at
// work is not woken twice: under load all lanes become slower together.
func (h *Hub) beat() {
	now := h.clock.Now()
	h.topics.sweep(h.source(), now)
	for _, s := range h.shards {
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
		h.timer.Reset(sweepInterval)
	}
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
	return nil
}

func (h *Hub) stopBeating() {
	h.beating.Lock()
	defer h.beating.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}

// dismiss closes all connections and cuts those that do not end in time.
func (h *Hub) dismiss(ctx context.Context) {
	code := closeShutdown
	if ctx.Err() != nil {
		code = closeGoingAway
	}
	row := &closeTable[closeRows[code]]
	retry := &[2]int64{0, max(atOnce[1], int64(h.seats.taken())*1_000/returnsPerSecond)}
	h.everyShard(func(s *shard) {
		now := h.clock.Now()
		for _, c := range s.clients {
			s.closeWith(c, row, retry, now)
		}
	})
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
	h.everyShard(func(s *shard) {
		for _, c := range s.clients {
			s.cut(c, code)
		}
	})
	<-gone
}

// Figures is a reading of what the hub does.
type Figures struct {
	// Connections, Subscriptions and Topics are those of now, Blocked the connections
	// whose peer does not read.
	Connections, Subscriptions, Topics, Blocked int64
	// Frames and Bytes were sent, Encoded counts the states that frames were made of,
	// Conflated the stock versions that a subscriber was not told of because a later one
	// was there. Refused counts commands.
	Frames, Bytes, Encoded, Conflated, Refused uint64
	// Closes counts the connections that ended, by code, peer or lost.
	Closes map[string]uint64
}

// Figures returns the figures of now.
func (h *Hub) Figures() Figures {
	f := Figures{Connections: int64(h.seats.taken()), Topics: int64(h.topics.count()), Encoded: h.topics.encoded.Load(),
		Closes: make(map[string]uint64, len(closeTable))}
	for _, s := range h.shards {
		f.Subscriptions += s.counts.subscriptions.Load()
		f.Blocked += s.counts.blocked.Load()
		f.Frames += s.counts.frames.Load()
		f.Bytes += s.counts.bytes.Load()
		f.Conflated += s.counts.conflated.Load()
		f.Refused += s.counts.refusedCommands.Load()
		for i := range closeTable {
			f.Closes[closeTable[i].label] += s.counts.closes[i].Load()
		}
	}
	return f
}
