package blackbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// buy places orders, some of them in unkind ways, and changes some, until stop is
// closed or the server is gone.
func (w *world) buy(buyer int, random *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		a := w.draw(buyer%customers, random)
		bodies := w.manner(a, random)
		if err := w.history.begin(a); err != nil {
			w.judge(err)
			return
		}
		switch w.place(a, bodies...) {
		case acknowledged:
			w.goOn(a, random)
		case sent:
			if w.Server.probe() == 0 {
				return
			}
		}
		w.changeEarlier(random)
	}
}

// linesMax is the most products of an order.
const linesMax = 4

// draw makes up an order: of one product, or of several that others want in another
// order.
func (w *world) draw(customer int, random *rand.Rand) *attempt {
	count := 1
	if random.IntN(5) < 3 {
		count = 2 + random.IntN(linesMax-1)
	}
	var chosen []*product
	for len(chosen) < count {
		from := w.onSale
		if random.IntN(2) == 0 {
			from = w.lasting
		}
		if p := from[random.IntN(len(from))]; !slices.Contains(chosen, p) {
			chosen = append(chosen, p)
		}
	}
	if slices.ContainsFunc(chosen, (*product).calm) {
		chosen = slices.DeleteFunc(chosen, (*product).brief)
	}
	lines := make([]line, 0, len(chosen))
	for _, p := range chosen {
		lines = append(lines, line{p, 1 + random.Int64N(3)})
	}
	a := newAttempt(fmt.Sprintf("key-%08d-%08x", w.serial.Add(1), random.Uint32()), customer, lines...)
	a.partial, a.backwards, a.split = random.IntN(4) == 0, random.IntN(2) == 0, random.IntN(8) == 0
	return a
}

// manner chooses how an order is sent: once, or several times at once, or together
// with another body.
func (w *world) manner(a *attempt, random *rand.Rand) []int64 {
	switch random.IntN(16) {
	case 0, 1:
		w.tried(atOnce)
		return []int64{0, 0, 0}
	case 2:
		a.rival = 1
		w.tried(atOnce)
		w.tried(otherBodies)
		return []int64{0, a.rival, 0, a.rival}
	}
	return []int64{0}
}

// goOn does something with an order that was acknowledged.
func (w *world) goOn(a *attempt, random *rand.Rand) {
	switch random.IntN(16) {
	case 0:
		w.place(a, a.stands())
	case 1:
		w.placeOther(a)
	case 2:
		w.lookUp(a)
	case 3, 4, 5, 6, 7:
		for range 1 + random.IntN(5) {
			w.develop(a, random)
		}
	}
}

// changeEarlier changes an order of an earlier cycle now and then. Each is given to
// one buyer, or to none.
func (w *world) changeEarlier(random *rand.Rand) {
	if random.IntN(4) != 0 {
		return
	}
	select {
	case a := <-w.earlier:
		for range 1 + random.IntN(3) {
			w.develop(a, random)
		}
	default:
	}
}

// develop does something with an order that may follow the state it was shown in.
func (w *world) develop(a *attempt, random *rand.Rand) {
	_, s := a.shown()
	service := random.IntN(2) == 0
	switch s.status {
	case statusReserved:
		w.developReserved(a, service, random)
	case statusConfirmed:
		switch random.IntN(8) {
		case 0:
			w.change(a, cancel, 0, service)
		case 1:
			w.change(a, release, random.IntN(len(a.lines)), service)
		case 2: // one of the two comes first, and which is open
			w.both(func() { w.change(a, cancel, 0, service) }, func() { w.moveSome(a, ship, random.Uint64()) })
		default:
			w.moveSome(a, ship, random.Uint64())
		}
	case statusPartiallyShipped:
		w.moveMany(a, ship, random)
	case statusShipped, statusPartiallyReturned:
		w.moveMany(a, giveBack, random)
	case statusCancelled, statusExpired:
		w.change(a, []change{pay, pay, confirm}[random.IntN(3)], 0, false)
	}
}

func (w *world) developReserved(a *attempt, service bool, random *rand.Rand) {
	switch random.IntN(12) {
	case 0, 1:
		w.change(a, pay, 0, true)
	case 2, 3, 4:
		w.change(a, confirm, 0, false)
	case 5:
		w.change(a, cancel, 0, service)
	case 6, 7:
		w.change(a, release, random.IntN(len(a.lines)), service)
	case 8:
		w.both(func() { w.change(a, extend, 0, false) }, func() { w.change(a, extend, 0, true) })
	case 9:
		w.change(a, extend, 0, service)
	default: // one of the two comes first, and which is open
		w.both(func() { w.change(a, confirm, 0, service) }, func() { w.change(a, cancel, 0, service) })
	}
}

func (w *world) both(one, other func()) {
	var group sync.WaitGroup
	group.Go(one)
	group.Go(other)
	group.Wait()
}

// moveMany ships units or takes them back: once, or with two keys at once.
func (w *world) moveMany(a *attempt, c change, random *rand.Rand) {
	seeds := [2]uint64{random.Uint64(), random.Uint64()}
	if random.IntN(6) == 0 {
		w.both(func() { w.moveSome(a, c, seeds[0]) }, func() { w.moveSome(a, c, seeds[1]) })
		return
	}
	w.moveSome(a, c, seeds[0])
}

// moveSome ships units of an order or takes them back: all that are left, or those of
// some lines.
func (w *world) moveSome(a *attempt, c change, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	m := &movement{key: w.moveKey(), change: c, attempt: a, restock: c == giveBack && random.IntN(2) == 0}
	_, s := a.shown()
	if random.IntN(2) == 0 {
		for i, u := range s.lines {
			if most := left(c, u); most > 0 && random.IntN(3) > 0 {
				m.named = append(m.named, moved{i, 1 + random.Int64N(most)})
			}
		}
	}
	w.moveOnce(m, random)
}

// moveOnce sends a movement, sometimes several times at once or in turn.
func (w *world) moveOnce(m *movement, random *rand.Rand) outcome {
	w.count(func(v *Verdict) { v.Moves++ })
	copies := 1
	if random.IntN(6) == 0 {
		copies = 3
		w.tried(movesAtOnce)
	}
	result := w.move(m, copies)
	if result == acknowledged && random.IntN(6) == 0 {
		w.move(m, 1)
		w.tried(movesInTurn)
	}
	return result
}

func (w *world) moveKey() string { return fmt.Sprintf("key-of-a-move-%08d", w.serial.Add(1)) }

// adjustStocks books units in and out until stop is closed or the server is gone.
func (w *world) adjustStocks(random *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		m := &movement{key: w.moveKey(), change: adjust, product: w.onSale[random.IntN(len(w.onSale))], delta: 1 + random.Int64N(3)}
		if random.IntN(2) == 0 {
			m.delta = -m.delta
		}
		if w.moveOnce(m, random) == sent && w.Server.probe() == 0 {
			return
		}
	}
}

// payAtTheEnd pays for orders at the moment when their holds end, until stop is
// closed: they are paid for in time, or the money is to be paid back.
func (w *world) payAtTheEnd(ending []*attempt, random *rand.Rand, stop <-chan struct{}) {
	for _, a := range ending {
		select {
		case <-stop:
			return
		case <-time.After(time.Until(a.expires.Add(time.Duration(random.Int64N(int64(endAimMax)))))):
			w.change(a, pay, 0, true)
			w.tried(paidAtTheEnd)
		}
	}
}

// endAimMax is how long after the end of a hold a payment for it is sent.
const endAimMax = 2 * time.Millisecond
