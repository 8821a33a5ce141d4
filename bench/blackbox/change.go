package blackbox

import (
	"fmt"
	"time"
)

// change is a request to confirm or cancel an order.
type change string

const (
	confirm change = "confirm"
	cancel  change = "cancel"
)

// leads is the state of an order that was changed.
func (c change) leads() string {
	if c == confirm {
		return statusConfirmed
	}
	return statusCancelled
}

// codeHoldExpired refuses to confirm an order whose hold has ended.
const codeHoldExpired = "hold_expired"

// clockTolerance is how far the clocks of client and server may be apart: they are
// the same machine's, read at different starts.
const clockTolerance = 50 * time.Millisecond

// ask counts a request that is about to be sent.
func (a *attempt) ask(c change, by int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if c == confirm {
		a.confirms += by
	} else {
		a.cancels += by
	}
}

// change confirms or cancels an order that exists.
func (w *world) change(a *attempt, c change) {
	id, before := a.shown()
	a.ask(c, 1)
	reply := w.client.do(call{method: "POST", path: "/api/orders/" + id + "/" + string(c), token: w.tokens[a.customer], body: "{}"})
	w.expectAnswer(reply)
	w.judge(a.judgeChange(c, before, reply, time.Now()))
	w.count(func(v *Verdict) {
		v.Changes++
		if reply.code() == codeHoldExpired {
			v.TooLateToConfirm++
		}
	})
}

// judgeChange says what is wrong with the answer to a change, which came at now.
// What was refused has no effect, so it explains nothing that is shown later (C4).
func (a *attempt) judgeChange(c change, before string, reply answer, now time.Time) error {
	switch {
	case reply.unknown():
		return nil
	case reply.status == 200:
		kept, err := decode[order](reply, 200)
		if err != nil {
			return err
		}
		if kept.Status != c.leads() {
			return fmt.Errorf("%s of order %s was answered with %s", c, a.order, reply)
		}
		return a.observe(before, &kept)
	}
	allowed := reply.status == 409 && a.mayRefuse(c, before, reply.code(), now)
	a.ask(c, -1)
	if !allowed {
		return fmt.Errorf("%s of order %s, which was %s, was answered with %s", c, a.order, before, reply)
	}
	return nil
}

// mayRefuse reports whether the state of the order can be a reason for the code.
func (a *attempt) mayRefuse(c change, before, code string, now time.Time) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	over := !now.Add(clockTolerance).Before(a.expires)
	switch {
	case before == c.leads():
		return false // it is what was asked for already
	case code == codeHoldExpired:
		return c == confirm && over
	case code == "invalid_transition" && c == confirm:
		return a.cancels > 0 || before == statusCancelled
	case code == "invalid_transition":
		return over && before != statusConfirmed
	}
	return false
}
