package redis

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/hints"
)

// Bus carries states between the processes that use the server. It implements
// [persistence.Bus].
type Bus struct {
	server *Server
	// self is this process as a publisher, another at each start.
	self   persistence.Publisher
	hub    *hints.Hub
	outbox outbox
	// unsent has one value when the outbox has got something.
	unsent chan struct{}

	stop  context.CancelFunc
	group sync.WaitGroup
	// failure is the last reason why a call failed, for the log; away says that others are
	// not told.
	failure atomic.Value
	away    atomic.Bool
	// keyframe and lag are Keyframe and Lag of the statistics.
	keyframe, lag atomic.Int64

	published, received, messages, gaps, repairs, failures, connections atomic.Uint64
}

// NewBus returns a bus that has begun to listen.
func (s *Server) NewBus() *Bus {
	b := &Bus{server: s, hub: hints.NewHub(), unsent: make(chan struct{}, 1),
		self: persistence.Publisher(rand.Uint64() | 1)} // #nosec G404 -- a name
	b.hub.SetFresh(b.self, true)
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	listener := &follower{bus: b, publishers: make(map[persistence.Publisher]*followed)}
	sender := &publisher{bus: b}
	b.group.Go(func() { listener.run(ctx) })
	b.group.Go(func() { sender.run(ctx) })
	b.group.Go(func() { b.watchSilence(ctx, listener) })
	return b
}

// watchSilence looks again and again who was silent.
func (b *Bus) watchSilence(ctx context.Context, f *follower) {
	for ctx.Err() == nil {
		b.server.rest(ctx, watchInterval)
		f.watch()
	}
}

// Publish is that of [persistence.Bus].
func (b *Bus) Publish(states ...persistence.StockState) {
	lacking := b.hub.Put(b.self, states, func(state *persistence.StockState) {
		b.published.Add(1)
		b.outbox.add(state)
	})
	b.hub.Refused.Add(uint64(lacking)) // #nosec G115 -- a count
	signal(b.unsent)
}

// put takes what somebody else has published, and reports whether the rules of all of it
// are known.
func (b *Bus) put(m *message) bool {
	unknown := b.hub.Put(m.publisher, m.states, func(*persistence.StockState) { b.received.Add(1) })
	return unknown == 0
}

// noteLag notes how old the newest state of a batch is.
func (b *Bus) noteLag(m *message) {
	var newest inventory.Instant
	for i := range m.states {
		newest = max(newest, m.states[i].At)
	}
	if newest != 0 {
		b.lag.Store(int64(b.server.clock.Now() - newest))
	}
}

// try makes a call and reports whether it succeeded.
func (b *Bus) try(ctx context.Context, run func(context.Context) error) bool {
	err := call(ctx, callTimeMax, run)
	if err != nil && ctx.Err() == nil {
		b.fail(err)
	}
	return err == nil
}

func (b *Bus) fail(err error) {
	b.failures.Add(1)
	b.failure.Store(err.Error())
}

// Subscribe is that of [persistence.Bus].
func (b *Bus) Subscribe() (persistence.Subscription, error) { return b.hub.Subscribe() }

// Statistics is that of [persistence.Bus].
func (b *Bus) Statistics() persistence.BusStatistics {
	statistics := b.hub.Statistics()
	statistics.Published, statistics.Received = b.published.Load(), b.received.Load()
	statistics.Messages, statistics.Gaps, statistics.Repairs = b.messages.Load(), b.gaps.Load(), b.repairs.Load()
	statistics.Away = b.away.Load()
	statistics.Keyframe, statistics.Lag = inventory.Instant(b.keyframe.Load()), time.Duration(b.lag.Load())
	statistics.Failures, statistics.Connections = b.failures.Load(), b.connections.Load()
	return statistics
}

// Close stops listening and sending, and ends all subscriptions.
func (b *Bus) Close() error {
	b.stop()
	b.group.Wait()
	b.hub.Close()
	return nil
}
