package ticker

import (
	"sync/atomic"

	"holdfast/inventory"
)

// productTopic tells of one product.
type productTopic struct {
	topics *topics
	topic  *topic
	id     inventory.ID
	number uint64
	// newest is its frame, never nil.
	newest atomic.Pointer[frame]
	slowTeller
	seller seller
	// history is nil when too many products have one.
	history *history
}

// openProduct begins to look at a product that is for sale.
func openProduct(t *topics, of *topic, now inventory.Instant) (teller, *refusal) {
	p := &productTopic{topics: t, topic: of, id: of.channel.id}
	reading, found := t.hub.source().Read(p.id)
	if !found || reading.Rules.Deleted {
		return nil, unknownChannel(of.channel) // who watches already is told that it has ended
	}
	p.number = t.numbers.take(p.id)
	if t.histories < historiesMax {
		t.histories++
		p.history = &history{}
	}
	p.show(stateOf(&reading, p.number, now))
	return p, nil
}

func (p *productTopic) leave() {
	p.topics.numbers.give(p.id)
	if p.history != nil {
		p.topics.histories--
	}
}

func (p *productTopic) over() bool { return p.newest.Load().rules.Deleted }

// refresh is called under the lock of the topics, so that readings of the board follow each
// other (K2).
func (p *productTopic) refresh(now inventory.Instant) {
	p.refreshState(now)
	if now >= p.seller.lookAt {
		p.seller.lookAt = now + slowInterval
		p.lookSlowly(now)
	}
}

// lookSlowly does what is done once a second.
func (p *productTopic) lookSlowly(now inventory.Instant) {
	s := p.newest.Load().state
	p.seller.observe(&s, now)
	if p.history != nil {
		p.history.add(&s, now)
	}
	if p.wanted.Load() == 0 {
		return
	}
	f := p.seller.facts(&s, p.topic.viewers.Load())
	if before := p.slowFrame(); before == nil || !before.rows[0].equal(&f) {
		p.publishSlow(&slowFrame{rows: []slowFacts{f}})
	}
}

// refreshState makes a frame when the product shows something else than before.
func (p *productTopic) refreshState(now inventory.Instant) {
	reading, found := p.topics.hub.source().Read(p.id)
	if !found {
		return
	}
	before, after := p.newest.Load(), stateOf(&reading, p.number, now)
	if !before.shows(&after) {
		p.show(after)
		p.topic.publish(before.edge() != after.edge())
	}
}

func (p *productTopic) show(s state) {
	p.topics.encoded.Add(1)
	p.newest.Store(newFrame(s))
}

func (p *productTopic) next(s *subscription) (piece, bool) {
	f, form := p.newest.Load(), s.client.format
	switch {
	case s.snapshot && s.same && s.sent == f.stock.Version && s.epoch == f.epoch:
		return piece{subscription: s, frame: f, bytes: f.bytes(sameFrame, form), more: f.stale}, true
	case s.snapshot:
		return piece{subscription: s, frame: f, bytes: f.bytes(snapshotFrame, form), more: f.stale}, true
	case s.stale != f.stale:
		return piece{subscription: s, frame: f, bytes: f.bytes(statusFrame, form), status: true}, true
	case s.last == f:
		return piece{}, false
	case s.last.facts() != f.facts():
		return piece{subscription: s, frame: f, bytes: f.bytes(snapshotFrame, form)}, true
	}
	return piece{subscription: s, frame: f, bytes: f.bytes(updateFrame, form)}, true
}

func (p *productTopic) told(s *subscription, told *piece) uint64 {
	f, skipped := told.frame, uint64(0)
	if !s.snapshot && f.epoch == s.epoch && f.stock.Version > s.sent+1 {
		skipped = f.stock.Version - s.sent - 1
	}
	if s.snapshot {
		s.stale = false // who is told all anew is told whether it is stale, too
	}
	if told.status {
		s.stale = f.stale
	}
	s.epoch, s.sent, s.last = f.epoch, f.stock.Version, f
	s.snapshot, s.same = false, false
	return skipped
}
