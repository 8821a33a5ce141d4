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

	// place is where it is in the shard's list.
	place         int
	subscriptions map[inventory.ID]*subscription
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
	// violations are commands that came too fast, malformed those that could not be read.
	violations, malformed int
	commanded             bool
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
	lane     int
	// place is where it is in its lane.
	place int
	// dirty says that the client has to be told; snapshot that it has to be told all;
	// same that it knows the version of sent.
	dirty, snapshot, same bool
	// sent is the stock version that it was told last, last the frame.
	sent uint64
	last *frame
}

// revoked reports whether the client was known and its session has ended.
func (c *client) revoked() bool {
	if c.user.IsZero() {
		return false
	}
	visitor := &c.seat.visitor // of which only the user ever changes
	return c.shard.hub.revoked(Visitor{User: c.user, Session: visitor.Session, Version: visitor.Version})
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

// bytes are what the client is told now, and the frame that they show.
func (s *subscription) bytes() ([]byte, *frame) {
	f := s.audience.topic.newest.Load()
	switch {
	case !s.snapshot && s.last != nil && s.last.facts() != f.facts():
		return f.whole(), f
	case !s.snapshot:
		return f.update, f
	case s.same && s.sent == f.stock.Version:
		return f.same(), f
	}
	return f.whole(), f
}

// told notes that the kernel has a frame, or the beginning of it. It returns how many
// versions the client was not told of.
func (s *subscription) told(f *frame) uint64 {
	skipped := uint64(0)
	if !s.snapshot && f.stock.Version > s.sent+1 {
		skipped = f.stock.Version - s.sent - 1
	}
	s.sent, s.last = f.stock.Version, f
	s.snapshot, s.same, s.dirty = false, false, false
	return skipped
}
