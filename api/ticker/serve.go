package ticker

import "holdfast/inventory"

// handle does a command and answers it.
func (s *shard) handle(c *client, asked *command) {
	now := s.hub.clock.Now()
	if c.closing {
		return
	}
	var refused *refusal
	ok := answer(c.format, answerRoom, "ok", asked)
	switch asked.op {
	case opSubscribe:
		refused = s.subscribe(c, asked, ok, now)
	case opUnsubscribe:
		refused = s.unsubscribe(c, asked)
	case opRate:
		refused = s.rate(c, asked, ok)
	case opSnapshot:
		refused = s.snapshot(c, asked, now)
	case opAuthenticate:
		refused = s.authenticate(c, asked, ok)
	case opPing:
		if asked.timed {
			ok.number("sent", asked.sent)
		}
		ok.number("now", milliseconds(now))
	case opHistory:
		refused = s.history(asked, ok)
	case opList:
		c.list(ok)
	}
	if refused == nil && len(ok.data) > answerBytesMax {
		refused = &refusal{code: errLimit, message: "The answer would be too long."}
	}
	if refused != nil {
		s.refuse(c, asked, refused, now)
		return
	}
	s.say(c, ok.seal(), now)
	if asked.op == opAuthenticate {
		s.dropForbidden(c, "The new token may not see it.", now)
	}
}

// answerRoom is about what an answer takes.
const answerRoom = 96

// refuse answers a command that is not done.
func (s *shard) refuse(c *client, asked *command, refused *refusal, now inventory.Instant) {
	s.counts.refusedCommands.Add(1)
	s.say(c, errFrame(c.format, asked, refused), now)
}

// subscribe makes a client watch channels, all or none.
func (s *shard) subscribe(c *client, asked *command, ok *message, now inventory.Instant) *refusal {
	if len(c.subscriptions)+len(asked.channels) > subscriptionsMax {
		return &refusal{code: errLimit, message: "A connection has at most 200 channels."}
	}
	for i := range asked.channels {
		wanted := &asked.channels[i]
		if c.find(*wanted) != nil {
			return &refusal{code: errAlready, message: "The channel is subscribed already.", channel: wanted.String()}
		}
		if refused := s.mayWatch(c, wanted); refused != nil {
			return refused
		}
	}
	if c.groups(asked.channels) > groupsMax {
		return &refusal{code: errLimit, message: "A connection has at most 20 channels of many products."}
	}
	count := int64(len(asked.channels))
	if s.hub.subscriptions.Add(count) > allSubscriptionsMax {
		s.hub.subscriptions.Add(-count)
		return &refusal{code: errLimit, message: "The server has no room for more channels.", wait: inventory.Second}
	}
	for i, wanted := range asked.channels {
		a, refused := s.audienceOf(wanted, now)
		if refused != nil {
			for _, begun := range asked.channels[:i] {
				s.drop(c.find(begun))
			}
			s.hub.subscriptions.Add(-(count - int64(i)))
			return refused
		}
		s.watch(c, a, asked)
	}
	writeHertz(ok, "hz", &lanes[asked.lane])
	return nil
}

// groups counts the channels of many products that a client has, with those that it wants.
func (c *client) groups(wanted []channel) (count int) {
	for i := range wanted {
		if wanted[i].isGroup() {
			count++
		}
	}
	for _, s := range c.subscriptions {
		if s.audience.topic.channel.isGroup() {
			count++
		}
	}
	return count
}

// mayWatch refuses what a client may not see.
func (s *shard) mayWatch(c *client, wanted *channel) *refusal {
	switch {
	case !wanted.private() || c.admin:
		return nil
	case c.user.IsZero():
		return &refusal{code: errUnauthorized, message: "Say who you are first, with auth or a ticket.", channel: wanted.String()}
	case wanted.kind < ordersChannel:
		return &refusal{code: errForbidden, message: "This channel is for operators.", channel: wanted.String()}
	case wanted.customer != c.user:
		return unknownChannel(*wanted)
	}
	return nil
}

// audienceOf finds or makes the audience of a channel, or refuses. What it shows is of this
// moment, so that a client is never shown less than it was told by other means.
func (s *shard) audienceOf(wanted channel, now inventory.Instant) (*audience, *refusal) {
	if a := s.audiences[wanted]; a != nil {
		s.hub.topics.renew(a.topic, now)
		if a.topic.over() {
			return nil, unknownChannel(wanted) // as for a shard where nobody watches it yet
		}
		return a, nil
	}
	watched, refused := s.hub.topics.watch(wanted, now)
	if refused != nil {
		return nil, refused
	}
	a := &audience{topic: watched, slow: watched.slowEdition()}
	s.audiences[wanted] = a
	return a, nil
}

