package blackbox

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// check looks at a server that was started again, before anybody else does: what
// was shown (C5), the attempts of the cycle (C1, C4), some orders of earlier cycles
// (C1), keys that are sent again (C2), what is left to buy (C6), and the sums (C3).
func (w *world) check(earlier []*attempt) {
	w.inPeace = true
	defer func() { w.inPeace = false }()
	w.checkShown()
	attempts, acknowledgements := w.history.take()
	w.verdict.Acknowledged += acknowledgements
	w.checkAttempts(attempts)
	w.checkOrders(earlier, w.lookUp)
	w.checkRepeats(attempts)
	for _, p := range w.onSale {
		w.buyTheRest(p)
	}
	for _, p := range w.products {
		w.checkSums(p)
	}
	w.verdict.Expired = 0
	for _, a := range w.orders {
		if a.status == statusExpired {
			w.verdict.Expired++
		}
	}
}

// checkShown requires that no stock is older than what anyone was shown of it.
func (w *world) checkShown() {
	for _, p := range w.products {
		_, err := w.readStock(p, p.shown.Load())
		w.judge(err)
	}
}

// checkAttempts asks for every attempt of the cycle by its key. What exists now is
// what it is: nothing is under way.
func (w *world) checkAttempts(attempts []*attempt) {
	told := make([]bool, len(attempts))
	found := make([]finding, len(attempts))
	w.parallel(len(attempts), func(i int) {
		told[i] = attempts[i].order != ""
		found[i] = w.lookUp(attempts[i])
		attempts[i].settle()
	})
	inFlight := false
	for i, a := range attempts {
		exists := found[i] == present
		switch {
		case a.outcome == refused && exists:
			w.violation("key %s was refused and stands for order %s", a.key, a.order)
		case a.outcome == refused:
			w.verdict.Refused++
		case a.outcome == sent:
			w.verdict.Unknown++
			if exists {
				w.verdict.UnknownDurable++
			}
			inFlight = inFlight || exists && !told[i]
		}
		if exists {
			w.keep(a)
		}
	}
	if inFlight {
		w.verdict.InFlight++
	}
}

// keep remembers an order that exists.
func (w *world) keep(a *attempt) {
	w.orders = append(w.orders, a)
	a.product.orders = append(a.product.orders, a)
}

// checkOrders looks at orders that exist.
func (w *world) checkOrders(orders []*attempt, ask func(*attempt) finding) {
	w.parallel(len(orders), func(i int) {
		ask(orders[i])
		orders[i].settle()
	})
	w.verdict.Earlier += len(orders)
}

// repeatsMax bounds the attempts of a cycle that are sent again after the start.
const repeatsMax = 200

// checkRepeats sends attempts again, and some with another body: what existed is
// answered with the same order and moves no stock.
func (w *world) checkRepeats(attempts []*attempt) {
	attempts = attempts[max(0, len(attempts)-repeatsMax):]
	made := make([]bool, len(attempts))
	w.parallel(len(attempts), func(i int) {
		a := attempts[i]
		existed := a.order != ""
		if w.place(a, a.body(), a.body()) == acknowledged {
			made[i] = !existed
			w.placeOther(a)
		}
	})
	w.verdict.Repeats += len(attempts)
	for i, a := range attempts {
		if made[i] {
			w.keep(a)
		}
	}
	w.history.take() // they are no acknowledgements of the load
}

// buyTheRest cancels an order of a scarce product, orders all that is left, and then
// one unit more: units that come free are not forgotten, and none is sold that is
// not there.
func (w *world) buyTheRest(p *product) {
	if p.lasting || p.brief() {
		return
	}
	for _, a := range p.orders {
		if a.status == statusReserved || a.status == statusConfirmed {
			w.change(a, cancel)
			a.settle()
			break
		}
	}
	s, err := w.readStock(p, p.shown.Load())
	if err != nil {
		w.judge(err)
		return
	}
	if s.Available > 0 && w.buyOne(p, s.Available) != acknowledged {
		w.violation("%d units of %s are available and cannot be bought", s.Available, p.name)
	}
	if w.buyOne(p, 1) != refused {
		w.violation("OVERSOLD: a unit of %s was sold after the last one", p.name)
	}
	w.history.take() // they are no acknowledgements of the load
}

// buyOne places one order.
func (w *world) buyOne(p *product, quantity int64) outcome {
	a := &attempt{key: fmt.Sprintf("key-of-the-rest-%08d", w.serial.Add(1)), product: p, quantity: quantity}
	w.judge(w.history.begin(a))
	result := w.place(a, quantity)
	if result == acknowledged {
		w.keep(a)
	}
	return result
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

// lookAtHolds looks up the orders whose holds may have ended, if those of the
// product do.
func (w *world) lookAtHolds(p *product) {
	if !p.brief() {
		return
	}
	var held []*attempt
	for _, a := range p.orders {
		if a.status == statusReserved {
			held = append(held, a)
		}
	}
	w.parallel(len(held), func(i int) { w.lookUp(held[i]) })
}

// endMax is how long after its end a hold may go on in a server that is left in
// peace.
const endMax = 5 * time.Second

// checkEnds requires that every hold ends: a restart must not forget a deadline.
func (w *world) checkEnds() {
	for _, p := range w.products {
		if !p.brief() {
			continue
		}
		w.awaitEnds(p)
		w.checkSums(p)
		for _, a := range p.orders {
			if a.status == statusReserved {
				w.violation("FOREVER: the hold of order %s of %s ended at %s and goes on", a.order, p.name, a.expires)
			}
		}
	}
}

// awaitEnds returns when nothing is held of the product, or when nothing should be.
func (w *world) awaitEnds(p *product) {
	deadline := time.Now()
	for _, a := range p.orders {
		if over := a.expires.Add(endMax); over.After(deadline) {
			deadline = over
		}
	}
	for time.Now().Before(deadline) {
		if s, err := w.readStock(p, p.shown.Load()); err != nil || s.Reserved == 0 {
			return
		}
		pause(w.random, 20*time.Millisecond)
	}
}

// checkLog requires that the server had nothing to complain about.
func (w *world) checkLog() {
	if trouble := w.Server.log.trouble(); trouble != "" {
		w.violation("the server is in trouble: %s", trouble)
	}
}

// checkJournal has the program verify the journal of a server that is gone.
func (w *world) checkJournal(closed bool) error {
	text, err := w.Server.run("journal", "verify", "--json")
	if err != nil {
		w.violation("the journal cannot be verified: %v", err)
		return nil
	}
	var report struct {
		Closed bool `json:"closed_in_order"`
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return fmt.Errorf("read the report on the journal: %w: %s", err, text)
	}
	if report.Closed != closed {
		w.violation("the journal of a server should be closed in order: %t: %s", closed, text)
	}
	w.verdict.Verified++
	return nil
}

// parallel calls do for 0..n-1 from a few goroutines.
func (w *world) parallel(n int, do func(int)) {
	const workers = 16
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < n; i += workers {
				do(i)
			}
		})
	}
	group.Wait()
}
