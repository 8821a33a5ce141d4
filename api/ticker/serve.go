package ticker

import "holdfast/inventory"

// handle does a command and answers it.
func (s *shard) handle(c *client, asked *command) {
	now := s.hub.clock.Now()
	c.commanded = true
	if c.closing {
		return
	}
	var refused *refusal
	switch asked.op {
	case opSubscribe:
		refused = s.subscribe(c, asked, now)
	case opUnsubscribe:
		refused = s.unsubscribe(c, asked)
	case opSnapshot:
		refused = s.snapshot(c, asked, now)
	}
	if refused != nil {
		s.refuse(c, asked, refused, now)
		return
	}
	s.say(c, okFrame(asked, now), now)
}

// refuse answers a command that is not done.
func (s *shard) refuse(c *client, asked *command, refused *refusal, now inventory.Instant) {
	s.counts.refusedCommands.Add(1)
	s.say(c, errFrame(asked, refused), now)
}

// subscribe makes a client watch products, all or none.
func (s *shard) subscribe(c *client, asked *command, now inventory.Instant) *refusal {
	if len(c.subscriptions)+len(asked.products) > subscriptionsMax {
		return &refusal{code: errLimit, message: "A connection has at most 200 channels."}
	}
	for _, product := range asked.products {
		if c.subscriptions[product] != nil {
			return &refusal{code: errAlready, message: "The channel is subscribed already.", channel: channelOf(product)}
		}
	}
	if s.hub.subscriptions.Add(int64(len(asked.products))) > allSubscriptionsMax {
		s.hub.subscriptions.Add(-int64(len(asked.products)))
		return &refusal{code: errLimit, message: "The server has no room for more channels.", wait: inventory.Second}
	}
	for i, product := range asked.products {
		a := s.audienceOf(product, now)
		if a == nil {
			for _, begun := range asked.products[:i] {
				s.drop(c.subscriptions[begun])
			}
			s.hub.subscriptions.Add(-int64(len(asked.products) - i))
			return &refusal{code: errUnknownChannel, message: "There is no such product.", channel: channelOf(product)}
		}
		s.watch(c, a, asked)
	}
	return nil
}

// audienceOf finds or makes the audience of a product; nil when there is no such
// product. Its frame is of this moment, so that a client is never shown less than it
// was told by other means.
func (s *shard) audienceOf(product inventory.ID, now inventory.Instant) *audience {
	if a := s.audiences[product]; a != nil {
		s.hub.topics.renew(s.hub.source(), a.topic, now)
		if a.topic.newest.Load().rules.Deleted {
			return nil // as for a shard where nobody watches it yet
		}
		return a
	}
	watched := s.hub.topics.watch(s.hub.source(), product, now)
	if watched == nil {
		return nil
	}
	a := &audience{topic: watched}
	s.audiences[product] = a
	return a
}

// watch adds one subscription, of which the client gets a snapshot.
func (s *shard) watch(c *client, a *audience, asked *command) {
	product := a.topic.product
	added := &subscription{client: c, audience: a, lane: asked.lane, snapshot: true}
	if has, known := asked.since[product]; known && has.epoch == a.topic.newest.Load().epoch {
		added.sent, added.same = has.stock, true
	}
	if c.subscriptions == nil {
		c.subscriptions = make(map[inventory.ID]*subscription, len(asked.products))
	}
	c.subscriptions[product] = added
	a.join(added)
	added.mark()
	s.counts.subscriptions.Add(1)
}

// unsubscribe ends subscriptions, all or none.
func (s *shard) unsubscribe(c *client, asked *command) *refusal {
	if refused := c.lacks(asked); refused != nil {
		return refused
	}
	for _, product := range asked.products {
		s.drop(c.subscriptions[product])
	}
	return nil
}

// snapshot sends a client all of products that it watches, as they are now.
func (s *shard) snapshot(c *client, asked *command, now inventory.Instant) *refusal {
	if refused := c.lacks(asked); refused != nil {
		return refused
	}
	for _, product := range asked.products {
		wanted := c.subscriptions[product]
		s.hub.topics.renew(s.hub.source(), wanted.audience.topic, now)
		wanted.snapshot, wanted.same = true, false
		wanted.mark()
	}
	return nil
}

// lacks refuses a command for channels that are not subscribed.
func (c *client) lacks(asked *command) *refusal {
	for _, product := range asked.products {
		if c.subscriptions[product] == nil {
			return &refusal{code: errUnknownChannel, message: "The channel is not subscribed.", channel: channelOf(product)}
		}
	}
	return nil
}

// drop ends one subscription, and the audience with the last one.
func (s *shard) drop(ended *subscription) {
	product := ended.audience.topic.product
	ended.unmark()
	ended.audience.leave(ended)
	delete(ended.client.subscriptions, product)
	s.counts.subscriptions.Add(-1)
	s.hub.subscriptions.Add(-1)
	if ended.audience.count == 0 {
		delete(s.audiences, product)
		s.hub.topics.unwatch(ended.audience.topic)
	}
}

func (s *shard) unsubscribeAll(c *client) {
	for _, each := range c.subscriptions {
		s.drop(each)
	}
	c.subscriptions = nil
}
