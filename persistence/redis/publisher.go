package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"holdfast/persistence"
)

const (
	// flushInterval is how long states of the same product wait for each other.
	flushInterval = 20 * time.Millisecond
	// partLifetime is how long a part outlives its publisher.
	partLifetime = time.Minute
	// partsPerCall is how many parts are written or read in one call, existsPerCall and
	// headsPerCall how many are asked for, and have their heads read.
	partsPerCall  = 16
	existsPerCall = 512
	headsPerCall  = 512
)

// publisher sends what the outbox has. One goroutine owns it.
type publisher struct {
	bus      *Bus
	sequence uint64
	// beacons is the number of the last beacon, whether it was sent or not.
	beacons uint64
	// away says that the last call failed: batches are left to the parts then.
	away bool
	// warned says that it was logged that nobody is told.
	warned bool
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	flush, due := make(chan struct{}, 1), make(chan struct{}, 1)
	flushTimer := p.bus.server.clock.AfterFunc(flushInterval, func() { signal(flush) })
	defer flushTimer.Stop()
	beaconTimer := p.bus.server.clock.AfterFunc(0, func() { signal(due) })
	defer beaconTimer.Stop()
	// Who publishes all the time must not put the flush off: it is due when the first has
	// waited long enough.
	armed := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.bus.unsent:
			if !armed {
				flushTimer.Reset(flushInterval)
			}
			armed = true
		case <-flush:
			armed = false
			p.flush(ctx)
		case <-due:
			beaconTimer.Reset(persistence.BusBeaconInterval)
			p.beacon(ctx)
		}
	}
}

func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// flush sends batches until nothing is unsent. A batch that was perhaps not sent has used
// its number, so that who does not get it notices.
func (p *publisher) flush(ctx context.Context) {
	for !p.away {
		states := p.bus.outbox.takeUnsent()
		if len(states) == 0 {
			return
		}
		p.sequence++
		p.send(ctx, &message{kind: batch, sequence: p.sequence, states: states})
	}
	if p.bus.outbox.forgetUnsent() {
		p.sequence++
	}
}

// beacon stores the parts that have changed, and then says so (R4).
func (p *publisher) beacon(ctx context.Context) {
	p.flush(ctx)
	sequence, parts := p.sequence, p.bus.outbox.parts()
	p.beacons++
	p.away = !p.store(ctx, parts)
	if !p.away {
		p.send(ctx, &message{kind: beacon, moment: p.beacons, sequence: sequence, parts: uint64(parts)})
	}
	if ctx.Err() == nil { // otherwise it was we who gave up
		p.show()
	}
}

// show says in statistics and log that nobody is told, whichever call failed first, and that they are again.
func (p *publisher) show() {
	p.bus.away.Store(p.away)
	if p.away == p.warned {
		return
	}
	p.warned = p.away
	if p.away {
		p.bus.server.log.Warn("redis: stock is not told to other processes", "reason", p.bus.failure.Load())
	} else {
		p.bus.server.log.Info("redis: stock is told to other processes again")
	}
}

// send publishes a message.
func (p *publisher) send(ctx context.Context, m *message) {
	m.publisher = p.bus.self
	sealed := p.bus.server.seal.sealMessage(m)
	if p.bus.try(ctx, func(ctx context.Context) error {
		return p.bus.server.client.Publish(ctx, p.bus.channel(), sealed).Err()
	}) {
		p.bus.messages.Add(1)
	} else {
		p.away = true
	}
}

// store writes the parts that are not as they should be, and reports whether all are now.
func (p *publisher) store(ctx context.Context, parts int) bool {
	missing := false
	for from := 0; from < parts && !missing; from += existsPerCall {
		names := p.names(from, min(from+existsPerCall, parts))
		var there int64
		if !p.bus.try(ctx, func(ctx context.Context) (err error) {
			there, err = p.bus.server.client.Exists(ctx, names...).Result()
			return err
		}) {
			return false
		}
		missing = there != int64(len(names)) // the server was emptied, or is new
	}
	for from := 0; from < parts; from += partsPerCall {
		if !p.storeSome(ctx, from, min(from+partsPerCall, parts), missing) {
			return false
		}
	}
	return true
}

func (p *publisher) names(from, to int) (names []string) {
	for index := from; index < to; index++ {
		names = append(names, p.bus.partName(p.bus.self, index))
	}
	return names
}

func (p *publisher) storeSome(ctx context.Context, from, to int, all bool) bool {
	var taken []int
	stored := p.bus.try(ctx, func(ctx context.Context) error {
		pipe := p.bus.server.client.Pipeline()
		for index := from; index < to; index++ {
			refresh := all || uint64(index)%refreshBeacons == p.beacons%refreshBeacons // #nosec G115 -- from zero on
			if states, changed := p.bus.outbox.takePart(index, p.beacons, refresh); states != nil {
				taken = append(taken, index)
				p.put(ctx, pipe, index, &message{kind: part, moment: changed, states: states})
			}
		}
		if len(taken) == 0 {
			return nil
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if !stored {
		for _, index := range taken {
			p.bus.outbox.keepPart(index)
		}
	}
	return stored
}

func (p *publisher) put(ctx context.Context, pipe redis.Pipeliner, index int, m *message) {
	m.publisher, m.sequence, m.parts = p.bus.self, p.sequence, uint64(index) // #nosec G115 -- from zero on
	pipe.Set(ctx, p.bus.partName(p.bus.self, index), p.bus.server.seal.sealMessage(m), partLifetime)
}

func (b *Bus) partName(publisher persistence.Publisher, index int) string {
	return b.server.names + "part:" + strconv.FormatUint(uint64(publisher), 16) + ":" + strconv.Itoa(index)
}

func (b *Bus) channel() string { return b.server.names + "stock" }
