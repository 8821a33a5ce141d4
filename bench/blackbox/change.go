package blackbox

import (
	"fmt"
	"time"
)

// change is a kind of request that changes an order.
type change int

const (
	// confirm is the owner's; pay is that of the payment system, which has the money.
	confirm change = iota
	pay
	cancel
	// release cancels a single line.
	release
	extend
	// ship and giveBack have keys: see movement.
	ship
	giveBack

	changes
)

var changeWords = [changes]string{"confirm", "confirm", "cancel", "cancel", "extend", "fulfill", "return"}

// String returns the last part of the path.
func (c change) String() string { return changeWords[c] }

// The codes with which a change is refused.
const (
	codeHoldExpired = "hold_expired"
	codeTransition  = "invalid_transition"
)

// clockTolerance is how far the clocks of client and server may be apart: they are
// the same machine's, read at different starts.
const clockTolerance = 50 * time.Millisecond

// ask counts requests that are about to be sent.
func (a *attempt) ask(c change, by int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.asks[c] += by
}

// request is a change without a key.
type request struct {
	change change
	// line is the one to release.
	line int
	// before is what had been shown when it was sent.
	before state
}

// change sends a change of an order that exists. service says that the service
// account asks, not the owner; its confirmation is a payment.
func (w *world) change(a *attempt, c change, line int, service bool) {
	if service && c == confirm {
		c = pay
	}
	order, before := a.shown()
	r := request{change: c, line: line, before: before}
	body := "{}"
	if c == release {
		body = fmt.Sprintf(`{"items":[{"product_id":%q}]}`, a.lines[line].product.id)
	}
	token := w.tokens[a.customer]
	if service || c == pay {
		token = w.service
	}
	a.ask(c, 1)
	w.judge(w.history.note("%s of order %s %s", c, order, body))
	reply := w.client.do(call{method: "POST", path: "/api/orders/" + order + "/" + c.String(), token: token, body: body})
	w.expectAnswer(reply)
	w.judge(a.judgeChange(r, reply, time.Now()))
	w.count(func(v *Verdict) { v.Changes++ })
	if reply.code() == codeHoldExpired {
		w.tried(tooLate)
	}
}

// judgeChange says what is wrong with the answer to a change, which came at now.
// What was refused has no effect, so it explains nothing that is shown later (C4).
func (a *attempt) judgeChange(r request, reply answer, now time.Time) error {
	switch {
	case reply.unknown():
		return nil
	case reply.status == 200:
		kept, err := decode[order](reply, 200)
		if err != nil {
			return err
		}
		if err := a.observe(r.before, &kept); err != nil {
			return err
		}
		if !r.isDone(&kept) {
			return fmt.Errorf("%s of order %s was answered with %s", r.change, a.order, reply)
		}
		return nil
	}
	allowed := reply.status == 409 && a.mayRefuse(r, reply.code(), now)
	a.ask(r.change, -1)
	if !allowed {
		return fmt.Errorf("%s of order %s, which was %+v, was answered with %s", r.change, a.order, r.before, reply)
	}
	return nil
}

// isDone reports whether the order is as it was asked to be.
func (r *request) isDone(kept *order) bool {
	switch r.change {
	case confirm:
		return isPaid(kept.Status)
	case pay:
		return isPaid(kept.Status) || isOver(kept.Status) && kept.RefundDue != nil
	case cancel:
		return kept.Status == statusCancelled
	case release:
		return kept.Status == statusCancelled || kept.Items[r.line].Quantity == 0
	case extend:
		return kept.Status == statusReserved && kept.Extended
	}
	return false
}

// mayRefuse reports whether the state of the order can be a reason for the code.
func (a *attempt) mayRefuse(r request, code string, now time.Time) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	before := r.before.status
	over := before == statusExpired || before == statusReserved && !now.Add(clockTolerance).Before(a.expires)
	cancels := a.asks[cancel]+a.asks[release] > 0
	switch {
	case r.change == confirm && code == codeHoldExpired, r.change == extend && code == codeHoldExpired:
		return over
	case r.change == confirm && code == codeTransition:
		return before == statusCancelled || cancels
	case r.change == extend && code == codeTransition:
		return before == statusCancelled || isPaid(before) || cancels || a.asks[confirm]+a.asks[pay] > 0
	case (r.change == cancel || r.change == release) && code == codeTransition:
		return over || isPaid(before) && before != statusConfirmed || a.asks[ship] > 0
	}
	return false // a payment is never refused
}
