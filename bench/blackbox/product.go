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
	price   int64
	hold    time.Duration
	// limit is how many units one customer may hold and have bought; 0 is any.
	limit int64
	// lasting products are ordered in every cycle and never sell out; the others are
	// made for one cycle, and do.
	lasting bool
	// shown is the highest version of the stock that anyone has been shown.
	shown atomic.Int64

	// Only the checker touches what follows. orders are those that exist, but for
	// those that are closed: no unit of them moves any more. closed adds those up, and
	// adjusted the adjustments.
	orders   []*attempt
	closed   totals
	adjusted int64
}

const (
	// longHold outlasts a cycle by far. In a long run such holds end too: a server that
	// is started a thousand times must not have to carry all orders of the run.
	longHold = 120 * time.Second
	// plenty never sells out in a run.
	plenty = 1_000_000_000
)

// brief reports whether holds of the product end soon.
func (p *product) brief() bool { return p.hold < longHold }

// calm reports whether the product is kept apart from brief holds: all that is left
// of it is bought after a start, and nothing may come free meanwhile.
func (p *product) calm() bool { return !p.lasting && !p.brief() && p.limit == 0 }

// show notes a version that somebody has been shown.
func (p *product) show(version int64) {
	for {
		shown := p.shown.Load()
		if version <= shown || p.shown.CompareAndSwap(shown, version) {
			return
		}
	}
}

// judgeStock says what is wrong with a stock that was shown (C5), to someone who has
// seen the version before.
func (p *product) judgeStock(s stock, before int64) error {
	switch {
	case s.Reserved < 0 || s.Committed < 0 || s.Available < 0 || s.Reserved+s.Committed > s.OnHand:
		return fmt.Errorf("OVERSOLD: %s shows %+v", p.name, s)
	case s.Available != s.OnHand-s.Reserved-s.Committed-s.Safety:
		return fmt.Errorf("%s does not add up: %+v", p.name, s)
	case s.Version < before:
		return fmt.Errorf("BACK: %s was shown at version %d and then as %+v", p.name, before, s)
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
// late, some not at all. One has a limit per customer.
func (w *world) openFresh() error {
	cycle := w.verdict.Cycles
	some := func() int64 { return 20 + w.random.Int64N(200) }
	fresh, err := w.offer(
		&product{name: fmt.Sprintf("five-%d", cycle), opening: 5, hold: longHold},
		&product{name: fmt.Sprintf("scarce-%d", cycle), opening: some(), hold: longHold},
		&product{name: fmt.Sprintf("scarce-brief-%d", cycle), opening: some(), hold: time.Duration(1+w.random.IntN(3)) * time.Second},
		&product{name: fmt.Sprintf("limited-%d", cycle), opening: 3 * some(), hold: longHold, limit: 4})
	w.onSale = slices.Concat(w.lasting, fresh)
	return err
}

func (w *world) offer(products ...*product) ([]*product, error) {
	for _, p := range products {
		if err := w.create(p); err != nil {
			return nil, err
		}
	}
	return products, nil
}

func (w *world) create(p *product) error {
	p.price = 100 + int64(len(w.products)%7)
	limit := ""
	if p.limit != 0 {
		limit = fmt.Sprintf(`,"purchase_limit":%d`, p.limit)
	}
	made, err := decode[struct {
		ID string `json:"id"`
	}](w.client.do(call{method: "POST", path: "/api/products", token: w.admin, body: fmt.Sprintf(
		`{"sku":%q,"name":%q,"description":"","category":"test","price":{"amount":%d,"currency":"EUR"},"stock":%d,"hold_seconds":%d%s}`,
		p.name, p.name, p.price, p.opening, int(p.hold.Seconds()), limit)}), 201)
	if err != nil {
		return fmt.Errorf("create a product: %w", err)
	}
	p.id = made.ID
	w.products = append(w.products, p)
	return nil
}

// olderMax is how many products of earlier cycles are looked at in a cycle.
const olderMax = 10

// watched returns the products on sale, and some of earlier cycles.
func (w *world) watched() []*product {
	watched := slices.Clone(w.onSale)
	if len(watched) == 0 {
		return w.products
	}
	for range min(olderMax, len(w.products)-len(w.onSale)) {
		p := w.products[w.random.IntN(len(w.products))]
		if !slices.Contains(watched, p) {
			watched = append(watched, p)
		}
	}
	return watched
}
