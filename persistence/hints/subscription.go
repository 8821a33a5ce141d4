package hints

import (
	"context"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
)

// subscription is a queue of what one subscriber has to be told. The lock of the hub
// guards it, but for states, which belong to who calls Next.
type subscription struct {
	hub *Hub
	// queue is what has to be told from head on. waiting are the products in it.
	queue   []item
	head    int
	waiting map[inventory.ID]struct{}
	status  map[persistence.Publisher]*status
	// takenBack is how many items in the queue tell nothing any more, statuses how many
	// there ever were.
	takenBack int
	statuses  uint64
	closed    bool
	// wake has one value when there may be something new.
	wake   chan struct{}
	states []persistence.StockState
}

// item is a product, or a status of a publisher.
type item struct {
	product   inventory.ID
	publisher persistence.Publisher
	fresh     bool
	// number is that of a status, and of no other of the subscription: what was taken back
	// counts for nothing, even when its publisher was forgotten and is known again.
	number uint64
}

// status is what a subscriber knows and has to be told of a publisher.
type status struct {
	told, toldFresh bool
	// stale and fresh are the numbers of the items in the queue, zero for none.
	stale, fresh uint64
}

func newSubscription(hub *Hub) *subscription {
	return &subscription{hub: hub, waiting: make(map[inventory.ID]struct{}),
		status: make(map[persistence.Publisher]*status), wake: make(chan struct{}, 1)}
}

func (s *subscription) pushProduct(product inventory.ID) {
	if _, is := s.waiting[product]; is {
		s.hub.Conflated.Add(1)
		return
	}
	s.waiting[product] = struct{}{}
	s.push(item{product: product})
}

func (s *subscription) pushStatus(publisher persistence.Publisher, fresh bool) {
	known := s.status[publisher]
	if known == nil {
		known = &status{}
		s.status[publisher] = known
	}
	if known.fresh != 0 { // what was fresh then is not what is fresh now
		known.fresh = 0
		s.takenBack++
	}
	if !fresh && (known.stale != 0 || known.told && !known.toldFresh) {
		return
	}
	s.statuses++
	if fresh {
		known.fresh = s.statuses
	} else {
		known.stale = s.statuses
	}
	s.push(item{publisher: publisher, fresh: fresh, number: s.statuses})
}

// compactMin is how many items that were told or taken back the queue may have, or else
// as many as are left.
const compactMin = 1024

func (s *subscription) push(one item) {
	if useless := s.head + s.takenBack; useless >= compactMin && useless*2 >= len(s.queue) {
		s.queue = slices.DeleteFunc(s.queue[:copy(s.queue, s.queue[s.head:])], func(i item) bool {
			return i.publisher != 0 && !s.counts(i)
		})
		s.head, s.takenBack = 0, 0
	}
	s.queue = append(s.queue, one)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next is that of [persistence.Subscription].
func (s *subscription) Next(ctx context.Context) (persistence.BusEvent, error) {
	for {
		event, is, err := s.take()
		if is || err != nil {
			return event, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return persistence.BusEvent{}, ctx.Err()
		}
	}
}

// take returns the next event: one status, or the states of products of one publisher
// that follow each other.
func (s *subscription) take() (event persistence.BusEvent, is bool, err error) {
	s.hub.lock.Lock()
	defer s.hub.lock.Unlock()
	if s.closed {
		return event, false, persistence.ErrBusClosed
	}
	s.states = s.states[:0]
	for ; s.head < len(s.queue) && len(s.states) < persistence.BusStatesMax; s.head++ {
		one := s.queue[s.head]
		if one.publisher != 0 {
			if len(s.states) > 0 {
				break
			}
			if s.tell(one) {
				s.head++
				return persistence.BusEvent{Kind: kindOf(one.fresh), Publisher: one.publisher}, true, nil
			}
			continue
		}
		product := s.hub.products[one.product]
		if len(s.states) > 0 && product.from != event.Publisher {
			break
		}
		event = persistence.BusEvent{Kind: persistence.BusBatch, Publisher: product.from}
		s.states = append(s.states, product.state)
		delete(s.waiting, one.product)
	}
	event.States = s.states
	return event, len(s.states) > 0, nil
}

// counts reports whether a status in the queue was not taken back.
func (s *subscription) counts(one item) bool {
	known := s.status[one.publisher]
	return known != nil && (one.fresh && one.number == known.fresh || !one.fresh && one.number == known.stale)
}

// tell notes that a status is told, unless it was taken back.
func (s *subscription) tell(one item) bool {
	if !s.counts(one) {
		s.takenBack = max(s.takenBack-1, 0)
		return false
	}
	known := s.status[one.publisher]
	if one.fresh {
		known.fresh = 0
	} else {
		known.stale = 0
	}
	known.told, known.toldFresh = true, one.fresh
	if _, is := s.hub.publishers[one.publisher]; !is {
		delete(s.status, one.publisher)
	}
	return true
}

// forget forgets a publisher that the hub has forgotten, unless its subscriber believes
// that it is fresh: it is told first. So who does not ask has no more to hear in the end
// than of those that it was told of.
func (s *subscription) forget(publisher persistence.Publisher) {
	known := s.status[publisher]
	switch {
	case known == nil, known.stale != 0 && known.toldFresh:
		return
	case known.stale != 0:
		s.takenBack++
	}
	delete(s.status, publisher)
}

func kindOf(fresh bool) persistence.BusEventKind {
	if fresh {
		return persistence.BusFresh
	}
	return persistence.BusStale
}

// end makes Next return ErrBusClosed.
func (s *subscription) end() {
	s.closed = true
	s.queue, s.waiting = nil, nil
	delete(s.hub.subscriptions, s)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close is that of [persistence.Subscription].
func (s *subscription) Close() {
	s.hub.lock.Lock()
	defer s.hub.lock.Unlock()
	s.end()
}
