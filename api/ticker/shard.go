package ticker

import (
	"fmt"
	"runtime/debug"

	"holdfast/inventory"
)

// shard is a goroutine that owns clients: it alone writes to them.
type shard struct {
	hub *Hub
	// wake asks for a sweep; requests are what readers and the hub want done.
	wake     chan struct{}
	requests chan request

	clients   []*client
	audiences map[channel]*audience
	touched   []*client
	// stalled are the clients whose kernel did not take all.
	stalled []*client
	attempt *attempt
	batch   [batchFramesMax]piece
	scratch []byte
	sweeps  uint64
	// restUntil is when the next sweep may begin.
	restUntil inventory.Instant
	// news are what the hub has for those who watch orders.
	news newsQueue
	// inspected is where the look at all clients goes on.
	inspected int

	counts counts
}

// request is what a shard is asked to do for one client, or for all when it is nil.
type request struct {
	client *client
	do     func(*shard, *client)
}

func newShard(hub *Hub) *shard {
	return &shard{hub: hub, wake: make(chan struct{}, 1), requests: make(chan request),
		audiences: map[channel]*audience{}, attempt: newAttempt(), scratch: make([]byte, 0, batchBytesMax+snapshotRoom)}
}

// run works until the hub ends.
func (s *shard) run() {
	for {
		select {
		case <-s.wake:
			s.guard(nil, s.sweep)
		case r := <-s.requests:
			s.guard(r.client, func() { r.do(s, r.client) })
		case <-s.hub.ended:
			return
		}
	}
}

// guard runs a step. A panic costs the client that it was for, and nobody else.
func (s *shard) guard(c *client, step func()) {
	defer func() {
		if cause := recover(); cause != nil {
			s.hub.log.Error("a step of the ticker panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			if c != nil {
				s.cut(c, closeInternal)
			}
		}
	}()
	step()
}

// ask has a shard do something for a client, when its turn comes. It returns false when
// the hub has ended.
func (s *shard) ask(c *client, do func(*shard, *client)) bool {
	select {
	case s.requests <- request{client: c, do: do}:
		return true
	case <-s.hub.ended:
		return false
	}
}

// sweep tells everyone of what has changed, tries those again who did not read, and
// looks after a part of the clients.
func (s *shard) sweep() {
	began := s.hub.clock.Now()
	if began < s.restUntil {
		return
	}
	s.sweeps++
	beat := s.hub.beats.Load()
	s.touched = s.touched[:0]
	if queue, lost := s.news.take(); len(queue) > 0 || lost {
		s.tellOrders(queue, lost)
	}
	for _, a := range s.audiences {
		s.touched = a.sweep(s.sweeps, beat, s.touched)
	}
	now := s.hub.clock.Now()
	for _, c := range s.touched {
		// One that is in the list of those to try again, and has been caught up meanwhile by
		// the answer to a command, is told here: retry passes it over.
		if c.blockedSince == 0 {
			s.flush(c, now)
		}
	}
	s.retry(now)
	s.inspect(now)
	took := s.hub.clock.Now() - began
	s.counts.sweeping.note(took)
	s.restUntil = began + inventory.Instant(float64(took)*sweepRest)
}

// retry tries those again who did not read.
func (s *shard) retry(now inventory.Instant) {
	still := s.stalled[:0]
	for _, c := range s.stalled {
		if c.blockedSince != 0 {
			s.flush(c, now)
		}
		if c.stalled = c.blockedSince != 0; c.stalled {
			still = append(still, c)
			s.demote(c, now)
		} else {
			c.blockedSweeps = 0
		}
	}
	clear(s.stalled[len(still):])
	s.stalled = still
	s.counts.blocked.Store(int64(len(still)))
}

// demote serves a client that has not read for some sweeps more slowly.
func (s *shard) demote(c *client, now inventory.Instant) {
	c.clearSince = now
	if c.blockedSweeps++; c.blockedSweeps < blockedSweepsMax || c.demotion >= demotionMax {
		c.blockedSweeps = min(c.blockedSweeps, blockedSweepsMax)
		return
	}
	c.blockedSweeps = 0
	c.demote(1)
	s.counts.demotions.Add(1)
}

// inspect looks at each client once a second.
func (s *shard) inspect(now inventory.Instant) {
	for count := (len(s.clients) + sweepsPerSecond - 1) / sweepsPerSecond; count > 0 && len(s.clients) > 0; count-- {
		s.inspected--
		if s.inspected < 0 || s.inspected >= len(s.clients) {
			s.inspected = len(s.clients) - 1
		}
		s.look(s.clients[s.inspected], now)
	}
}

// add takes a new client in.
func (s *shard) add(c *client) {
	now := s.hub.clock.Now()
	c.joined, c.lastSent = now, now
	c.pingAt = now + s.hub.about(pingInterval, 5)
	c.endsAt = now + s.hub.about(lifetime, 10)
	c.place = len(s.clients)
	s.clients = append(s.clients, c)
	s.counts.connections[c.format].Add(1)
	if s.hub.seats.isClosed() {
		s.cut(c, closeGoingAway)
		return
	}
	s.say(c, helloFrame(c.format, s.hub.node, newSession(), now, c.until), now)
}

// remove forgets a client whose reader has ended.
func (s *shard) remove(c *client) {
	s.unsubscribeAll(c)
	c.closing, c.blockedSince = true, 0
	_ = c.socket.Close()
	c.seat.Leave()
	last := len(s.clients) - 1
	s.clients[c.place] = s.clients[last]
	s.clients[c.place].place = c.place
	s.clients[last] = nil
	s.clients = s.clients[:last]
	s.counts.connections[c.format].Add(-1)
	s.hub.left.Done()
}
