package actors

import (
	"context"
	"fmt"
	"time"

	"holdfast/inventory"
)

// A limit per customer counts what each customer holds or has bought since the start of
// the sale, and only products with a limit have such counts. Rules that introduce a limit,
// or move the start of a sale with one, have it counted anew while orders go on: what SQL
// has, which is known to be up to a sequence, and what was appended after that. Orders that
// have units of the product then and are not decided are forgotten, as after a panic: they
// were not counted.

// recountChangesMax bounds the changes that are noted while SQL counts; beyond it the
// count is given up: overloaded.
const recountChangesMax = 1 << 20

// recountMax is how long a count may take; then: store_unavailable.
const recountMax = 30 * time.Second

// recount counts the purchases of one product for rules that are not in force yet.
type recount struct {
	product *productActor
	rules   *inventory.Product
	// counted is what SQL had at the sequence.
	counted  purchases
	sequence uint64
	// changes are those appended since the count began, under the journal's append lock;
	// full says that there were more.
	changes []purchaseChange
	full    bool
}

// purchaseChange is what one event changes about one customer's units.
type purchaseChange struct {
	sequence uint64
	customer inventory.ID
	units    int64
}

// needsRecount reports whether new rules count the units of a customer that nobody has
// counted yet, or from another moment on.
func needsRecount(from, to *inventory.Product) bool {
	return to.PurchaseLimit > 0 && (from.PurchaseLimit == 0 || from.SaleStartsAt != to.SaleStartsAt)
}

// setCounted puts rules in force that need a recount. There is one at a time.
func (e *Engine) setCounted(p *productActor, rules *inventory.Product) inventory.Refusal {
	if !e.recounting.TryLock() {
		return refusedRecounting
	}
	defer e.recounting.Unlock()
	r := &recount{product: p, rules: rules}
	var appended uint64
	e.journal.Hold(func(last uint64) { e.recount, appended = r, last })
	defer e.journal.Hold(func(uint64) { e.recount = nil })
	ctx, cancel := context.WithTimeout(e.life, e.recountTimeout)
	defer cancel()
	if err := e.countPurchases(ctx, r, appended); err != nil {
		e.log.Warn("what was bought of a product cannot be counted now", "product", rules.ID.String(), "error", err)
		return refusedUncounted
	}
	return e.setRules(p, rules, r)
}

// countPurchases reads what SQL has, once it has everything up to a sequence.
func (e *Engine) countPurchases(ctx context.Context, r *recount, appended uint64) error {
	if err := e.projector.wait(ctx, appended); err != nil {
		return err
	}
	return e.fromStore(ctx, func() (err error) {
		r.counted = nil
		r.sequence, err = e.store.PurchasesOf(ctx, r.rules.ID, r.rules.SaleStartsAt, func(customer inventory.ID, units int64) error {
			r.counted.add(customer, units)
			return nil
		})
		if err == nil && r.sequence < appended {
			err = fmt.Errorf("%w: it answered as of sequence %d, and had %d", errLapsed, r.sequence, appended)
		}
		return err
	})
}

// note notes an event that is being appended.
func (r *recount) note(sequence uint64, event *inventory.Event, line *inventory.Line, placed inventory.Instant) {
	units := purchased(event, line)
	switch {
	case units == 0 || !r.rules.CountsForLimit(placed):
	case len(r.changes) == recountChangesMax:
		r.full = true
	default:
		r.changes = append(r.changes, purchaseChange{sequence, event.Customer, units})
	}
}

// total returns what each customer has bought by now. Nothing is appended meanwhile.
func (r *recount) total() purchases {
	for _, change := range r.changes {
		if change.sequence > r.sequence {
			r.counted.add(change.customer, change.units)
		}
	}
	return r.counted
}

var (
	refusedRecounting = inventory.Refusal{Code: inventory.CodeOverloaded,
		Detail: "What was bought of another product is being counted for its limit. Try again in a moment."}
	refusedUncounted = inventory.Refusal{Code: inventory.CodeStoreUnavailable,
		Detail: "What was bought of the product cannot be counted for its limit, because the database cannot be reached or is far behind. Try again."}
)
