package actors

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// OrderNews is a new state of an order that is durable: whoever reads the order finds this
// state, or a later one.
type OrderNews struct {
	Order, Customer inventory.ID
	// Sequence is that of the record which made the state, as in [inventory.Order]: of two
	// states of an order the greater one is the later.
	Sequence uint64
	Status   inventory.State
	Total    inventory.Money
	// ExpiresAt is when the hold ends; zero when nothing is held.
	ExpiresAt inventory.Instant
	// At is when the state was decided.
	At inventory.Instant
}

// orderWatch knows the customers whose orders somebody watches, and tells of them. It tells
// at the moment from which a read shows the state, on the goroutine that answers, so in the
// order of the journal and before the answer leaves. As long as nobody watches, an order
// costs one atomic read of it.
type orderWatch struct {
	tell func(OrderNews)
	// count is how many customers are watched. It is written under the mutex.
	count atomic.Int64

	mutex sync.RWMutex
	// customers has how often each is watched.
	customers map[inventory.ID]int
}

func newOrderWatch(tell func(OrderNews)) *orderWatch {
	if tell == nil {
		tell = func(OrderNews) {}
	}
	return &orderWatch{tell: tell, customers: map[inventory.ID]int{}}
}

// WatchCustomer implements [Facade].
func (e *Engine) WatchCustomer(customer inventory.ID) {
	w := e.orderWatch
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.customers[customer]++
	w.count.Store(int64(len(w.customers)))
}

// UnwatchCustomer implements [Facade].
func (e *Engine) UnwatchCustomer(customer inventory.ID) {
	w := e.orderWatch
	w.mutex.Lock()
	defer w.mutex.Unlock()
	switch watchers := w.customers[customer]; watchers {
	case 0:
		panic("BUG: a customer is not watched whose watch ends")
	case 1:
		delete(w.customers, customer)
	default:
		w.customers[customer] = watchers - 1
	}
	w.count.Store(int64(len(w.customers)))
}

func (w *orderWatch) watches(customer inventory.ID) bool {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.customers[customer] > 0
}

// tellNews tells of the order that the operation has made or changed, when somebody
// watches its customer. All readers must see the state by now.
func (op *operation) tellNews() {
	if w := op.engine.orderWatch; w.count.Load() > 0 && op.event.Kind.OfOrder() && w.watches(op.order.Customer) {
		w.tell(NewsOf(&op.order))
	}
}

// NewsOf returns what there is to tell of an order as it is.
func NewsOf(order *inventory.Order) OrderNews {
	news := OrderNews{Order: order.ID, Customer: order.Customer, Sequence: order.Sequence, Status: order.State, Total: order.Total(),
		At: order.UpdatedAt}
	if order.State == inventory.Reserved {
		news.ExpiresAt = order.ExpiresAt
	}
	return news
}
