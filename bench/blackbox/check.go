package blackbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// check looks at a server that was started again, before anybody else does: what
// was shown (C5), the movements of the cycle (C10), its orders (C1, C4), some orders
// of earlier cycles (C1), keys that are sent again (C2), what is left to buy (C6,
// C9), and the sums (C3).
func (w *world) check(earlier []*attempt) {
	w.inPeace = true
	begin := time.Now()
	defer func() { w.inPeace, w.checked = false, time.Since(begin) }()
	watched := w.watched()
	w.checkShown(watched)
	attempts, moves, acknowledgements := w.history.take()
	w.verdict.Acknowledged += acknowledgements
	w.checkMoves(moves)
	w.checkAttempts(attempts)
	w.checkOrders(earlier, w.lookUp)
	for _, a := range slices.Concat(attempts, earlier) {
		w.judge(a.judgeMoves())
	}
	w.checkRepeats(attempts)
	for _, p := range w.onSale {
		switch {
		case p.calm():
			w.buyTheRest(p)
		case p.limit != 0:
			w.checkLimit(p)
		}
	}
	for _, p := range watched {
		w.checkSums(p)
	}
}

// checkShown requires that no stock is older than what anyone was shown of it.
func (w *world) checkShown(products []*product) {
	for _, p := range products {
		_, err := w.readStock(p, p.shown.Load())
		w.judge(err)
	}
}

const (
	// movesMax bounds the movements that are remembered, movesOldMax those of them that
	// are repeated in a cycle.
	movesMax    = 2000
	movesOldMax = 20
)

// checkMoves repeats the movements of the cycle that may have been made, and some of
// earlier ones: those that were acknowledged are answered as repeats, and it turns
// out what became of the others. Now each was made once or not at all.
func (w *world) checkMoves(moves []*movement) {
	moves = slices.DeleteFunc(moves, func(m *movement) bool { return m.outcome == refused })
	w.parallel(len(moves), func(i int) {
		if moves[i].outcome == sent {
			w.tried(movesUnknown)
		}
		w.move(moves[i], 1)
		w.tried(movesAgain)
	})
	for range min(movesOldMax, len(w.moves)) {
		m := w.moves[w.random.IntN(len(w.moves))]
		w.move(m, 1)
		w.tried(movesOld)
		w.moveOther(m)
	}
	for _, m := range moves {
		if m.outcome != acknowledged {
			continue
		}
		w.tallyMove(m)
		if m.change == adjust {
			m.product.adjusted += m.delta
		}
		if len(w.moves) < movesMax {
			w.moves = append(w.moves, m)
		} else {
			w.moves[w.random.IntN(movesMax)] = m
		}
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

// keep remembers an order that exists, unless what was shown of it was no order of
// its key: that is a violation already.
func (w *world) keep(a *attempt) {
	if a.order == "" {
		return
	}
	w.orders = append(w.orders, a)
	for _, l := range a.lines {
		l.product.orders = append(l.product.orders, a)
	}
}

// checkOrders looks at orders that exist.
func (w *world) checkOrders(orders []*attempt, ask func(*attempt) finding) {
	w.parallel(len(orders), func(i int) {
		ask(orders[i])
		orders[i].settle()
	})
	w.triedMany(lookedUpAgain, len(orders))
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
		if w.place(a, a.stands(), a.stands()) == acknowledged {
			made[i] = !existed
			w.placeOther(a)
		}
	})
	w.triedMany(repeats, len(attempts))
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
	for _, a := range p.orders {
		if a.state.status == statusReserved || a.state.status == statusConfirmed {
			w.change(a, cancel, 0, false)
			a.settle()
			break
		}
	}
	s, err := w.readStock(p, p.shown.Load())
	if err != nil {
		w.judge(err)
		return
	}
	if s.Available > 0 && w.buyOne(p, 0, s.Available) != acknowledged {
		w.violation("%d units of %s are available and cannot be bought", s.Available, p.name)
	}
	if w.buyOne(p, 0, 1) != refused {
		w.violation("OVERSOLD: a unit of %s was sold after the last one", p.name)
	}
	w.tried(restBought)
	w.history.take() // they are no acknowledgements of the load
}

// oneOf makes up an order of one product.
func (w *world) oneOf(p *product, customer int, quantity int64) *attempt {
	return newAttempt(fmt.Sprintf("key-of-the-rest-%08d", w.serial.Add(1)), customer, line{p, quantity})
}

// buyOne places one order.
func (w *world) buyOne(p *product, customer int, quantity int64) outcome {
	a := w.oneOf(p, customer, quantity)
	w.judge(w.history.begin(a))
	result := w.place(a, 0)
	if result == acknowledged {
		w.keep(a)
	}
	return result
}

// endMax is how long after its end a hold may go on in a server that is left in
// peace.
const endMax = 5 * time.Second

// byIDMax bounds the orders that are looked up by their ID at the end.
const byIDMax = 20_000

// checkAll looks at everything that there ever was.
func (w *world) checkAll() {
	w.inPeace = true
	w.checkEnds()
	w.checkOrders(w.orders, w.lookUp)
	w.random.Shuffle(len(w.orders), func(i, j int) { w.orders[i], w.orders[j] = w.orders[j], w.orders[i] })
	w.checkOrders(w.orders[:min(byIDMax, len(w.orders))], w.lookUpByID)
	for _, a := range w.orders {
		w.judge(a.judgeMoves())
	}
	w.checkEnds()
	for _, p := range w.products {
		w.checkSums(p)
	}
	w.tally()
}

// checkEnds requires that every brief hold ends: a restart must not forget a
// deadline.
func (w *world) checkEnds() {
	for _, p := range w.products {
		if !p.brief() {
			continue
		}
		w.awaitEnds(p)
		w.checkSums(p)
		for _, a := range p.orders {
			if a.heldBriefly() {
				w.violation("FOREVER: the hold of order %s of %s ended at %s and goes on", a.order, p.name, a.expires)
			}
		}
	}
}

// awaitEnds returns when no order of the product is held briefly, or when none should
// be. The stock alone does not tell: an order that has released its units of the product
// is held for others, and one that dropped them may be held for long.
func (w *world) awaitEnds(p *product) {
	deadline := time.Now()
	for _, a := range p.orders {
		if over := a.expires.Add(endMax); a.heldBriefly() && over.After(deadline) {
			deadline = over
		}
	}
	for time.Now().Before(deadline) {
		if w.lookAtHolds(p); !slices.ContainsFunc(p.orders, (*attempt).heldBriefly) {
			return
		}
		pause(w.random, 20*time.Millisecond)
	}
}

// checkLog requires that the server had nothing to complain about.
func (w *world) checkLog() {
	trouble := w.Server.log.trouble()
	if trouble != "" && (w.Server.famine == nil || !w.Server.famine.excuses(trouble)) {
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
