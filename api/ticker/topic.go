package ticker

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// topic is a channel that somebody watches.
type topic struct {
	channel channel
	// edition counts what there was to tell, edge those changes that are told at once.
	edition, edge atomic.Uint64
	// watchers is how many shards have an audience of it; topics guards it.
	watchers int
	// viewers are the subscriptions of all shards.
	viewers atomic.Int64
	teller
}

// teller knows what the subscriptions of a topic are told. next and told are called by the
// shard of the subscription, the rest under the lock of all topics.
type teller interface {
	// next returns what a subscription is told now; false when it knows everything.
	next(s *subscription) (piece, bool)
	// told notes that the kernel has a piece, or the beginning of it, and returns how many
	// versions the client was not told of.
	told(s *subscription, p *piece) uint64
	// refresh looks whether there is something else to tell than before.
	refresh(now inventory.Instant)
	// over reports whether nobody may subscribe any more.
	over() bool
	// leave is called when nobody watches any more.
	leave()
	// slowEdition counts what there was to tell of what changes slowly, slowFrame is the
	// last of it or nil, and wantSlow says that more or fewer want it.
	slowEdition() uint64
	slowFrame() *slowFrame
	wantSlow(change int64)
}

// piece is what a subscription is told in one write.
type piece struct {
	subscription *subscription
	bytes        []byte
	// frame is what it shows of a product, until how far it tells of a group or of orders.
	frame *frame
	until uint64
	// more says that another piece follows, whole that it is part of all there is.
	more, whole bool
	// status says that it tells whether the product is stale.
	status bool
	// slow is what it tells of what changes slowly.
	slow *slowFrame
}

// publish notes that there is something new to tell, and whether at once.
func (t *topic) publish(atOnce bool) {
	if atOnce {
		t.edge.Add(1)
	}
	t.edition.Add(1)
}

// topics are all that somebody watches.
type topics struct {
	hub  *Hub
	lock sync.Mutex
	all  map[channel]*topic
	// numbers stand for products in msgpack, for as long as somebody watches them.
	numbers numbers
	// histories is how many products have a history.
	histories int
	// latest is the moment of the last look: those who look came here in another order than
	// they read the clock.
	latest inventory.Instant
	// catalogue is nil until somebody watches a group; members are those of all groups.
	catalogue *catalogue
	members   int
	// openings are those of groups.
	openings meter
	// count is how many there are.
	count atomic.Int64
	// encoded counts the states that frames were made of.
	encoded atomic.Uint64
}

// watch returns the topic of a channel, with what there is at this moment, for one more
// audience, or why there is none.
func (t *topics) watch(wanted channel, now inventory.Instant) (*topic, *refusal) {
	t.lock.Lock()
	defer t.lock.Unlock()
	now = t.notBefore(now)
	found := t.all[wanted]
	if found == nil {
		opened, refused := t.open(wanted, now)
		if refused != nil {
			return nil, refused
		}
		found, t.all[wanted] = opened, opened
		t.count.Store(int64(len(t.all)))
	} else {
		found.refresh(now)
	}
	if found.over() {
		return nil, unknownChannel(wanted)
	}
	found.watchers++
	return found, nil
}

// notBefore is a moment that is not before that of the look before it.
func (t *topics) notBefore(now inventory.Instant) inventory.Instant {
	t.latest = max(t.latest, now)
	return t.latest
}

// unknownChannel refuses what there is not, or not any more.
func unknownChannel(wanted channel) *refusal {
	return &refusal{code: errUnknownChannel, message: "There is no such channel here.", channel: wanted.String()}
}

// open makes the topic of a channel.
func (t *topics) open(wanted channel, now inventory.Instant) (opened *topic, refused *refusal) {
	opened = &topic{channel: wanted}
	switch wanted.kind {
	case productChannel:
		opened.teller, refused = openProduct(t, opened, now)
	case groupChannel, everyChannel:
		opened.teller, refused = openGroup(t, opened, now)
	case systemChannel:
		opened.teller, refused = openSystem(t.hub, opened, now)
	case ordersChannel, orderChannel:
		opened.teller, refused = openOrders(t.hub, wanted)
	}
	return opened, refused
}

// unwatch takes an audience away, and a topic that nobody watches with it (K7).
func (t *topics) unwatch(left *topic) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if left.watchers--; left.watchers == 0 {
		t.forget(left)
	}
}

func (t *topics) forget(left *topic) {
	delete(t.all, left.channel)
	t.count.Store(int64(len(t.all)))
	left.leave()
}

// renew brings one topic up to date.
func (t *topics) renew(one *topic, now inventory.Instant) {
	t.lock.Lock()
	defer t.lock.Unlock()
	one.refresh(t.notBefore(now))
}

// sweep brings all topics up to date.
func (t *topics) sweep(now inventory.Instant) {
	t.lock.Lock()
	defer t.lock.Unlock()
	now = t.notBefore(now)
	if t.catalogue != nil {
		t.followRules(now)
	}
	for _, one := range t.all {
		one.refresh(now)
	}
}

// followRules tells the groups of products that may have become members, or have left.
func (t *topics) followRules(now inventory.Instant) {
	changed, complete := t.catalogue.follow(t.hub.source())
	if len(changed) == 0 && complete {
		return
	}
	for _, one := range t.all {
		if g, is := one.teller.(*group); is {
			g.follow(changed, complete, now)
		}
	}
}

// viewersOf is how many watch a product by itself. It is called under the lock.
func (t *topics) viewersOf(product inventory.ID) int64 {
	if found := t.all[channel{kind: productChannel, id: product}]; found != nil {
		return found.viewers.Load()
	}
	return 0
}

// history returns the last samples of a product that is watched, and when the last one was
// taken.
func (t *topics) history(product inventory.ID, count int) (samples []sample, at inventory.Instant, found bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	watched := t.all[channel{kind: productChannel, id: product}]
	if watched == nil {
		return nil, 0, false
	}
	if kept := watched.teller.(*productTopic).history; kept != nil {
		samples, at = kept.last(count)
	}
	return samples, at, true
}

// numbers gives each product that is watched a number of its own, which stays for as long
// as anybody watches it.
type numbers struct {
	last uint64
	all  map[inventory.ID]*numbered
}

type numbered struct {
	number uint64
	users  int
}

// take returns the number of a product, for one more user.
func (n *numbers) take(product inventory.ID) uint64 {
	found := n.all[product]
	if found == nil {
		n.last++
		found = &numbered{number: n.last}
		n.all[product] = found
	}
	found.users++
	return found.number
}

// give gives a number back.
func (n *numbers) give(product inventory.ID) {
	found := n.all[product]
	if found.users--; found.users == 0 {
		delete(n.all, product)
	}
}
