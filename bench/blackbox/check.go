package blackbox

import (
	"sync"
)

// check asks for every attempt of the cycle by its key (C1, C2, C4), sends some
// again (C2), and compares the stock (C3, C5).
func (w *world) check() {
	attempts, acknowledgements := w.history.take()
	w.verdict.Acknowledged += acknowledgements
	found := make([]bool, len(attempts))
	w.parallel(len(attempts), func(i int) { found[i] = w.checkAttempt(attempts[i]) })
	inFlight := false
	for i, a := range attempts {
		switch {
		case a.outcome == refused:
			w.verdict.Refused++
		case a.outcome == sent:
			w.verdict.Unknown++
			if found[i] {
				w.verdict.UnknownDurable++
				inFlight = true
			}
		}
		if found[i] {
			w.exists = append(w.exists, a)
		}
	}
	if inFlight {
		w.verdict.InFlight++
	}
	w.checkRepeats(attempts)
	w.checkStock()
}

// checkAttempt compares one attempt with what the server says of its key.
func (w *world) checkAttempt(a *attempt) bool {
	reply := w.client.do(call{method: "GET", path: "/api/orders/by-key/" + a.key, token: w.tokens[a.customer]})
	if reply.status == 404 {
		if a.outcome == acknowledged {
			w.noteViolation("LOST: order %s of key %s was acknowledged and is gone", a.order, a.key)
		}
		return false
	}
	kept, err := decode[order](reply)
	if err != nil || reply.status != 200 {
		w.noteViolation("key %s cannot be looked up: %d %s", a.key, reply.status, reply.body)
		return false
	}
	switch {
	case a.outcome == refused:
		w.noteViolation("key %s was refused (%s) and stands for order %s", a.key, a.order, kept.ID)
	case a.outcome == acknowledged && kept.ID != a.order:
		w.noteViolation("SECOND: key %s was acknowledged as order %s and stands for %s", a.key, a.order, kept.ID)
	case len(kept.Items) != 1 || kept.Items[0].ProductID != w.products[a.product] || kept.Items[0].Quantity != a.quantity:
		w.noteViolation("order %s has other lines than were sent: %v", kept.ID, kept.Items)
	}
	w.checkState(a, kept)
	a.order = kept.ID
	return true
}

// checkState compares an order's state with the changes that were acknowledged.
func (w *world) checkState(a *attempt, kept order) {
	switch {
	case a.cancelled && kept.Status != "cancelled",
		a.confirmed && !a.cancelled && kept.Status != "confirmed",
		!a.touched && kept.Status != "reserved":
		w.noteViolation("order %s is %s; confirmed %t and cancelled %t were acknowledged", kept.ID, kept.Status, a.confirmed, a.cancelled)
	}
}

// repeatsMax bounds the attempts of a cycle that are sent again after the start.
const repeatsMax = 200

// checkRepeats sends attempts again: what existed is answered with the same
// order and moves no stock.
func (w *world) checkRepeats(attempts []*attempt) {
	if len(attempts) > repeatsMax {
		attempts = attempts[len(attempts)-repeatsMax:]
	}
	made := make([]bool, len(attempts))
	w.parallel(len(attempts), func(i int) {
		a := attempts[i]
		reply := w.place(a)
		placed, err := decode[order](reply)
		switch {
		case reply.status == 409 && a.outcome != acknowledged:
		case err != nil || reply.status != 201:
			w.noteViolation("key %s, sent again: %d %s", a.key, reply.status, reply.body)
		case a.outcome == acknowledged && (placed.ID != a.order || !reply.replayed):
			w.noteViolation("SECOND: key %s is order %s and was answered with %s", a.key, a.order, placed.ID)
		case !reply.replayed:
			made[i], a.order = true, placed.ID
		}
	})
	w.verdict.Repeats += len(attempts)
	for i, a := range attempts {
		if made[i] {
			w.exists = append(w.exists, a)
		}
	}
}

// checkStock compares the stock of every product with the orders that exist.
func (w *world) checkStock() {
	held := make([]int64, len(w.products))
	for _, a := range w.exists {
		if a.cancelled {
			continue
		}
		if a.touched && !a.confirmed {
			reply := w.client.do(call{method: "GET", path: "/api/orders/" + a.order, token: w.tokens[a.customer]})
			if kept, err := decode[order](reply); err == nil && kept.Status == "cancelled" {
				continue
			}
		}
		held[a.product] += a.quantity
	}
	for i, product := range w.products {
		s, err := decode[stock](w.client.do(call{method: "GET", path: "/api/products/" + product + "/stock"}))
		switch {
		case err != nil:
			w.violation("the stock of product %d cannot be read: %v", i, err)
		case s.OnHand != openings[i] || s.Reserved < 0 || s.Committed < 0 || s.Available < 0 ||
			s.Available != s.OnHand-s.Reserved-s.Committed-s.Safety:
			w.violation("OVERSOLD: product %d opened with %d and has %+v", i, openings[i], s)
		case s.Reserved+s.Committed != held[i]:
			w.violation("product %d promises %d units, its orders have %d", i, s.Reserved+s.Committed, held[i])
		}
	}
}

// parallel calls do for 0..n-1 from a few goroutines.
func (w *world) parallel(n int, do func(int)) {
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := worker; i < n; i += 16 {
				do(i)
			}
		})
	}
	group.Wait()
}
