package blackbox

import (
	"fmt"
	"math/rand/v2"
	"sync"
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
		a := &attempt{key: fmt.Sprintf("key-%08d-%016x", w.serial.Add(1), random.Uint64()),
			customer: buyer % customers, product: w.onSale[random.IntN(len(w.onSale))], quantity: 1 + random.Int64N(3)}
		quantities := w.manner(a, random)
		if err := w.history.begin(a); err != nil {
			w.judge(err)
			return
		}
		switch w.place(a, quantities...) {
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

// manner chooses how an order is sent: once, or several times at once, or together
// with another body.
func (w *world) manner(a *attempt, random *rand.Rand) []int64 {
	switch random.IntN(16) {
	case 0, 1:
		w.count(func(v *Verdict) { v.Duplicates++ })
		return []int64{a.quantity, a.quantity, a.quantity}
	case 2:
		a.rival = a.quantity + 1
		w.count(func(v *Verdict) { v.Duplicates++; v.OtherBodies++ })
		return []int64{a.quantity, a.rival, a.quantity, a.rival}
	}
	return []int64{a.quantity}
}

// goOn does something with an order that was acknowledged.
func (w *world) goOn(a *attempt, random *rand.Rand) {
	switch random.IntN(16) {
	case 0:
		w.place(a, a.body())
	case 1:
		w.placeOther(a)
	case 2, 3, 4:
		w.change(a, confirm)
	case 5:
		w.change(a, cancel)
	case 6:
		w.change(a, confirm)
		w.change(a, cancel)
	case 7: // one of the two comes first, and which is open
		var group sync.WaitGroup
		group.Go(func() { w.change(a, confirm) })
		group.Go(func() { w.change(a, cancel) })
		group.Wait()
	case 8:
		w.lookUp(a)
	}
}

// changeEarlier changes an order of an earlier cycle now and then. Each is given to
// one buyer, or to none.
func (w *world) changeEarlier(random *rand.Rand) {
	if random.IntN(8) != 0 {
		return
	}
	select {
	case a := <-w.earlier:
		w.change(a, []change{confirm, cancel}[random.IntN(2)])
	default:
	}
}
