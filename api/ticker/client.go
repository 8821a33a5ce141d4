package ticker

import (
	"sync/atomic"
	"syscall"

	"holdfast/inventory"
)

// client is a connection. But for what its reader notes, only its shard looks at it.
type client struct {
	shard  *shard
	socket Socket
	raw    syscall.RawConn
	seat   *Seat
	// heard is when the reader had the last message or control frame of the peer,
	// reading when the message began that it is in, zero for none.
	heard, reading atomic.Int64
	// known is who it is of, for its reader.
	known atomic.Pointer[knownUser]
	// polled is its reader, if that has no goroutine that notices a closed socket.
	polled *reader

	// place is where it is in the shard's list.
	place         int
	subscriptions []*subscription
	// dirty are the subscriptions that have to be told of.
	dirty []*subscription
	// rest is of a frame that the kernel took in part, pending what is for this client
	// only, in that order.
	rest, pending []byte

	user                   inventory.ID
	until                  inventory.Instant
	joined, endsAt         inventory.Instant
	lastSent, blockedSince inventory.Instant
	pingAt, pongBy, pinged inventory.Instant
	// clearSince is since when it has read all, for one that was demoted.
	clearSince inventory.Instant
	// violations are commands that came too fast, malformed those that could not be read.
	violations, malformed int32
	// blockedSweeps is for how many sweeps it has not read, demotion how many lanes slower
	// than it has asked for it is served.
	blockedSweeps, demotion uint8
	format                  format
	// admin says that it may see what is for operators.
	admin     bool
	commanded bool
	// warned says that it was told that its access token ends.
	warned bool
	// stalled says that it is in its shard's list of those to try again.
	stalled bool
	// closing is set once a close is on its way; halved once all of it is sent.
	closing, halved bool
	closeBy         inventory.Instant
}

// subscription is a topic that a client watches.
type subscription struct {
	client   *client
	audience *audience
	// place is where it is in its lane.
	place int
	// asked is the lane that the client wants.
	asked uint8
	// dirty says that the client has to be told; snapshot that it has to be told all;
	// same that it had the version of sent before; whole that it does not know all members
	// of a group yet; stale that it was told so; slow that it wants what changes slowly.
	dirty, snapshot, same, whole, stale, slow bool
	// epoch and sent are the version that it was told last, or how far it was told of a
	// group; last is the frame.
	epoch uint32
	sent  uint64
	last  *frame
	// slowTold is what it was told last of what changes slowly.
	slowTold *slowFrame
	// loading says that the orders that there are have not been read yet: what happens to
	// them waits in the ring, so that no order's state goes back.
	loading bool
	// ring is what it was not told of orders; nil for nothing.
	ring *orderRing
}

// lane is where the subscription is served.
func (s *subscription) lane() int { return laneFor(int(s.asked), int(s.client.demotion)) }

func (s *subscription) wantsSlow() bool { return s.slow }

// closeSocket closes the socket, of which the reader is told.
func (c *client) closeSocket() {
	_ = c.socket.Close()
	if c.polled != nil {
		c.polled.wake()
	}
}

// find returns the subscription of a channel; nil when there is none.
func (c *client) find(wanted channel) *subscription {
	for _, s := range c.subscriptions {
		if s.audience.topic.channel == wanted {
			return s
		}
	}
	return nil
}

// revoked reports whether the client was known and its session has ended.
func (c *client) revoked() bool {
	visitor := &c.seat.visitor
	if c.user.IsZero() && visitor.Key.IsZero() {
		return false
	}
	return c.shard.hub.revoked(Visitor{User: c.user, Session: visitor.Session, Version: visitor.Version, Key: visitor.Key})
}

// waiting reports whether something is for the client.
func (c *client) waiting() bool { return len(c.rest) > 0 || len(c.pending) > 0 || len(c.dirty) > 0 }

// mark notes that a client has to be told of a topic. It returns true when nothing was
// for the client before.
func (s *subscription) mark() bool {
	if s.dirty {
		return false
	}
	s.dirty = true
	s.client.dirty = append(s.client.dirty, s)
	return len(s.client.dirty) == 1
}

// unmark forgets it.
func (s *subscription) unmark() {
	if !s.dirty {
		return
	}
	s.dirty = false
	dirty := s.client.dirty
	for i := range dirty {
		if dirty[i] == s {
			s.client.dirty = append(dirty[:i], dirty[i+1:]...)
			return
		}
	}
}

// demote serves a client that does not keep up with the lane below, or with a negative
// step one that does with the lane above.
func (c *client) demote(step int) {
	for _, s := range c.subscriptions {
		s.audience.leave(s)
	}
	c.demotion = uint8(int(c.demotion) + step) // #nosec G115 -- between 0 and demotionMax
	for _, s := range c.subscriptions {
		s.enter()
	}
}

// enter puts a subscription into the lane where it is served from now on. Its new lane may
// have been told what it has not: it is asked itself.
func (s *subscription) enter() {
	s.audience.join(s)
	if s.lane() != lanePaused {
		s.mark()
	}
}
