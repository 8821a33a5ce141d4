package redis

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"holdfast/inventory"
	"holdfast/persistence"
)

// watchInterval is how often it is looked who was silent for too long.
const watchInterval = 200 * time.Millisecond

// rangesTriesMax is how often parts are asked for in a row. With callTimeMax that is less
// than a publisher may be silent.
const rangesTriesMax = 3

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
	// whole is the number of the last beacon at which nothing was lost. Parts that have
	// changed before it have nothing that is not known: what is in a part is sent before
	// the next beacon, so it was known at this one.
	whole uint64
	// read has, per part, the beacon whose repair has read it, when something else of that
	// repair failed: the next one goes on, and does not begin again.
	read []uint64
}

// since is the beacon at which a part was known, zero for never.
func (one *followed) since(index int) uint64 {
	if index < len(one.read) {
		return max(one.whole, one.read[index])
	}
	return one.whole
}

func (one *followed) noteRead(index int, beacon uint64) {
	if missing := index + 1 - len(one.read); missing > 0 {
		one.read = append(one.read, make([]uint64, missing)...)
	}
	one.read[index] = beacon
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
	if one.lost && !f.repair(ctx, one, m) {
		return
	}
	one.sequence, one.lost, one.whole, one.read = m.sequence, false, m.moment, nil
	f.bus.keyframe.Store(int64(heard))
	f.setFresh(one, m.publisher, true)
}

// repair reads the parts of a publisher that may have something that is not known, and
// reports whether they were there. Of a million products that is a few parts, where reading
// all would take seconds.
func (f *follower) repair(ctx context.Context, one *followed, m *message) bool {
	parts := int(m.parts) // #nosec G115 -- bounded by partsMax
	for from := 0; from < parts; from += headsPerCall {
		due, could := f.dueParts(ctx, one, m.publisher, from, min(from+headsPerCall, parts))
		if !could {
			return false
		}
		for chunk := range slices.Chunk(due, partsPerCall) {
			if !f.readParts(ctx, one, m, chunk) {
				return false
			}
		}
	}
	f.bus.repairs.Add(1)
	return true
}

// dueParts returns which of some parts were never known, have changed since they were, or
// are not what they should be.
func (f *follower) dueParts(ctx context.Context, one *followed, publisher persistence.Publisher, from, to int) (due []int, could bool) {
	var known []int
	for index := from; index < to; index++ {
		if one.since(index) == 0 {
			due = append(due, index)
		} else {
			known = append(known, index)
		}
	}
	if len(known) == 0 {
		return due, true
	}
	heads, could := f.ranges(ctx, publisher, known, headBytesMax-1)
	for i, head := range heads {
		if moment, is := momentOf([]byte(head.Val()), publisher); !is || moment >= one.since(known[i]) {
			due = append(due, known[i])
		}
	}
	return due, could
}

// ranges reads parts up to a byte. On a machine that is busy a call may be late: it is tried
// again, and not all that a repair has read before.
func (f *follower) ranges(ctx context.Context, publisher persistence.Publisher, indexes []int, last int64) (found []*redis.StringCmd, could bool) {
	for range rangesTriesMax {
		found = found[:0]
		if could = f.bus.try(ctx, func(ctx context.Context) error {
			pipe := f.bus.server.client.Pipeline()
			for _, index := range indexes {
				found = append(found, pipe.GetRange(ctx, f.bus.partName(publisher, index), 0, last))
			}
			_, err := pipe.Exec(ctx)
			return err
		}); could {
			break
		}
	}
	return found, could
}

func (f *follower) readParts(ctx context.Context, one *followed, beacon *message, indexes []int) bool {
	parts, could := f.ranges(ctx, beacon.publisher, indexes, messageBytesMax)
	if !could {
		return false
	}
	for i, found := range parts {
		m, err := f.bus.server.seal.message([]byte(found.Val()))
		if err != nil || m.kind != part || m.publisher != beacon.publisher || m.parts != uint64(indexes[i]) { // #nosec G115 -- small
			f.bus.hub.Refused.Add(1)
			return false
		}
		f.bus.put(m)
		one.noteRead(indexes[i], beacon.moment)
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
