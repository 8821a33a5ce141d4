package ticker

import (
	"context"
	"sync"

	"holdfast/inventory"
)

// OrderNews is a durable state of an order.
type OrderNews struct {
	Order, Customer inventory.ID
	State           inventory.State
	Total           inventory.Money
	// ExpiresAt is when an unpaid order loses its units, At when the state began.
	ExpiresAt, At inventory.Instant
	// Sequence is greater the later the state is.
	Sequence uint64
}

// OrderSource is where the hub learns of orders.
type OrderSource interface {
	// WatchCustomer asks for [Hub.TellOrder] of all that happens to a customer's orders
	// from now on, UnwatchCustomer ends that. Both are counted.
	WatchCustomer(customer inventory.ID)
	UnwatchCustomer(customer inventory.ID)
	// NewestOrders returns the last orders of a customer, the newest first, at most so many.
	// It may wait. known is false when they cannot be read now.
	NewestOrders(ctx context.Context, customer inventory.ID, limit int) (orders []OrderNews, known bool)
	// FindOrder returns an order of a customer, or of anyone for the zero one. It may wait.
	FindOrder(ctx context.Context, order, customer inventory.ID) (news OrderNews, found, known bool)
}

// ordersTopic tells of the orders of one customer, or of one of them.
type ordersTopic struct {
	source   OrderSource
	customer inventory.ID
	slowTeller
}

func openOrders(h *Hub, of channel) (teller, *refusal) {
	if h.orders == nil {
		return nil, unknownChannel(of)
	}
	t := &ordersTopic{source: h.orders, customer: of.customer}
	t.source.WatchCustomer(t.customer)
	return t, nil
}

func (t *ordersTopic) leave()                  { t.source.UnwatchCustomer(t.customer) }
func (*ordersTopic) over() bool                { return false }
func (*ordersTopic) refresh(inventory.Instant) {}

func (*ordersTopic) next(s *subscription) (piece, bool) {
	ring := s.ring
	form := s.client.format
	switch {
	case ring == nil, s.loading:
		return piece{}, false
	case ring.lost:
		return piece{subscription: s, bytes: statusMessage(form, s.audience.topic.channel.String(), statusResync,
			"Too much has happened at once. Ask for a snapshot."), more: len(ring.frames) > 0}, true
	case len(ring.frames) == 0:
		return piece{}, false
	}
	return piece{subscription: s, until: 1, bytes: ring.frames[0].bytes(s.audience.topic.channel, form), more: len(ring.frames) > 1}, true
}

func (*ordersTopic) told(s *subscription, told *piece) uint64 {
	s.snapshot = false
	if told.until == 0 {
		s.ring.lost = false
		return 0
	}
	s.ring.frames = s.ring.frames[1:]
	if len(s.ring.frames) == 0 {
		s.ring = nil
	}
	return 0
}

// orderRing is what a subscription has not been told of orders yet: of each order the last
// state. When there is no room, all is left out, and the client told so.
type orderRing struct {
	frames []*orderFrame
	lost   bool
}

// put adds a state. It returns false when there was no room.
func (r *orderRing) put(f *orderFrame) bool {
	for i := range r.frames {
		if r.frames[i].news.Order == f.news.Order {
			if r.frames[i].news.Sequence <= f.news.Sequence {
				r.frames[i] = f
			}
			return true
		}
	}
	if len(r.frames) == orderFramesMax {
		r.frames, r.lost = nil, true
		return false
	}
	r.frames = append(r.frames, f)
	return true
}

// orderFrame is a state of an order, the same to all who may see it.
type orderFrame struct {
	news     OrderNews
	lock     sync.Mutex
	messages [2][formats][]byte
}

