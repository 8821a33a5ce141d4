package blackbox

import (
	"fmt"
	"sync"
)

// adjust books units of a product in or out; it is no change of an order.
const adjust = changes

const codeVersionConflict = "version_conflict"

// moved are units of a line.
type moved struct {
	line  int
	units int64
}

// movement is one key of a shipment, a return or an adjustment, and what became of
// it.
type movement struct {
	key    string
	change change
	// attempt is the order of a shipment or return.
	attempt *attempt
	// named are the units that are moved; none is all that there are.
	named   []moved
	restock bool
	// product and delta are those of an adjustment.
	product *product
	delta   int64

	mutex   sync.Mutex
	outcome outcome
	// made counts the answers that say that they made the movement.
	made int
}

func (m *movement) String() string {
	if m.change == adjust {
		return fmt.Sprintf("adjustment %s of %s by %d", m.key, m.product.name, m.delta)
	}
	return fmt.Sprintf("%s %s of order %s, lines %v, restock %t", m.change, m.key, m.attempt.order, m.named, m.restock)
}

// call returns the request.
func (w *world) callOf(m *movement) call {
	if m.change == adjust {
		return call{method: "POST", path: "/api/products/" + m.product.id + "/stock", token: w.admin, key: m.key,
			body: fmt.Sprintf(`{"delta":%d,"reason":"counted"}`, m.delta)}
	}
	items := ""
	for i, n := range m.named {
		if i > 0 {
			items += ","
		}
		items += fmt.Sprintf(`{"product_id":%q,"quantity":%d}`, m.attempt.lines[n.line].product.id, n.units)
	}
	body := "{"
	if items != "" {
		body += `"items":[` + items + "]"
	}
	if m.change == giveBack {
		if items != "" {
			body += ","
		}
		body += fmt.Sprintf(`"restock":%t`, m.restock)
	}
	order, _ := m.attempt.shown()
	return call{method: "POST", path: "/api/orders/" + order + "/" + m.change.String(), token: w.service, key: m.key, body: body + "}"}
}

// moveOther sends the key of a movement that was made with another body: it must be
// refused.
func (w *world) moveOther(m *movement) {
	other := &movement{key: m.key, change: m.change, attempt: m.attempt, product: m.product, delta: m.delta + 1}
	if m.change != adjust {
		other.named = []moved{{0, 1 + m.unitsOf(0)}}
	}
	if other.delta == 0 {
		other.delta++
	}
	reply := w.client.do(w.callOf(other))
	w.expectAnswer(reply)
	if reply.status != 422 || reply.code() != codeKeyReused {
		w.violation("TWICE: %s was acknowledged, and another body was answered with %s", m, reply)
	}
	w.tried(movesOther)
}

// sending is one sending of a movement's key.
type sending struct {
	// before is what had been shown of the order, version of the product's stock.
	before  state
	version int64
	// known is what was known of the key.
	known outcome
	// copies is how many requests with the key were sent at once; first means that
	// none was sent before.
	copies int
	first  bool
}

// move sends a movement, so many times at once, and notes what came of it.
func (w *world) move(m *movement, copies int) outcome {
	s := sending{copies: copies, known: m.result(), first: m.result() == ""}
	if m.change == adjust {
		s.version = m.product.shown.Load()
	} else {
		_, s.before = m.attempt.shown()
		m.attempt.ask(m.change, copies)
	}
	if s.first {
		if err := w.history.beginMove(m); err != nil {
			w.judge(err)
			return sent
		}
	}
	replies := make([]answer, copies)
	var group sync.WaitGroup
	for i := range copies {
		group.Go(func() { replies[i] = w.client.do(w.callOf(m)) })
	}
	group.Wait()
	results := make(map[outcome]int)
	contests := 0
	for _, reply := range replies {
		w.expectAnswer(reply)
		result, contested, err := m.judgeMove(s, reply)
		w.judge(err)
		results[result]++
		if contested {
			contests++
		}
	}
	if contests == copies {
		w.violation("%s is in progress, and by nobody: %s", m, replies)
	}
	if m.change != adjust {
		m.attempt.ask(m.change, -results[refused])
	}
	result := combine(results)
	m.end(result)
	w.judge(w.history.note("%s %s %s", result, m.key, short(replies)))
	return result
}

