package blackbox

import (
	"fmt"
	"strings"
	"sync"
)

// The codes with which an order is refused.
const (
	codeInProgress = "request_in_progress"
	codeKeyReused  = "idempotency_key_reused"
)

// isStockCode reports the codes that say that units are missing.
func isStockCode(code string) bool {
	return code == "insufficient_stock" || code == "sold_out" || code == "all_held"
}

// send sends the key with a body of so many units.
func (w *world) send(a *attempt, quantity int64) answer {
	return w.client.do(call{method: "POST", path: "/api/orders", token: w.tokens[a.customer], key: a.key,
		body: fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":%d}]}`, a.product.id, quantity)})
}

// placement is one sending of a key.
type placement struct {
	quantity int64
	// order and status are what had been shown when it was sent.
	order, status string
	// alone: no other request with the key was under way.
	alone bool
}

// judgePlacement says what the answer makes of the order, and what is wrong with it.
// contested means that the key is taken: by a request under way or another body.
func (a *attempt) judgePlacement(p placement, reply answer) (result outcome, contested bool, err error) {
	code := reply.code()
	switch {
	case reply.status == 201:
		return acknowledged, false, a.judgeAcknowledgement(p, reply)
	case reply.unknown():
		return sent, false, nil
	case reply.status == 409 && code == codeInProgress && !p.alone:
		return refused, true, nil
	case reply.status == 422 && code == codeKeyReused && a.mayBeOther(p):
		return refused, true, nil
	case reply.status == 409 && isStockCode(code) && !a.product.lasting && p.order == "":
		return refused, false, nil
	}
	return refused, false, fmt.Errorf("key %s with %d units of %s (order %q before) was answered with %s",
		a.key, p.quantity, a.product.name, p.order, reply)
}

// mayBeOther reports whether the key may have stood for another body. While two
// bodies are under way it may have stood for each of them in turn: one that is
// refused for stock gives the key up.
func (a *attempt) mayBeOther(p placement) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if p.order != "" {
		return p.quantity != a.units
	}
	return !p.alone && a.rival != 0
}

func (a *attempt) judgeAcknowledgement(p placement, reply answer) error {
	placed, err := decode[order](reply, 201)
	if err != nil {
		return fmt.Errorf("an acknowledgement cannot be read: %w", err)
	}
	if err := a.observe(p.status, &placed); err != nil {
		return err
	}
	if placed.Items[0].Quantity != p.quantity {
		return fmt.Errorf("key %s was sent with %d units and answered with %s", a.key, p.quantity, reply)
	}
	if reply.replayed {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.made++
	if a.made > 1 || p.order != "" || placed.Status != statusReserved {
		return fmt.Errorf("SECOND: key %s (order %q before) was answered as new: %s", a.key, p.order, reply)
	}
	return nil
}

// place sends a key, from as many callers at once as there are quantities, and
// notes what came of it.
func (w *world) place(a *attempt, quantities ...int64) outcome {
	order, status := a.shown()
	replies := make([]answer, len(quantities))
	var group sync.WaitGroup
	for i, quantity := range quantities {
		group.Go(func() { replies[i] = w.send(a, quantity) })
	}
	group.Wait()
	results := make(map[outcome]int)
	contests := 0
	for i, reply := range replies {
		w.expectAnswer(reply)
		result, contested, err := a.judgePlacement(placement{quantity: quantities[i], order: order, status: status,
			alone: len(quantities) == 1}, reply)
		w.judge(err)
		results[result]++
		if contested {
			contests++
		}
	}
	if contests == len(replies) && order == "" {
		w.violation("key %s is taken, and by nobody: %s", a.key, replies)
	}
	result := refused
	switch {
	case results[acknowledged] > 0:
		result = acknowledged
	case results[sent] > 0:
		result = sent
	}
	w.history.end(a, result, strings.ReplaceAll(fmt.Sprint(replies), "\n", " "))
	return result
}

// placeOther sends the key of an order with another body: it must be refused.
func (w *world) placeOther(a *attempt) {
	reply := w.send(a, a.otherBody())
	w.expectAnswer(reply)
	if reply.unknown() {
		return
	}
	w.count(func(v *Verdict) { v.OtherBodies++ })
	if reply.status != 422 || reply.code() != codeKeyReused {
		w.violation("SECOND: key %s stands for order %s of %d units, and another body was answered with %s",
			a.key, a.order, a.units, reply)
	}
}
