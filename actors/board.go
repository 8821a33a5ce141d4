package actors

import (
	"sync"

	"holdfast/inventory"
)

// boardCell is the durable stock of one product: the fold of its durable events.
// The journal's writer is the only one that changes quantities; anyone reads.
type boardCell struct {
	mutex sync.Mutex
	stock inventory.Stock
	holds calendar
}

// apply folds one line of a durable event. heldUntil is the end of the order's hold
// before the event, or the one that it makes. A broken invariant means that a wrong
// history is durable already: the panic ends the process (P9).
func (c *boardCell) apply(event *inventory.Event, line *inventory.Line, heldUntil inventory.Instant) inventory.Stock {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.stock.Evolve(event, line); err != nil {
		panic(err)
	}
	switch {
	case event.Kind == inventory.OrderPlaced:
		c.holds.add(heldUntil)
	case event.EndsHold():
		c.holds.remove(heldUntil)
	}
	return c.stock
}

// extend notes that a hold ends later.
func (c *boardCell) extend(from, to inventory.Instant) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.holds.add(to)
	c.holds.remove(from)
}

// read returns the durable stock.
func (c *boardCell) read() inventory.Stock {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.stock
}

// nextExpiry returns when the first hold ends, up to a second later; zero when there
// is none.
func (c *boardCell) nextExpiry() inventory.Instant {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.holds.first()
}

// setSafety changes the units that are never sold.
func (c *boardCell) setSafety(units int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.stock.Safety = units
}

// published collects the operations of a durable batch until the journal has
// raised its durable sequence, so that whoever is answered reads its own writes.
// Only the journal's writer uses it.
type published struct{ operations []*operation }

func (p *published) add(op *operation) { p.operations = append(p.operations, op) }

// release tells of all operations of the batch, and answers them, in order.
func (p *published) release() {
	for i, op := range p.operations {
		p.operations[i] = nil
		op.answer()
	}
	p.operations = p.operations[:0]
}
