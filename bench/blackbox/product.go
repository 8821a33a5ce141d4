package blackbox

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// product is one product and what is known of it.
type product struct {
	id      string
	name    string
	opening int64
	hold    time.Duration
	// lasting products are ordered in every cycle and never sell out; the others are
	// made for one cycle, and do.
	lasting bool
	// shown is the highest version of the stock that anyone has been shown.
	shown atomic.Int64
	// orders are those that exist. Only the checker touches them.
	orders []*attempt
}

// brief reports whether holds of the product end while the test runs.
func (p *product) brief() bool { return p.hold < longHold }

const (
	// longHold outlasts every run: what the checker adds up must not expire.
	longHold = 604_800 * time.Second
	// plenty never sells out in a run.
	plenty = 1_000_000_000
)

// briefHolds puts products on sale whose holds end while the test runs.
const briefHolds = true

// show notes a version that somebody has been shown.
func (p *product) show(version int64) {
	for {
		shown := p.shown.Load()
		if version <= shown || p.shown.CompareAndSwap(shown, version) {
			return
		}
	}
}

// judgeStock says what is wrong with a stock that was shown (C3, C5), to someone
// who has seen the version before.
func (p *product) judgeStock(s stock, before int64) error {
	switch {
	case s.OnHand != p.opening:
		return fmt.Errorf("%s opened with %d units and shows %+v", p.name, p.opening, s)
	case s.Reserved < 0 || s.Committed < 0 || s.Available < 0 || s.Reserved+s.Committed > s.OnHand:
		return fmt.Errorf("OVERSOLD: %s shows %+v", p.name, s)
	case s.Available != s.OnHand-s.Reserved-s.Committed-s.Safety:
		return fmt.Errorf("%s does not add up: %+v", p.name, s)
	case s.Version < before:
		return fmt.Errorf("BACK: %s was shown at version %d and then as %+v", p.name, before, s)
	}
	return nil
}

// judgeSums compares the stock with the orders.
func (p *product) judgeSums(s stock) error {
	var reserved, committed int64
	for _, a := range p.orders {
		switch a.status {
		case statusReserved:
			reserved += a.units
		case statusConfirmed:
			committed += a.units
		}
	}
	if s.Reserved != reserved || s.Committed != committed {
		return fmt.Errorf("SUMS: %s shows %+v; its orders hold %d and have paid for %d", p.name, s, reserved, committed)
	}
	return nil
}

// readStock asks for the stock and judges it.
func (w *world) readStock(p *product, before int64) (stock, error) {
	s, err := decode[stock](w.client.do(call{method: "GET", path: "/api/products/" + p.id + "/stock"}), 200)
	if err != nil {
		return s, fmt.Errorf("the stock of %s cannot be read: %w", p.name, err)
	}
	p.show(s.Version)
	return s, p.judgeStock(s, before)
}

// openLasting puts the products on sale that are ordered in every cycle.
func (w *world) openLasting() (err error) {
	w.lasting, err = w.offer(
		&product{name: "plenty-1", opening: plenty, hold: longHold, lasting: true},
		&product{name: "plenty-2", opening: plenty, hold: longHold, lasting: true},
		&product{name: "brief", opening: plenty, hold: time.Second, lasting: true})
	return err
}

// openFresh puts scarce products on sale for one cycle: some sell out early, some
// late, some not at all.
func (w *world) openFresh() error {
	cycle := w.verdict.Cycles
	fresh, err := w.offer(
		&product{name: fmt.Sprintf("five-%d", cycle), opening: 5, hold: longHold},
		&product{name: fmt.Sprintf("scarce-%d", cycle), opening: 20 + w.random.Int64N(200), hold: longHold},
		&product{name: fmt.Sprintf("scarce-brief-%d", cycle), opening: 20 + w.random.Int64N(200),
			hold: time.Duration(1+w.random.IntN(3)) * time.Second})
	w.onSale = slices.Concat(w.lasting, fresh)
	return err
}

func (w *world) offer(products ...*product) ([]*product, error) {
	products = slices.DeleteFunc(products, func(p *product) bool { return p.brief() && !briefHolds })
	for _, p := range products {
		if err := w.create(p); err != nil {
			return nil, err
		}
	}
	return products, nil
}

func (w *world) create(p *product) error {
	made, err := decode[struct {
		ID string `json:"id"`
	}](w.client.do(call{method: "POST", path: "/api/products", token: w.admin, body: fmt.Sprintf(
		`{"sku":%q,"name":%q,"description":"","category":"test","price":{"amount":100,"currency":"EUR"},"stock":%d,"hold_seconds":%d}`,
		p.name, p.name, p.opening, int(p.hold.Seconds()))}), 201)
	if err != nil {
		return fmt.Errorf("create a product: %w", err)
	}
	p.id = made.ID
	w.products = append(w.products, p)
	return nil
}
