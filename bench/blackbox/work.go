package blackbox

import (
	"fmt"
	"math/rand/v2"
)

// work places orders, repeats some, confirms and cancels some, until the server
// is gone.
func (w *world) work(worker int, random *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		a := &attempt{key: fmt.Sprintf("key-%08d-%016x", w.serial.Add(1), random.Uint64()),
			customer: worker % customers, product: random.IntN(len(openings)), quantity: 1 + random.Int64N(3)}
		if w.history.begin(a) != nil {
			return
		}
		reply := w.place(a)
		w.note(a, reply)
		if reply.status == 0 {
			continue
		}
		switch random.IntN(10) {
		case 0:
			w.repeat(a)
		case 1, 2:
			w.change(a, "confirm")
		case 3:
			w.change(a, "cancel")
		}
	}
}

func (w *world) place(a *attempt) answer {
	return w.client.do(call{method: "POST", path: "/api/orders", token: w.tokens[a.customer], key: a.key,
		body: fmt.Sprintf(`{"items":[{"product_id":%q,"quantity":%d}]}`, w.products[a.product], a.quantity)})
}

// note writes the answer to the history.
func (w *world) note(a *attempt, reply answer) {
	switch {
	case reply.status == 201:
		placed, err := decode[order](reply)
		if err != nil || placed.ID == "" {
			w.noteViolation("an acknowledgement that cannot be read: %s", reply.body)
			return
		}
		w.history.end(a, acknowledged, placed.ID)
	case reply.status >= 400 && reply.status < 500:
		w.history.end(a, refused, fmt.Sprintf("%d %s", reply.status, reply.body))
		if reply.status != 409 {
			w.noteViolation("an order was refused with %d %s", reply.status, reply.body)
		}
	}
}

// repeat sends an acknowledged order again: the answer must be the same order.
func (w *world) repeat(a *attempt) {
	if a.outcome != acknowledged {
		return
	}
	reply := w.place(a)
	if reply.status == 0 || reply.status >= 500 {
		return
	}
	again, err := decode[order](reply)
	if err != nil || reply.status != 201 || again.ID != a.order || !reply.replayed {
		w.noteViolation("key %s: order %s, repeated: %d %s", a.key, a.order, reply.status, reply.body)
	}
}

// change confirms or cancels an acknowledged order.
func (w *world) change(a *attempt, how string) {
	if a.outcome != acknowledged {
		return
	}
	a.touched = true
	reply := w.client.do(call{method: "POST", path: "/api/orders/" + a.order + "/" + how, token: w.tokens[a.customer], body: "{}"})
	switch {
	case reply.status == 200 && how == "confirm":
		a.confirmed = true
	case reply.status == 200:
		a.cancelled = true
	case reply.status != 0 && reply.status < 500:
		w.noteViolation("%s of order %s: %d %s", how, a.order, reply.status, reply.body)
	}
}

func (w *world) noteViolation(format string, arguments ...any) {
	w.history.mutex.Lock()
	defer w.history.mutex.Unlock()
	w.violation(format, arguments...)
}
