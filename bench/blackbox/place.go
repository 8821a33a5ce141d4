package blackbox

import (
	"fmt"
	"sync"
)

// The codes with which an order is refused.
const (
	codeInProgress = "request_in_progress"
	codeKeyReused  = "idempotency_key_reused"
	codeLimit      = "quantity_limit_customer"
)

// isStockCode reports the codes that say that units are missing.
func isStockCode(code string) bool {
	return code == "insufficient_stock" || code == "sold_out" || code == "all_held"
}

// send sends the key with a body of so many units more.
func (w *world) send(a *attempt, more int64) answer {
	return w.client.do(call{method: "POST", path: "/api/orders", token: w.tokens[a.customer], key: a.key, body: a.body(more)})
}

// placement is one sending of a key.
type placement struct {
	more int64
	// order and before are what had been shown when it was sent.
	order  string
	before state
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
	case reply.status == 409 && p.order == "" && a.mayLack(code):
		return refused, false, nil
	}
	return refused, false, fmt.Errorf("%s, with %d units more (order %q before), was answered with %s", a, p.more, p.order, reply)
}

// mayLack reports whether the order can be refused with the code for want of units:
// one of its products must be scarce or limited, and all of them when fewer units
// are welcome too.
func (a *attempt) mayLack(code string) bool {
	scarce, limited := 0, 0
	for _, l := range a.lines {
		if !l.product.lasting {
			scarce++
		}
		if l.product.limit != 0 {
			limited++
		}
	}
	if a.partial && scarce < len(a.lines) {
		return false
	}
	return isStockCode(code) && scarce > 0 || code == codeLimit && limited > 0
}

// mayBeOther reports whether the key may have stood for another body. While two
// bodies are under way it may have stood for each of them in turn: one that is
// refused for stock gives the key up.
func (a *attempt) mayBeOther(p placement) bool {
	if p.order != "" {
		return p.more != a.stands()
	}
	return !p.alone && a.rival != 0
}

func (a *attempt) judgeAcknowledgement(p placement, reply answer) error {
	placed, err := decode[order](reply, 201)
	if err != nil {
		return fmt.Errorf("an acknowledgement cannot be read: %w", err)
	}
	if err := a.observe(p.before, &placed); err != nil {
		return err
	}
	if a.stands() != p.more {
		return fmt.Errorf("%s was sent with %d units more and answered with %s", a, p.more, reply)
	}
	if reply.replayed {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.made++
	s := placed.state()
	if a.made > 1 || p.order != "" || s.status != statusReserved || s.extended || s.sum(releasedOf) != 0 {
		return fmt.Errorf("SECOND: key %s (order %q before) was answered as new: %s", a.key, p.order, reply)
	}
	return nil
}

// place sends a key, from as many callers at once as there are bodies, and notes
// what came of it.
func (w *world) place(a *attempt, bodies ...int64) outcome {
	order, before := a.shown()
	replies := make([]answer, len(bodies))
	var group sync.WaitGroup
	for i, more := range bodies {
		group.Go(func() { replies[i] = w.send(a, more) })
	}
	group.Wait()
	results := make(map[outcome]int)
	contests := 0
	for i, reply := range replies {
		w.expectAnswer(reply)
		result, contested, err := a.judgePlacement(placement{more: bodies[i], order: order, before: before, alone: len(bodies) == 1}, reply)
		w.judge(err)
		results[result]++
		if contested {
			contests++
		}
		if reply.code() == codeLimit {
			w.tried(refusedForLimit)
		}
	}
	if contests == len(replies) && order == "" {
		w.violation("%s is taken, and by nobody: %s", a, replies)
	}
	result := combine(results)
	w.history.end(a, result, replies)
	return result
}

// combine returns what several answers say together.
func combine(results map[outcome]int) outcome {
	switch {
	case results[acknowledged] > 0:
		return acknowledged
	case results[sent] > 0:
		return sent
	}
	return refused
}

// placeOther sends the key of an order with another body: it must be refused.
func (w *world) placeOther(a *attempt) {
	reply := w.send(a, a.stands()+10)
	w.expectAnswer(reply)
	if reply.unknown() {
		return
	}
	w.tried(otherBodies)
	if reply.status != 422 || reply.code() != codeKeyReused {
		w.violation("SECOND: %s stands for order %s, and another body was answered with %s", a, a.order, reply)
	}
}
