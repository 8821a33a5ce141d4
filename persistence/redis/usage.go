package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	usagePurpose = "rates"
	// usagesWaitingMax is how many messages wait to be sent; of further ones nobody is told.
	usagesWaitingMax = 16
)

// UsageExchange tells the processes that use the server what callers have used. It
// implements [persistence.UsageExchange].
type UsageExchange struct {
	server *Server
	// self is this process as a publisher, another at each start.
	self    persistence.Publisher
	waiting chan []persistence.Usage
	// living ends with Close.
	living context.Context
	stop   context.CancelFunc
	group  sync.WaitGroup

	told, heard, refused, failures atomic.Uint64
}

// NewUsageExchange returns an exchange that tells and does not listen yet.
func (s *Server) NewUsageExchange() *UsageExchange {
	u := &UsageExchange{server: s, self: persistence.Publisher(rand.Uint64() | 1), // #nosec G404 -- a name
		waiting: make(chan []persistence.Usage, usagesWaitingMax)}
	u.living, u.stop = context.WithCancel(context.Background())
	u.group.Go(func() { u.send(u.living) })
	return u
}

func (u *UsageExchange) channel() string { return u.server.names + "rates" }

// Tell is that of [persistence.UsageExchange].
func (u *UsageExchange) Tell(usages []persistence.Usage) {
	select {
	case u.waiting <- usages:
	default:
		u.failures.Add(1)
	}
}

// send publishes what waits, and each second that this process is there, so that it hears
// at least itself. While the server is away, each message costs one attempt.
func (u *UsageExchange) send(ctx context.Context) {
	due := make(chan struct{}, 1)
	timer := u.server.clock.AfterFunc(0, func() { signal(due) })
	defer timer.Stop()
	var last inventory.Instant
	for {
		var usages []persistence.Usage
		select {
		case <-ctx.Done():
			return
		case <-due:
			timer.Reset(persistence.BusBeaconInterval)
		case usages = <-u.waiting:
		}
		last = max(last+1, u.server.clock.Now())
		sealed := u.server.seal.put(usagePurpose, encode(&usageMessage{publisher: u.self, at: last, usages: usages}))
		if err := call(ctx, callTimeMax, func(ctx context.Context) error {
			return u.server.client.Publish(ctx, u.channel(), sealed).Err()
		}); err != nil {
			u.failures.Add(1)
			continue
		}
		u.told.Add(uint64(len(usages)))
	}
}

// Hear is that of [persistence.UsageExchange].
func (u *UsageExchange) Hear(hear func([]persistence.Usage)) {
	last := map[persistence.Publisher]inventory.Instant{}
	l := listener{server: u.server, channel: u.channel(), connected: func() {}, failed: func(error) {},
		hear: func(sealed []byte) {
			m, err := u.server.seal.usages(sealed)
			switch {
			case err != nil || !u.isNew(last, m):
				u.refused.Add(1)
			case m.publisher != u.self && len(m.usages) > 0:
				u.heard.Add(uint64(len(m.usages)))
				hear(m.usages)
			}
		}}
	u.group.Go(func() { l.run(u.living) })
}

// isNew refuses what is too old, or has been heard: a message that somebody sends again
// must not use a caller's share up once more. last has the moments of the last messages.
func (u *UsageExchange) isNew(last map[persistence.Publisher]inventory.Instant, m *usageMessage) bool {
	now, age := u.server.clock.Now(), inventory.Instant(persistence.UsageAgeMax/time.Nanosecond)
	if m.at <= last[m.publisher] || m.at < now-age || m.at > now+age {
		return false
	}
	if last[m.publisher] == 0 && len(last) >= persistence.BusPublishersMax {
		for publisher, at := range last {
			if at < now-age { // what it sent cannot be new any more
				delete(last, publisher)
			}
		}
		if len(last) >= persistence.BusPublishersMax {
			return false
		}
	}
	last[m.publisher] = m.at
	return true
}

// Statistics is that of [persistence.UsageExchange].
func (u *UsageExchange) Statistics() persistence.UsageStatistics {
	return persistence.UsageStatistics{Told: u.told.Load(), Heard: u.heard.Load(), Refused: u.refused.Load(), Failures: u.failures.Load()}
}

// Close is that of [persistence.UsageExchange].
func (u *UsageExchange) Close() error {
	u.stop()
	u.group.Wait()
	return nil
}

// usageMessage is what is published. at is the publisher's time, and later than that of its
// message before.
type usageMessage struct {
	publisher persistence.Publisher
	at        inventory.Instant
	usages    []persistence.Usage
}

func (m *usageMessage) visit(v visitor) {
	fields, version, at, usages := 4, uint64(format), int64(m.at), len(m.usages)
	v.array(&fields, 4)
	v.uint64(&version)
	v.uint64((*uint64)(&m.publisher))
	v.int64(&at)
	m.at = inventory.Instant(at)
	v.array(&usages, persistence.UsagesMax)
	if m.usages == nil {
		m.usages = make([]persistence.Usage, usages)
	}
	for i := range m.usages {
		usage := &m.usages[i]
		members, caller, used := 3, usage.Caller[:], int64(usage.Time)
		v.array(&members, 3)
		v.uint64(&usage.Quota)
		v.bytes(&caller, len(usage.Caller))
		v.int64(&used)
		copy(usage.Caller[:], caller)
		usage.Time = time.Duration(used)
	}
}

// usages returns the message in sealed, or an error when it is none.
func (s sealer) usages(sealed []byte) (*usageMessage, error) {
	if len(sealed) > messageBytesMax {
		return nil, fmt.Errorf("%d bytes: %w", len(sealed), errMessage)
	}
	data, err := s.take(usagePurpose, sealed)
	if err != nil {
		return nil, err
	}
	m := &usageMessage{}
	if err := decode(data, m); err != nil {
		return nil, err
	}
	return m, nil
}