func (m *movement) result() outcome {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.outcome
}

// end notes what the answers say. An acknowledgement stands, and a repeat without an
// answer takes nothing back.
func (m *movement) end(result outcome) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.outcome != acknowledged {
		m.outcome = result
	}
}

// judgeMove says what the answer makes of the movement, and what is wrong with it.
func (m *movement) judgeMove(s sending, reply answer) (result outcome, contested bool, err error) {
	code := reply.code()
	switch {
	case reply.status == 200:
		return acknowledged, false, m.judgeDone(s, reply)
	case reply.unknown():
		return sent, false, nil
	case reply.status == 409 && code == codeInProgress && s.copies > 1:
		return refused, true, nil
	case reply.status == 409 && s.known != acknowledged && m.mayRefuse(s, code):
		return refused, false, nil
	}
	return refused, false, fmt.Errorf("%s (%q before, the order was %+v) was answered with %s", m, s.known, s.before, reply)
}

// judgeDone requires that a key moves units once, and that every other answer says
// that it is a repeat.
func (m *movement) judgeDone(s sending, reply answer) error {
	if err := m.observe(s, reply); err != nil {
		return err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if reply.replayed {
		if s.first && s.copies == 1 {
			return fmt.Errorf("%s was sent once and answered as a repeat", m)
		}
		return nil
	}
	m.made++
	if m.made > 1 || s.known == acknowledged {
		return fmt.Errorf("TWICE: %s was acknowledged and is answered as new: %s", m, reply)
	}
	return nil
}

// observe looks at what the answer shows.
func (m *movement) observe(s sending, reply answer) error {
	if m.change == adjust {
		shown, err := decode[stock](reply, 200)
		if err != nil {
			return err
		}
		m.product.show(shown.Version)
		return m.product.judgeStock(shown, s.version)
	}
	kept, err := decode[order](reply, 200)
	if err != nil {
		return err
	}
	if err := m.attempt.observe(s.before, &kept); err != nil {
		return err
	}
	after := kept.state()
	for i, u := range after.lines {
		units, total := int64(u.shipped), int64(u.quantity)
		if m.change == giveBack {
			units, total = int64(u.returned), int64(u.shipped)
		}
		if len(m.named) == 0 && units != total || units < m.unitsOf(i) {
			return fmt.Errorf("%s was answered with %s", m, reply)
		}
	}
	return nil
}

// unitsOf returns the units that are named of a line.
func (m *movement) unitsOf(line int) (total int64) {
	for _, n := range m.named {
		if n.line == line {
			total += n.units
		}
	}
	return total
}

// mayRefuse reports whether the order or the stock can be a reason for the code.
func (m *movement) mayRefuse(s sending, code string) bool {
	if m.change == adjust {
		return code == codeVersionConflict && m.delta < 0 && !m.product.lasting
	}
	a := m.attempt
	a.mutex.Lock()
	defer a.mutex.Unlock()
	asks := 0
	for _, count := range a.asks {
		asks += count
	}
	return code == codeTransition && (asks > s.copies || !m.fits(&s.before))
}

// fits reports whether an order in the state has what is moved.
func (m *movement) fits(s *state) bool {
	if m.change == ship && s.status != statusConfirmed && s.status != statusPartiallyShipped ||
		m.change == giveBack && s.status != statusShipped && s.status != statusPartiallyReturned {
		return false
	}
	for _, n := range m.named {
		if n.units > left(m.change, s.lines[n.line]) {
			return false
		}
	}
	return true
}

// left is how many units of a line can be shipped, or come back.
func left(c change, u units) int64 {
	if c == giveBack {
		return int64(u.shipped - u.returned)
	}
	return int64(u.quantity - u.shipped)
}
