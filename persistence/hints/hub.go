package hints

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Hub is what a process knows of all products, and its subscriptions.
type Hub struct {
	lock          sync.Mutex
	products      map[inventory.ID]*known
	publishers    map[persistence.Publisher]bool // whether fresh
	owned         map[persistence.Publisher]int  // how many products belong to one, if any
	subscriptions map[*subscription]struct{}
	closed        bool

	// Conflated and Refused are parts of [persistence.BusStatistics].
	Conflated, Refused atomic.Uint64
}

// known is the last state of a product. The lock of the hub guards it.
type known struct {
	state persistence.StockState
	from  persistence.Publisher
}

// NewHub returns a hub that knows nothing.
func NewHub() *Hub {
	return &Hub{
		products:      make(map[inventory.ID]*known),
		publishers:    make(map[persistence.Publisher]bool),
		owned:         make(map[persistence.Publisher]int),
		subscriptions: make(map[*subscription]struct{}),
	}
}

// Put takes states of a publisher, and calls news, which may be nil, under the hub's lock
// for each that is later than what was known, or the same from another publisher. A state
// without rules has those that its publisher has told with the same revision; Put returns
// how many it had to leave out because they are not known. Rules that are as they were stay
// the same value. The states are the hub's until it returns.
func (h *Hub) Put(from persistence.Publisher, states []persistence.StockState, news func(*persistence.StockState)) (lacking int) {
	h.lock.Lock()
	defer h.lock.Unlock()
	for i := range states {
		switch h.put(from, &states[i]) {
		case isNews:
			if news != nil {
				news(&states[i])
			}
		case lacksRules:
			lacking++
		case isRefused:
			h.Refused.Add(1)
		}
	}
	return lacking
}

// found says what became of a state.
type found uint8

const (
	isOld found = iota
	isNews
	lacksRules
	isRefused
)

func (h *Hub) put(from persistence.Publisher, state *persistence.StockState) found {
	product := h.products[state.Product]
	switch {
	case product == nil && state.Rules == nil:
		return lacksRules
	case product == nil && len(h.products) == persistence.BusProductsMax, state.Rules != nil && !persistence.BusFits(state.Rules):
		return isRefused
	case product == nil:
		product = &known{}
		h.products[state.Product] = product
	case !product.yields(from, state):
		return isOld
	case state.Rules == nil && (from != product.from || state.Revision != product.state.Revision):
		return lacksRules
	case state.Rules == nil || *state.Rules == *product.state.Rules:
		state.Rules = product.state.Rules
	}
	h.move(product.from, from)
	*product = known{state: *state, from: from}
	for s := range h.subscriptions {
		s.pushProduct(state.Product)
	}
	return isNews
}

// yields reports whether a state takes the place of what is known. One of another publisher
// does so when that one knows what the old one did: the product has moved to it. Whether
// the old one has ended is noticed later, and the new one tells of it once only.
func (k *known) yields(from persistence.Publisher, state *persistence.StockState) bool {
	if from != k.from {
		return !k.state.StockAfter(state)
	}
	return state.After(&k.state)
}

// move counts a product that belongs to another publisher now; zero is nobody.
func (h *Hub) move(from, to persistence.Publisher) {
	if from == to {
		return
	}
	h.owned[to]++
	if from != 0 {
		h.owned[from]--
	}
	if h.owned[from] == 0 {
		delete(h.owned, from)
	}
}

// SetFresh says whether a publisher is fresh. A publisher that was not named yet is not.
func (h *Hub) SetFresh(publisher persistence.Publisher, fresh bool) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.setFresh(publisher, fresh)
}

func (h *Hub) setFresh(publisher persistence.Publisher, fresh bool) {
	if before, known := h.publishers[publisher]; known && before == fresh {
		return
	}
	h.publishers[publisher] = fresh
	for s := range h.subscriptions {
		s.pushStatus(publisher, fresh)
	}
}

// Forget forgets a publisher, which is stale from then on. Its products stay known.
func (h *Hub) Forget(publisher persistence.Publisher) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.setFresh(publisher, false)
	delete(h.publishers, publisher)
	for s := range h.subscriptions {
		s.forget(publisher)
	}
}

// Owns reports whether a product belongs to a publisher.
func (h *Hub) Owns(publisher persistence.Publisher) bool {
	h.lock.Lock()
	defer h.lock.Unlock()
	return h.owned[publisher] > 0
}

// Subscribe is that of [persistence.Bus].
func (h *Hub) Subscribe() (persistence.Subscription, error) {
	h.lock.Lock()
	defer h.lock.Unlock()
	switch {
	case h.closed:
		return nil, persistence.ErrBusClosed
	case len(h.subscriptions) == persistence.BusSubscriptionsMax:
		return nil, persistence.ErrSubscriptions
	}
	s := newSubscription(h)
	h.subscriptions[s] = struct{}{}
	for product := range h.products {
		s.pushProduct(product)
	}
	for publisher, fresh := range h.publishers {
		s.pushStatus(publisher, fresh)
	}
	return s, nil
}

// Close ends all subscriptions.
func (h *Hub) Close() {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.closed = true
	for s := range h.subscriptions {
		s.end()
	}
}

// Statistics returns what the hub knows of them.
func (h *Hub) Statistics() persistence.BusStatistics {
	h.lock.Lock()
	defer h.lock.Unlock()
	statistics := persistence.BusStatistics{Conflated: h.Conflated.Load(), Refused: h.Refused.Load(),
		Products: len(h.products), Publishers: len(h.publishers)}
	for _, fresh := range h.publishers {
		if !fresh {
			statistics.Stale++
		}
	}
	return statistics
}
