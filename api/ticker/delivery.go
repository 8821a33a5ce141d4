package ticker

import "holdfast/inventory"

// say sends something to one client only, after what it is owed.
func (s *shard) say(c *client, frame []byte, now inventory.Instant) {
	if c.closing {
		return
	}
	if len(c.pending)+len(frame) > pendingBytesMax {
		s.cut(c, closeSlow)
		return
	}
	c.pending = append(c.pending, frame...)
	s.counts.frames[frameOther].Add(1)
	s.flush(c, now)
}

// flush gives the kernel what is for a client, as much as it takes.
func (s *shard) flush(c *client, now inventory.Instant) {
	if !c.waiting() || c.halved {
		return
	}
	for len(c.rest) > 0 {
		n, ok := s.write(c, c.rest, now)
		if c.rest = c.rest[n:]; !ok {
			return
		}
	}
	c.rest = nil
	for len(c.pending) > 0 {
		n, ok := s.write(c, c.pending, now)
		if c.pending = c.pending[n:]; !ok {
			return
		}
	}
	c.pending = nil
	for len(c.dirty) > 0 && s.deliver(c, now) {
	}
	if c.closing && !c.halved {
		c.halved = true
		_ = c.socket.CloseWrite()
	}
}

// write is one attempt. ok is false when the kernel did not take all.
func (s *shard) write(c *client, data []byte, now inventory.Instant) (n int, ok bool) {
	n, err := s.attempt.write(c.raw, data)
	if err != nil {
		s.cut(c, closedWithoutAClose)
		return n, false
	}
	s.counts.bytes.Add(uint64(n))
	if n > 0 {
		c.lastSent = now
	}
	if n == len(data) {
		c.blockedSince = 0
		return n, true
	}
	if n > 0 || c.blockedSince == 0 {
		c.blockedSince = now
	}
	if !c.stalled {
		c.stalled = true
		s.stalled = append(s.stalled, c)
	}
	return n, false
}

// deliver sends what the dirty subscriptions of a client are told now, several in one
// write. Of a frame that is taken in part, the rest is kept; those after it stay dirty,
// and will be sent as they are then. It returns false when the kernel did not take all.
func (s *shard) deliver(c *client, now inventory.Instant) bool {
	count, data := s.gather(c)
	n, ok := s.write(c, data, now)
	if c.closing {
		return false
	}
	done := 0
	now = s.hub.clock.Now()
	for ; done < count && (n > 0 || len(s.batch[done].bytes) == 0); done++ {
		p := &s.batch[done]
		if len(p.bytes) > 0 {
			s.note(p, now)
		}
		taken := min(n, len(p.bytes))
		if n -= taken; taken < len(p.bytes) {
			c.rest = p.bytes[taken:]
		}
	}
	c.settle(s.batch[:done])
	clear(s.batch[:count])
	return ok
}

// note counts a piece that the kernel has, or the beginning of it.
func (s *shard) note(p *piece, now inventory.Instant) {
	subscription := p.subscription
	topic := subscription.audience.topic
	if p.slow != nil {
		subscription.slowTold = p.slow
		s.counts.frames[frameSlow].Add(1)
		return
	}
	if p.frame != nil && !subscription.snapshot {
		s.counts.lag.note(now - p.frame.at)
	}
	class := topic.channel.class()
	if class == frameOrder && p.until == 0 {
		s.counts.resyncs.Add(1)
	}
	s.counts.frames[class].Add(1)
	s.counts.conflated.Add(topic.told(subscription, p))
}

// class is what frames of a channel tell of.
func (c channel) class() frameClass {
	switch c.kind {
	case productChannel:
		return frameProduct
	case groupChannel, everyChannel:
		return frameGroup
	case systemChannel:
		return frameSystem
	}
	return frameOrder
}

// settle takes those that were told from the front of the dirty ones, and puts those that
// have more to be told behind the others. One that has nothing to be told is not dirty.
func (c *client) settle(done []piece) {
	count := len(done)
	again := 0
	for i := range done {
		one := done[i].subscription
		if one.dirty = done[i].more || len(done[i].bytes) > 0 && one.owedSlow(); one.dirty {
			done[again].subscription = one
			again++
		}
	}
	left := copy(c.dirty, c.dirty[count:])
	clear(c.dirty[left:])
	c.dirty = c.dirty[:left]
	for i := range done[:again] {
		c.dirty = append(c.dirty, done[i].subscription)
	}
}

// owedSlow reports whether there is something to tell of what changes slowly.
func (s *subscription) owedSlow() bool {
	if !s.slow {
		return false
	}
	f := s.audience.topic.slowFrame()
	return f != nil && f != s.slowTold
}

// next returns what a subscription is told now: first of its topic, then what changes
// slowly.
func (s *subscription) next() (piece, bool) {
	if p, is := s.audience.topic.next(s); is {
		return p, true
	}
	if s.owedSlow() {
		f := s.audience.topic.slowFrame()
		return piece{subscription: s, bytes: f.bytes(s.client.format), slow: f}, true
	}
	return piece{subscription: s}, false
}

// gather fills the batch. A frame that goes alone is not copied.
func (s *shard) gather(c *client) (count int, data []byte) {
	s.scratch = s.scratch[:0]
	for _, subscription := range c.dirty[:min(len(c.dirty), batchFramesMax)] {
		p, _ := subscription.next()
		if count > 0 && len(s.scratch)+len(p.bytes) > batchBytesMax {
			break
		}
		s.batch[count] = p
		s.scratch = append(s.scratch, p.bytes...)
		count++
	}
	if count == 1 {
		return count, s.batch[0].bytes
	}
	return count, s.scratch
}
