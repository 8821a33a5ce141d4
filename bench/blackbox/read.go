package blackbox

import (
	"fmt"
	"math/rand/v2"
)

// readStocks looks at the stock of what is on sale until stop is closed or the
// server is gone. It must never be impossible, and never go back for one reader.
func (w *world) readStocks(random *rand.Rand, stop <-chan struct{}) {
	seen := make(map[*product]int64)
	for _, p := range w.onSale {
		seen[p] = p.shown.Load()
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		p := w.onSale[random.IntN(len(w.onSale))]
		reply := w.client.do(call{method: "GET", path: "/api/products/" + p.id + "/stock"})
		if reply.status == 0 {
			return
		}
		if reply.unknown() {
			continue
		}
		s, err := decode[stock](reply, 200)
		if err == nil {
			err = p.judgeStock(s, seen[p])
		}
		w.judge(err)
		seen[p] = s.Version
		p.show(s.Version)
		w.tried(stockReads)
	}
}

// readOrders looks up the orders that are being placed until stop is closed or the
// server is gone: what it is shown must be there after the kill, though nobody else
// was told of it.
func (w *world) readOrders(random *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		a := w.history.recent(random)
		if a == nil {
			continue
		}
		if w.lookUp(a) == noAnswer {
			return
		}
		w.tried(orderReads)
	}
}

// finding is what came of a question for an order.
type finding int

const (
	noAnswer finding = iota
	// unknown: the server says that it cannot say, or not yet: a request with the key
	// is under way.
	unknown
	absent
	present
)

// lookUp asks for an order by its key.
func (w *world) lookUp(a *attempt) finding {
	return w.ask(a, "/api/orders/by-key/"+a.key)
}

// lookUpByID asks by its ID for an order that exists.
func (w *world) lookUpByID(a *attempt) finding {
	id, _ := a.shown()
	return w.ask(a, "/api/orders/"+id)
}

func (w *world) ask(a *attempt, path string) finding {
	id, before := a.shown()
	reply := w.client.do(call{method: "GET", path: path, token: w.tokens[a.customer]})
	found, err := a.judgeLookUp(id, before, reply)
	w.judge(err)
	if w.inPeace && found < absent {
		w.violation("a server that was left in peace could not say what became of key %s: %s", a.key, reply)
	}
	return found
}

// judgeLookUp says what is wrong with the answer. An order that was shown before
// the question must be there.
func (a *attempt) judgeLookUp(id string, before state, reply answer) (finding, error) {
	switch {
	case reply.status == 0:
		return noAnswer, nil
	case reply.unknown(), reply.status == 409 && reply.code() == codeInProgress:
		return unknown, nil
	case reply.status == 404 && id != "":
		return absent, fmt.Errorf("LOST: order %s of key %s was shown as %+v and is gone", id, a.key, before)
	case reply.status == 404:
		return absent, nil
	}
	kept, err := decode[order](reply, 200)
	if err != nil {
		return present, err
	}
	return present, a.observe(before, &kept)
}
