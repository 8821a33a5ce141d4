package ticker

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// channel is what is wanted, held and not yet told of one channel. The client's lock guards
// it.
type channel struct {
	name  string
	hertz float64
	slow  bool

	// subscribed says that the server sends it, on the connection of now, as sent says. asked
	// says that an answer about it is waited for, unwanted that it shall end.
	subscribed, asked, unwanted bool
	sent                        Subscription
	// settled is closed when what was asked for last is done, or refused with refused.
	settled chan struct{}
	refused error

	// product is that of p:, products are those of a board, staged those of a snapshot that
	// comes in parts.
	product  *Product
	products map[string]*Product
	staged   map[string]*Product

	// What follows has changed and is not told yet. queued says that the channel waits for
	// that.
	queued         bool
	status         *Status
	productChanged bool
	facts          map[string]Facts
	replaced       bool
	changed, gone  map[string]bool
	orders         []Order
	lost           bool
	system         *System
}

func newChannel(name string, wanted Subscription) *channel {
	return &channel{name: name, hertz: wanted.Hertz, slow: wanted.Slow, settled: make(chan struct{}), facts: map[string]Facts{},
		changed: map[string]bool{}, gone: map[string]bool{}}
}

// settle says that what was asked for is done.
func (c *channel) settle(err error) {
	select {
	case <-c.settled:
	default:
		c.refused = err
		close(c.settled)
	}
}

// unsettle is for something new that is asked for.
func (c *channel) unsettle() {
	select {
	case <-c.settled:
		c.settled = make(chan struct{})
	default:
	}
}

// moment is a time of the server's.
func moment(milliseconds int64) time.Time {
	if milliseconds == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds).UTC()
}

// over is the state of a row on top of what is held, or nil when it is older than that.
func (r *row) over(id string, held *Product, whole bool) *Product {
	version := Version{r.Epoch, r.Stock}
	if held != nil && version.Before(held.Version) {
		return nil
	}
	p := &Product{ID: id}
	if held != nil {
		*p = *held
	}
	p.Version, p.Available, p.Phase = version, r.Available, r.Phase
	if r.Reserved != nil && r.Sold != nil { // else the same as before
		p.Reserved, p.Sold = *r.Reserved, *r.Sold
	}
	if r.TimeMS != 0 {
		p.At = moment(r.TimeMS)
	}
	if whole || r.SKU != "" {
		p.Catalogue = Catalogue{SKU: r.SKU, Name: r.Name, Category: r.Category, Price: r.Price, Currency: r.Currency, Capacity: r.Capacity,
			Start: moment(r.StartMS), End: moment(r.EndMS)}
		if held != nil && r.Same && r.Capacity == 0 { // it is left out with what was known
			p.Capacity = held.Capacity
		}
	}
	return p
}

// takeProduct takes a snapshot or an update.
func (c *channel) takeProduct(r *row, id string, whole bool) {
	if p := r.over(id, c.product, whole); p != nil {
		c.product, c.productChanged = p, true
	}
}

// takeFacts takes slow facts.
func (c *channel) takeFacts(id string, f *facts) {
	told := Facts{Product: id, Viewers: f.Viewers, PerSecond: f.PerSecond}
	if f.ETA != nil {
		told.Known, told.SoldOutFrom, told.SoldOutTo = true, milliseconds(f.ETA[0]), milliseconds(f.ETA[1])
	}
	if _, has := c.facts[id]; has || len(c.facts) < rowsMax {
		c.facts[id] = told
	}
}

// takeBoard takes rows of a board. Those of a snapshot replace all that was known, when the
// last of them has come.
func (c *channel) takeBoard(rows []boardRow, snapshot, more bool) error {
	if !snapshot {
		for i := range rows {
			if err := c.takeRow(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if c.staged == nil {
		c.staged = map[string]*Product{}
	}
	for i := range rows {
		r := &rows[i]
		if r.Gone {
			continue
		}
		held := c.products[r.id]
		p := r.over(r.id, held, false)
		if p == nil {
			p = held // the snapshot is older than what came before
		}
		if c.staged[r.id] = p; len(c.staged) > rowsMax {
			return fmt.Errorf("the board %s has more than %d products", c.name, rowsMax)
		}
	}
	if !more {
		c.products, c.staged, c.replaced = c.staged, nil, true
		clear(c.changed)
		clear(c.gone)
		for id := range c.products {
			c.changed[id] = true
		}
	}
	return nil
}

// takeRow takes a row of an update.
func (c *channel) takeRow(r *boardRow) error {
	if c.products == nil {
		c.products = map[string]*Product{}
	}
	held := c.products[r.id]
	if r.Gone {
		if held != nil {
			delete(c.products, r.id)
			delete(c.changed, r.id)
			c.gone[r.id] = !c.replaced
		}
		return nil
	}
	p := r.over(r.id, held, false)
	if p == nil {
		return nil
	}
	if held == nil && len(c.products) == rowsMax {
		return fmt.Errorf("the board %s has more than %d products", c.name, rowsMax)
	}
	delete(c.gone, r.id)
	c.products[r.id], c.changed[r.id] = p, true
	return nil
}

// takeOrder takes a state of an order; of each order the latest one waits.
func (c *channel) takeOrder(o Order) {
	c.orders = slices.DeleteFunc(c.orders, func(waits Order) bool { return waits.ID == o.ID })
	if len(c.orders) == ordersMax {
		c.orders, c.lost = slices.Delete(c.orders, 0, 1), true
	}
	c.orders = append(c.orders, o)
}

// news returns what has changed, which then has been told.
func (c *channel) news() Update {
	u := Update{Channel: c.name, Status: c.status, Orders: c.orders, Lost: c.lost, System: c.system}
	if c.productChanged {
		copied := *c.product
		u.Product = &copied
	}
	if !isBoard(c.name) {
		for _, f := range c.facts { // there is one at most
			told := f
			u.Facts = &told
		}
	} else if c.replaced || len(c.changed)+len(c.gone)+len(c.facts) > 0 {
		u.Board = c.boardNews()
	}
	c.status, c.productChanged, c.orders, c.lost, c.system, c.replaced = nil, false, nil, false, nil, false
	clear(c.facts)
	clear(c.changed)
	clear(c.gone)
	return u
}

// boardNews is what has changed of a board, in the order of IDs.
func (c *channel) boardNews() *Board {
	b := &Board{Replaced: c.replaced}
	for _, id := range slices.Sorted(maps.Keys(c.changed)) {
		b.Products = append(b.Products, *c.products[id])
	}
	for _, id := range slices.Sorted(maps.Keys(c.gone)) {
		if c.gone[id] {
			b.Gone = append(b.Gone, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.facts)) {
		b.Facts = append(b.Facts, c.facts[id])
	}
	return b
}

// boardRow is a row with the product that it is about.
type boardRow struct {
	row
	id string
}
