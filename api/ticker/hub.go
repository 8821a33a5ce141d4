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
		orders: options.Orders, system: options.System, ended: make(chan struct{})}
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
	h.end() // who waits for orders need not
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
	// FramesByKind are the frames by what they tell of, Demotions counts how often a client
	// that did not keep up was served more slowly.
	FramesByKind map[string]uint64
	Demotions    uint64
	// Lags are how long it took from the reading of a state to its sending, Sweeps how long
	// shards took to tell all their clients.
	Lags, Sweeps Durations
	// Closes counts the connections that ended, by code, peer or lost.
	Closes map[string]uint64
}

// Figures returns the figures of now.
func (h *Hub) Figures() Figures {
	f := Figures{Connections: int64(h.seats.taken()), Topics: h.topics.count.Load(), Encoded: h.topics.encoded.Load(),
		FramesByKind: make(map[string]uint64, frameClasses), Closes: make(map[string]uint64, len(closeTable))}
	for _, s := range h.shards {
		f.Subscriptions += s.counts.subscriptions.Load()
		f.Blocked += s.counts.blocked.Load()
		for kind := range frameClasses {
			count := s.counts.frames[kind].Load()
			f.Frames += count
			f.FramesByKind[frameClassNames[kind]] += count
		}
		f.Demotions += s.counts.demotions.Load()
		f.Lags.add(&s.counts.lag)
		f.Sweeps.add(&s.counts.sweeping)
		f.Bytes += s.counts.bytes.Load()
		f.Conflated += s.counts.conflated.Load()
		f.Refused += s.counts.refusedCommands.Load()
		for i := range closeTable {
			f.Closes[closeTable[i].label] += s.counts.closes[i].Load()
		}
	}
	return f
}