// watch adds one subscription, of which the client gets a snapshot.
func (s *shard) watch(c *client, a *audience, asked *command) {
	added := &subscription{client: c, audience: a, asked: uint8(asked.lane), snapshot: true, slow: asked.slow} // #nosec G115 -- few lanes
	if has, known := asked.since[a.topic.channel.id]; known {
		added.epoch, added.sent, added.same = has.epoch, has.stock, true
	}
	added.loading = a.topic.channel.kind >= ordersChannel
	c.subscriptions = append(c.subscriptions, added)
	a.join(added)
	a.topic.viewers.Add(1)
	if added.slow {
		a.topic.wantSlow(1)
	}
	added.mark()
	s.counts.subscriptions[a.topic.channel.class()].Add(1)
}

// unsubscribe ends subscriptions, all or none.
func (s *shard) unsubscribe(c *client, asked *command) *refusal {
	if refused := c.lacks(asked); refused != nil {
		return refused
	}
	for _, ended := range asked.channels {
		s.drop(c.find(ended))
	}
	return nil
}

// rate lets a client be told more or less often, of some channels or all.
func (s *shard) rate(c *client, asked *command, ok *message) *refusal {
	if refused := c.lacks(asked); refused != nil {
		return refused
	}
	for _, changed := range c.subscriptions {
		if !asked.all && !asked.asksFor(changed.audience.topic.channel) {
			continue
		}
		changed.audience.leave(changed)
		changed.asked = uint8(asked.lane) // #nosec G115 -- few lanes
		changed.enter()
	}
	writeHertz(ok, "hz", &lanes[asked.lane])
	return nil
}

// snapshot sends a client all of what it watches, as it is now.
func (s *shard) snapshot(c *client, asked *command, now inventory.Instant) *refusal {
	if refused := c.lacks(asked); refused != nil {
		return refused
	}
	for _, one := range asked.channels {
		wanted := c.find(one)
		s.hub.topics.renew(wanted.audience.topic, now)
		wanted.snapshot, wanted.same = true, false
		wanted.loading = one.kind >= ordersChannel
		wanted.mark()
	}
	return nil
}

// history answers with what was shown of a product in the last seconds.
func (s *shard) history(asked *command, ok *message) *refusal {
	wanted := asked.channels[0]
	samples, at, found := s.hub.topics.history(wanted.id, asked.count)
	if !found {
		return &refusal{code: errUnknownChannel, message: "Nobody watches this product: subscribe first.", channel: wanted.String()}
	}
	ok.text("ch", wanted.String())
	ok.number("every", milliseconds(slowInterval))
	ok.number("at", milliseconds(at))
	ok.list("i", len(samples))
	for _, one := range samples {
		ok.list("", 2)
		ok.number("", one.available)
		ok.number("", one.sold)
		ok.end()
	}
	ok.end()
	return nil
}

// list answers with what a client watches, and how often it is told.
func (c *client) list(ok *message) {
	ok.list("ch", len(c.subscriptions))
	for _, s := range c.subscriptions {
		ok.list("", 2)
		ok.text("", s.audience.topic.channel.String())
		writeHertz(ok, "", &lanes[s.asked])
		ok.end()
	}
	ok.end()
}

// lacks refuses a command for channels that are not subscribed.
func (c *client) lacks(asked *command) *refusal {
	for _, one := range asked.channels {
		if c.find(one) == nil {
			return &refusal{code: errUnknownChannel, message: "The channel is not subscribed.", channel: one.String()}
		}
	}
	return nil
}

// drop ends one subscription, and the audience with the last one.
func (s *shard) drop(ended *subscription) {
	c, t := ended.client, ended.audience.topic
	ended.unmark()
	ended.audience.leave(ended)
	for i := range c.subscriptions {
		if c.subscriptions[i] == ended {
			last := len(c.subscriptions) - 1
			copy(c.subscriptions[i:], c.subscriptions[i+1:])
			c.subscriptions[last] = nil
			c.subscriptions = c.subscriptions[:last]
			break
		}
	}
	t.viewers.Add(-1)
	if ended.slow {
		t.wantSlow(-1)
	}
	s.counts.subscriptions[t.channel.class()].Add(-1)
	s.hub.subscriptions.Add(-1)
	if ended.audience.count == 0 {
		delete(s.audiences, t.channel)
		s.hub.topics.unwatch(t)
	}
}

func (s *shard) unsubscribeAll(c *client) {
	for len(c.subscriptions) > 0 {
		s.drop(c.subscriptions[len(c.subscriptions)-1])
	}
	c.subscriptions = nil
}