// bytes returns the message for those who watch a channel.
func (f *orderFrame) bytes(of channel, form format) []byte {
	f.lock.Lock()
	defer f.lock.Unlock()
	made := &f.messages[of.kind-ordersChannel][form]
	if *made == nil {
		m := newMessage(form, 240, "o")
		m.text("ch", of.String())
		m.text("o", f.news.Order.String())
		m.unsigned("s", f.news.Sequence)
		m.text("status", f.news.State.String())
		m.number("total", f.news.Total.Minor)
		m.text("currency", f.news.Total.Currency.String())
		writeMoment(m, "expires_at", f.news.ExpiresAt)
		m.number("ts", milliseconds(f.news.At))
		*made = m.seal()
	}
	return *made
}

// TellOrder tells those who watch an order of a new state of it, with the next sweep. It
// does not wait.
func (h *Hub) TellOrder(news OrderNews) { h.news.put(orderNote{frame: &orderFrame{news: news}}) }

// orderNote is what there is to tell of an order: to all who watch it, or to one client that
// has just asked. Without a frame its orders could not be read.
type orderNote struct {
	frame *orderFrame
	only  *client
	of    channel
	// last says that all that there is has been told.
	last bool
}

// newsQueue is what has happened to orders since the last sweep.
type newsQueue struct {
	lock  sync.Mutex
	queue []orderNote
	// lost says that there was no room: all who watch have to ask again.
	lost bool
}

func (q *newsQueue) put(news ...orderNote) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if len(q.queue)+len(news) > orderNewsMax {
		q.queue, q.lost = nil, true
		return
	}
	q.queue = append(q.queue, news...)
}

// pass hands on what another queue had.
func (q *newsQueue) pass(queue []orderNote, lost bool) {
	if lost {
		q.lock.Lock()
		q.queue, q.lost = nil, true
		q.lock.Unlock()
	}
	if len(queue) > 0 {
		q.put(queue...)
	}
}

func (q *newsQueue) take() (queue []orderNote, lost bool) {
	q.lock.Lock()
	defer q.lock.Unlock()
	queue, lost = q.queue, q.lost
	q.queue, q.lost = nil, false
	return queue, lost
}

// tellOrders notes what has happened for those of a shard's clients who watch it: the sweep
// that it is part of tells them. What a panic keeps from them they are told to ask for, with
// the next one.
func (s *shard) tellOrders(queue []orderNote, lost bool) {
	whole := false
	defer func() {
		if !whole {
			s.news.pass(nil, true)
		}
	}()
	for _, a := range s.audiences {
		if lost && a.topic.channel.kind >= ordersChannel {
			a.each(func(each *subscription) {
				each.ring, each.loading = &orderRing{lost: true}, false
				s.touch(each)
			})
		}
	}
	for i := range queue {
		news := &queue[i]
		if news.only != nil {
			if news.only.shard == s {
				s.tellPresent(news)
			}
			continue
		}
		customer := news.frame.news.Customer
		for _, of := range [...]channel{ordersOf(customer), orderOf(news.frame.news.Order, customer)} {
			if a := s.audiences[of]; a != nil {
				a.each(func(each *subscription) { s.tellOrder(each, news.frame) })
			}
		}
	}
	whole = true
}

// tellPresent tells one client of an order that it has asked for, or that it has to ask again.
func (s *shard) tellPresent(news *orderNote) {
	one := news.only.find(news.of)
	switch {
	case one == nil: // it has unsubscribed, or was refused
	case news.last:
		one.loading = false
		s.touch(one)
	case news.frame == nil:
		one.ring, one.loading = &orderRing{lost: true}, false
		s.touch(one)
	default:
		s.tellOrder(one, news.frame)
	}
}

func (s *shard) tellOrder(to *subscription, f *orderFrame) {
	if to.ring == nil {
		to.ring = &orderRing{}
	}
	to.ring.put(f)
	s.touch(to)
}

// touch marks a subscription, whose client is told in this sweep.
func (s *shard) touch(one *subscription) {
	if one.lane() != lanePaused && !one.loading && one.mark() {
		s.touched = append(s.touched, one.client)
	}
}
