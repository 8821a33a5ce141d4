package ticker

import "holdfast/inventory"

// look does what time asks for at one client.
func (s *shard) look(c *client, now inventory.Instant) {
	began := inventory.Instant(c.reading.Load())
	switch {
	case c.closing:
		if now >= c.closeBy {
			s.cut(c, closedWithoutAClose) // its reader notices
		}
	case c.blockedSince != 0 && now-c.blockedSince >= blockedTimeMax:
		s.cut(c, closeSlow)
	case began != 0 && now-began >= messageTimeMax:
		s.close(c, closeMalformed, now)
	case !c.commanded && now-c.joined >= firstCommandTimeMax:
		s.close(c, closeNoCommand, now)
	case now >= c.endsAt:
		s.close(c, closeLifetime, now)
	default:
		s.keep(c, now)
	}
}

// keep asks whether the peer is there, and tells it that we are.
func (s *shard) keep(c *client, now inventory.Instant) {
	if c.until != 0 && now >= c.until {
		s.forgetUser(c, now)
	}
	if !c.warned && c.until != 0 && now >= c.until-expiryWarning {
		c.warned = true
		s.say(c, expiringFrame(c.format, c.until), now)
	}
	switch {
	case c.pongBy != 0 && inventory.Instant(c.heard.Load()) >= c.pinged:
		c.pongBy = 0
	case c.pongBy != 0 && now >= c.pongBy:
		s.close(c, closeNoPong, now)
		return
	}
	if now >= c.pingAt && c.blockedSince == 0 {
		c.pingAt = now + s.hub.about(pingInterval, 5)
		c.pinged, c.pongBy = now, now+pongTimeMax
		s.say(c, seal(pingFrame, unsealed(0)), now)
	}
	if c.demotion > 0 && c.blockedSince == 0 && now-c.clearSince >= promotionTime {
		c.clearSince = now
		c.demote(-1)
	}
	if c.waiting() && c.blockedSince == 0 {
		s.flush(c, now) // a panic has kept a sweep from it
	}
	if now-c.lastSent >= quietTimeMax && c.blockedSince == 0 {
		s.say(c, beatFrame(c.format, now), now)
	}
}

// close ends a connection: the peer is told why and when to come back, and has some
// time to take it.
func (s *shard) close(c *client, code CloseCode, now inventory.Instant) {
	row := &closeTable[closeRows[code]]
	s.closeWith(c, row, row.retry, now)
}

func (s *shard) closeWith(c *client, row *closeRow, retry *[2]int64, now inventory.Instant) {
	if c.closing {
		return
	}
	s.say(c, byeFrame(c.format, row, retry), now)
	s.finish(c, row, row.code, row.why, now)
}

// dismiss closes, with so many parts of a stop to come, a fair part of the connections that
// are open.
func (s *shard) dismiss(parts int, row *closeRow, retry *[2]int64) {
	now := s.hub.clock.Now()
	open := 0
	for _, c := range s.clients {
		if !c.closing {
			open++
		}
	}
	part := (open + parts - 1) / parts
	for _, c := range s.clients {
		if part == 0 {
			return
		}
		if !c.closing {
			s.closeWith(c, row, retry, now)
			part--
		}
	}
}

// finish sends the close frame, as the last one.
func (s *shard) finish(c *client, row *closeRow, code CloseCode, reason string, now inventory.Instant) {
	if c.closing {
		return
	}
	s.unsubscribeAll(c)
	c.pending = append(c.pending, endFrame(code, reason)...)
	s.counts.closes[closeRows[row.code]].Add(1)
	c.closing, c.closeBy = true, now+lingerTimeMax
	s.flush(c, now)
}

// cut ends a connection at once: its peer does not read, or is gone.
func (s *shard) cut(c *client, code CloseCode) {
	if !c.closing {
		s.counts.closes[closeRows[code]].Add(1)
	}
	s.unsubscribeAll(c)
	c.closing, c.halved = true, true
	c.rest, c.pending, c.blockedSince = nil, nil, 0
	_ = c.socket.SetLinger(0)
	c.closeSocket()
}
