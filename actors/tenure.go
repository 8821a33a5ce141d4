package actors

import (
	"maps"
	"sync"

	"holdfast/inventory"
)

// tenure is the time between two rebuilds of a product actor's state. Only its
// identity counts: units that were given under one are forgotten in the next.
type tenure struct{ number uint64 }

// ledger is the fold of all that is appended about one product, durable or not: it
// is what a product actor is rebuilt from. It changes under the journal's append
// lock only.
type ledger struct {
	stock inventory.Stock
	// mutex guards purchases for those who read them without the append lock.
	mutex     sync.Mutex
	purchases purchases
}

// admits returns nil when the event keeps the stock legal and within its bound.
func (l *ledger) admits(event *inventory.Event, line *inventory.Line) error {
	next := l.stock
	switch {
	case next.Evolve(event, line) != nil:
		return errIllegal
	case next.OnHand > inventory.StockQuantityMax && next.OnHand > l.stock.OnHand:
		return errTooMuch
	}
	return nil
}

// apply folds an event that the ledger admits and returns the stock after it.
// placed is when the event's order was placed.
func (l *ledger) apply(event *inventory.Event, line *inventory.Line, placed inventory.Instant, rules *inventory.Product) inventory.Stock {
	if err := l.stock.Evolve(event, line); err != nil {
		panic(err)
	}
	if event.Kind.OfOrder() && rules.CountsForLimit(placed) {
		l.mutex.Lock()
		l.purchases.apply(event, line)
		l.mutex.Unlock()
	}
	return l.stock
}

// purchased returns what a customer holds or has bought.
func (l *ledger) purchased(customer inventory.ID) int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.purchases[customer]
}

// replacePurchases puts other counts in place of those that there were.
func (l *ledger) replacePurchases(counted purchases) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.purchases = counted
}

// copyPurchases returns a copy for the actor.
func (l *ledger) copyPurchases() purchases {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return maps.Clone(l.purchases)
}

// purchases are the units of one product that each customer holds or has bought
// since the sale began. Only products with a limit have entries, so the customers
// are no more than the units that were ever for sale.
type purchases map[inventory.ID]int64

func (p *purchases) apply(event *inventory.Event, line *inventory.Line) {
	if units := purchased(event, line); units != 0 {
		p.add(event.Customer, units)
	}
}

// purchased returns how many more units of the line its customer has after the event.
func purchased(event *inventory.Event, line *inventory.Line) int64 {
	switch event.Kind {
	case inventory.OrderPlaced:
		return line.Quantity
	case inventory.OrderCancelled, inventory.OrderExpired, inventory.OrderReduced:
		return -line.Quantity
	}
	return 0
}

func (p *purchases) add(customer inventory.ID, units int64) {
	if *p == nil {
		*p = make(purchases)
	}
	if (*p)[customer] += units; (*p)[customer] == 0 {
		delete(*p, customer)
	}
}
