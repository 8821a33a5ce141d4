package blackbox

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// outcome is what the answers to the requests with a key say, and nothing else does.
type outcome string

const (
	// sent: the answer is not known. acknowledged: 201 or 200. refused: a 4xx.
	sent         outcome = "sent"
	acknowledged outcome = "acknowledged"
	refused      outcome = "refused"
)

// line is what an order asks for of one product.
type line struct {
	product *product
	asked   int64
}

// attempt is one key of an order and what became of it.
type attempt struct {
	key      string
	customer int
	// lines are ascending by product, each product once, as an order shows them.
	lines []line
	// partial: fewer units are welcome too.
	partial bool
	// backwards and split are how the body is written: with its items in descending
	// order, and with a unit of the first product in an item of its own.
	backwards, split bool
	// rival is how many units more of the first product another body asks for that is
	// sent with the same key; 0 is none.
	rival int64

	// mutex guards what follows: buyers and readers meet here.
	mutex   sync.Mutex
	outcome outcome
	// order, expires and state are what was shown of the order, the last time; order
	// is empty while nothing was. What was shown is durable.
	order   string
	expires time.Time
	state   state
	// more is how many units more of the first product the body had that made the
	// order: 0 or those of the rival.
	more int64
	// made counts the answers that say that they made the order.
	made int
	// asks counts the requests that may have changed the order since it was looked at
	// in peace.
	asks [changes]int
	// moves are the shipments and returns that were sent.
	moves []*movement
}

// newAttempt makes an attempt out of lines of different products.
func newAttempt(key string, customer int, lines ...line) *attempt {
	slices.SortFunc(lines, func(a, b line) int { return strings.Compare(a.product.id, b.product.id) })
	return &attempt{key: key, customer: customer, lines: lines}
}

func (a *attempt) String() string {
	words := make([]string, 0, len(a.lines))
	for _, l := range a.lines {
		words = append(words, fmt.Sprintf("%d %s", l.asked, l.product.name))
	}
	policy := ""
	if a.partial {
		policy = " or fewer"
	}
	return fmt.Sprintf("key %s of customer %d for %s%s", a.key, a.customer, strings.Join(words, ", "), policy)
}

// body writes the order, with so many units more of the first product. The same
// order is the same body.
func (a *attempt) body(more int64) string {
	var items []string
	item := func(p *product, quantity int64) {
		items = append(items, fmt.Sprintf(`{"product_id":%q,"quantity":%d}`, p.id, quantity))
	}
	for i, l := range a.lines {
		quantity := l.asked
		if i == 0 {
			quantity += more
		}
		if i == 0 && a.split && quantity > 1 {
			quantity--
			item(l.product, 1)
		}
		item(l.product, quantity)
	}
	if a.backwards {
		slices.Reverse(items)
	}
	policy := ""
	if a.partial {
		policy = `,"policy":"allow_partial"`
	}
	return fmt.Sprintf(`{"items":[%s]%s}`, strings.Join(items, ","), policy)
}

// hold is how long the order is held: as long as the product that is held the
// shortest, of those of which something was placed.
func (a *attempt) hold(kept *order) time.Duration {
	hold := time.Duration(math.MaxInt64)
	for i, l := range a.lines {
		if kept.Items[i].Quantity+kept.Items[i].Released > 0 {
			hold = min(hold, l.product.hold)
		}
	}
	return hold
}

// heldBriefly reports whether the order is held, and not for long: something was placed
// of a product whose holds end soon.
func (a *attempt) heldBriefly() bool {
	if a.state.status != statusReserved {
		return false
	}
	for i, l := range a.lines {
		if units := &a.state.lines[i]; units.quantity+units.released > 0 && l.product.brief() {
			return true
		}
	}
	return false
}

// lineOf returns the number of the product's line, or -1.
func (a *attempt) lineOf(p *product) int {
	return slices.IndexFunc(a.lines, func(l line) bool { return l.product == p })
}

// shown returns what was shown of the order; nothing while it was not.
func (a *attempt) shown() (order string, s state) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.order, a.state
}

// stands returns what the key stands for, as far as is known: so many units more of
// the first product than at first.
func (a *attempt) stands() int64 {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.more
}

// settle notes that no request is under way that could change the order: from now
// on it is what it was shown as.
func (a *attempt) settle() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.asks = [changes]int{}
}

// endsBefore reports whether the order holds units until a moment before the other.
func (a *attempt) endsBefore(moment time.Time) bool {
	return a.state.status == statusReserved && a.expires.Before(moment)
}
