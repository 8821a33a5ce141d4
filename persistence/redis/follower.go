package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"holdfast/inventory"
	"holdfast/persistence"
)

// watchInterval is how often it is looked who was silent for too long.
const watchInterval = 200 * time.Millisecond

// follower hears what others publish. One goroutine owns it, but for publishers.
type follower struct {
	bus *Bus

	lock       sync.Mutex
	publishers map[persistence.Publisher]*followed
}

// followed is what is known of a publisher.
type followed struct {
	heard inventory.Instant
	// sequence is the number of the last batch; lost says that not all before it is known.
	sequence uint64
	lost     bool
}

// run listens until ctx ends.
func (f *follower) run(ctx context.Context) {
	l := listener{server: f.bus.server, channel: f.bus.channel(), failed: f.bus.fail,
		connected: func() { f.bus.connections.Add(1) }, hear: func(sealed []byte) { f.hear(ctx, sealed) }}
	l.run(ctx)
}

func (f *follower) hear(ctx context.Context, sealed []byte) {
	m, err := f.bus.server.seal.message(sealed)
	if err != nil || m.kind == part {
		f.bus.hub.Refused.Add(1)
		return
	}
	if m.publisher == f.bus.self || m.kind == beacon && m.parts == 0 {
		return // our subscriptions have it already; or nothing was published that could be missed
	}
	one := f.publisher(m.publisher)
	switch {
	case one == nil:
		f.bus.hub.Refused.Add(1)
	case m.kind == batch:
		f.hearBatch(one, m)
	default:
		f.hearBeacon(ctx, one, m)
	}
}

// publisher returns what is known of a publisher that was heard just now, nil when there
// are too many that are alive.
func (f *follower) publisher(name persistence.Publisher) *followed {
	f.lock.Lock()
	defer f.lock.Unlock()
	now := f.bus.server.clock.Now()
	one := f.publishers[name]
	if one == nil {
		if len(f.publishers) == persistence.BusPublishersMax-1 && !f.forgetSilent(now) { // we are one
			return nil
		}
		one = &followed{lost: true}
		f.publishers[name] = one
		f.bus.hub.SetFresh(name, false)
	}
	one.heard = now
	return one
}

// forgetSilent forgets the publisher that was silent for the longest time.
func (f *follower) forgetSilent(now inventory.Instant) bool {
	var last persistence.Publisher
	for name, one := range f.publishers {
		if last == 0 || one.heard < f.publishers[last].heard {
			last = name
		}
	}
	if !silent(f.publishers[last], now) {
		return false
	}
	f.forget(last)
	return true
}

func (f *follower) forget(name persistence.Publisher) {
	delete(f.publishers, name)
	f.bus.hub.Forget(name)
}

func silent(one *followed, now inventory.Instant) bool {
	return time.Duration(now-one.heard) > persistence.BusSilenceMax
}

// hearBatch takes the states in any case: the hub puts them in order.
func (f *follower) hearBatch(one *followed, m *message) {
	if m.sequence > one.sequence+1 {
		f.miss(one, m.publisher)
	}
	one.sequence = max(one.sequence, m.sequence)
	f.bus.noteLag(m)
	if !f.bus.put(m) {
		f.miss(one, m.publisher) // their rules were in something that was lost
	}
}

// miss notes that something of a publisher was lost.
func (f *follower) miss(one *followed, publisher persistence.Publisher) {
	if !one.lost {
		f.bus.gaps.Add(1)
	}
	one.lost = true
	f.setFresh(one, publisher, false)
}

// setFresh says whether a publisher is fresh, unless it was forgotten while its parts were
// read: nobody would watch it.
func (f *follower) setFresh(one *followed, publisher persistence.Publisher, fresh bool) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.publishers[publisher] == one {
		f.bus.hub.SetFresh(publisher, fresh)
	}
}

// hearBeacon reads the parts when something was lost.
func (f *follower) hearBeacon(ctx context.Context, one *followed, m *message) {
	heard := f.bus.server.clock.Now()
	if m.sequence != one.sequence {
		f.miss(one, m.publisher)
	}
	if one.lost && !f.repair(ctx, m) {
		return
	}
	one.sequence, one.lost = m.sequence, false
	f.bus.keyframe.Store(int64(heard))
	f.setFresh(one, m.publisher, true)
}

// repair reads all parts of a publisher, and reports whether they were there.
func (f *follower) repair(ctx context.Context, m *message) bool {
	for from := 0; from < int(m.parts); from += partsPerCall { // #nosec G115 -- bounded by partsMax
		if !f.readParts(ctx, m.publisher, from, min(from+partsPerCall, int(m.parts))) { // #nosec G115 -- the same
			return false
		}
	}
	f.bus.repairs.Add(1)
	return true
}

func (f *follower) readParts(ctx context.Context, publisher persistence.Publisher, from, to int) bool {
	var parts []*redis.StringCmd
	if !f.bus.try(ctx, func(ctx context.Context) error {
		pipe := f.bus.server.client.Pipeline()
		for index := from; index < to; index++ {
			parts = append(parts, pipe.GetRange(ctx, f.bus.partName(publisher, index), 0, messageBytesMax))
		}
		_, err := pipe.Exec(ctx)
		return err
	}) {
		return false
	}
	for i, one := range parts {
		m, err := f.bus.server.seal.message([]byte(one.Val()))
		if err != nil || m.kind != part || m.publisher != publisher || m.parts != uint64(from+i) { // #nosec G115 -- small
			f.bus.hub.Refused.Add(1)
			return false
		}
		f.bus.put(m)
	}
	return true
}

// watch says who was silent for too long, and forgets those whose products belong to
// others now: nobody misses them.
func (f *follower) watch() {
	f.lock.Lock()
	defer f.lock.Unlock()
	now := f.bus.server.clock.Now()
	for name, one := range f.publishers {
		switch {
		case !silent(one, now):
		case f.bus.hub.Owns(name):
			f.bus.hub.SetFresh(name, false)
		default:
			f.forget(name)
		}
	}
}
