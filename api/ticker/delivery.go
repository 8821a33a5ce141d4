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
	s.counts.frames.Add(1)
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

// deliver sends the frames of the moment of a client's dirty topics, several in one
// write. Of a frame that is taken in part, the rest is kept; those after it stay dirty,
// and will be sent as they are then. It returns false when the kernel did not take all.
func (s *shard) deliver(c *client, now inventory.Instant) bool {
	count, data := s.gather(c)
	n, ok := s.write(c, data, now)
	if c.closing {
		return false
	}
	done := 0
	for ; done < count && n > 0; done++ {
		d := &s.batch[done]
		s.counts.conflated.Add(d.subscription.told(d.frame))
		taken := min(n, len(d.bytes))
		if n -= taken; taken < len(d.bytes) {
			c.rest = d.bytes[taken:]
		}
	}
	clear(s.batch[:count])
	s.counts.frames.Add(uint64(done))
	left := copy(c.dirty, c.dirty[done:])
	clear(c.dirty[left:])
	c.dirty = c.dirty[:left]
	return ok
}

// gather fills the batch. A frame that goes alone is not copied.
func (s *shard) gather(c *client) (count int, data []byte) {
	s.scratch = s.scratch[:0]
	for _, subscription := range c.dirty[:min(len(c.dirty), batchFramesMax)] {
		bytes, frame := subscription.bytes()
		if count > 0 && len(s.scratch)+len(bytes) > batchBytesMax {
			break
		}
		s.batch[count] = delivery{subscription, frame, bytes}
		s.scratch = append(s.scratch, bytes...)
		count++
	}
	if count == 1 {
		return count, s.batch[0].bytes
	}
	return count, s.scratch
}
