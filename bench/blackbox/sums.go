package blackbox

import (
	"fmt"
	"slices"
	"time"
)

// totals are units of a product, added up over orders.
type totals struct{ reserved, committed, shipped, restocked int64 }

func (t *totals) add(other totals) {
	t.reserved += other.reserved
	t.committed += other.committed
	t.shipped += other.shipped
	t.restocked += other.restocked
}

// totalsOf returns what a line of the order is to its product.
func (a *attempt) totalsOf(line int) (t totals) {
	u := a.state.lines[line]
	switch {
	case a.state.status == statusReserved:
		t.reserved = int64(u.quantity)
	case isPaid(a.state.status):
		t.committed, t.shipped = int64(u.quantity-u.shipped), int64(u.shipped)
		t.restocked = a.restocked(line)
	}
	return t
}

// movedBy returns the units of a line that acknowledged movements have named, those
// of them that can be sold again, and the movement that took all that was left.
func (a *attempt) movedBy(c change, line int) (named, restocked int64, rest *movement) {
	for _, m := range a.moves {
		switch {
		case m.change != c || m.outcome != acknowledged:
		case len(m.named) == 0:
			rest = m
		default:
			named += m.unitsOf(line)
			if m.restock {
				restocked += m.unitsOf(line)
			}
		}
	}
	return named, restocked, rest
}

func (a *attempt) restocked(line int) int64 {
	named, restocked, rest := a.movedBy(giveBack, line)
	if rest != nil && rest.restock {
		restocked += int64(a.state.lines[line].returned) - named
	}
	return restocked
}

// judgeMoves compares what the order counts with the movements, when it is known of
// each whether it was made.
func (a *attempt) judgeMoves() error {
	for i, u := range a.state.lines {
		for _, row := range []struct {
			change         change
			counted, whole int32
		}{{ship, u.shipped, u.quantity}, {giveBack, u.returned, u.shipped}} {
			named, _, rest := a.movedBy(row.change, i)
			if rest == nil && named != int64(row.counted) || rest != nil && (named > int64(row.counted) || row.counted != row.whole) {
				return fmt.Errorf("COUNT: order %s shows %+v; the keys of %s have moved %d units (and the rest: %t)",
					a.order, u, row.change, named, rest != nil)
			}
		}
	}
	return nil
}

// total adds up the orders of the product. Those of which no unit moves any more are
// closed.
func (p *product) total() totals {
	sum := p.closed
	p.orders = slices.DeleteFunc(p.orders, func(a *attempt) bool {
		t := a.totalsOf(a.lineOf(p))
		sum.add(t)
		over := isOver(a.state.status) || a.state.status == statusReturned && p.limit == 0
		if over {
			p.closed.add(t)
		}
		return over
	})
	return sum
}

// judgeSums compares the stock with the orders and adjustments (C3), and the
// purchases of every customer with the limit (C9).
func (p *product) judgeSums(s stock) error {
	t := p.total()
	if onHand := p.opening + p.adjusted - t.shipped + t.restocked; s.OnHand != onHand || s.Reserved != t.reserved || s.Committed != t.committed {
		return fmt.Errorf("SUMS: %s shows %+v; it opened with %d, was adjusted by %d, and its orders add up to %+v",
			p.name, s, p.opening, p.adjusted, t)
	}
	for customer, units := range p.bought() {
		if p.limit != 0 && units > p.limit {
			return fmt.Errorf("LIMIT: customer %d has %d units of %s, of which each may have %d", customer, units, p.name, p.limit)
		}
	}
	return nil
}

// bought returns what each customer holds and has bought; what was cancelled, has
// expired or was released does not count, what came back does.
func (p *product) bought() map[int]int64 {
	units := make(map[int]int64)
	if p.limit == 0 {
		return units
	}
	for _, a := range p.orders {
		if !isOver(a.state.status) {
			units[a.customer] += int64(a.state.lines[a.lineOf(p)].quantity)
		}
	}
	return units
}

// sumsMax bounds the wait for a moment at which no hold of a product ends.
const sumsMax = 15 * time.Second

// checkSums compares the stock of a product with its orders. While holds end, both
// change: the orders are those of the stock when it has the same version before and
// after they were read.
func (w *world) checkSums(p *product) {
	deadline := time.Now().Add(sumsMax)
	for {
		before, err := w.readStock(p, p.shown.Load())
		w.lookAtHolds(p)
		after, again := w.readStock(p, p.shown.Load())
		switch {
		case err != nil || again != nil:
			w.judge(err)
			w.judge(again)
			return
		case before.Version == after.Version:
			w.judge(p.judgeSums(after))
			return
		case time.Now().After(deadline):
			w.violation("the stock of %s did not come to rest within %s: %+v", p.name, sumsMax, after)
			return
		}
	}
}

// lookAtHolds looks up the orders whose holds may have ended.
func (w *world) lookAtHolds(p *product) {
	var due []*attempt
	for _, a := range p.orders {
		if a.endsBefore(time.Now().Add(clockTolerance)) {
			due = append(due, a)
		}
	}
	w.parallel(len(due), func(i int) { w.lookUp(due[i]) })
}

// checkLimit has customers of a product with a limit ask for one unit more than they
// may still have, and then for what they may: what they bought before the kill was
// not forgotten, nor what they gave back.
func (w *world) checkLimit(p *product) {
	w.lookAtHolds(p)
	p.total()
	bought := p.bought()
	for _, customer := range w.random.Perm(customers)[:limitCustomers] {
		remaining := p.limit - bought[customer]
		s, err := w.readStock(p, p.shown.Load())
		w.judge(err)
		if err != nil || s.Available <= remaining || p.frees(customer) {
			continue
		}
		a := w.oneOf(p, customer, remaining+1)
		w.judge(w.history.begin(a))
		reply := w.send(a, 0)
		if r := reply.refusal(); reply.status != 409 || r.Code != codeLimit || r.Remaining != remaining {
			w.violation("LIMIT: customer %d has %d units of %s, and one more than %d was answered with %s",
				customer, bought[customer], p.name, p.limit, reply)
		}
		w.history.end(a, refused, []answer{reply})
		if remaining > 0 && w.buyOne(p, customer, remaining) != acknowledged {
			w.violation("LIMIT: customer %d may have %d more units of %s and cannot buy them", customer, remaining, p.name)
		}
		w.tried(limitsTried)
	}
	w.history.take() // they are no acknowledgements of the load
}

// limitCustomers is how many customers are asked to try a limit in a cycle.
const limitCustomers = 3

// frees reports whether a hold of the customer ends soon, which gives units back.
func (p *product) frees(customer int) bool {
	return slices.ContainsFunc(p.orders, func(a *attempt) bool {
		return a.customer == customer && a.endsBefore(time.Now().Add(longHold/2))
	})
}
