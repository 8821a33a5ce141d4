package blackbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shippedBasket is someBasket, confirmed, with a unit of p shipped.
func shippedBasket() (*attempt, *order) {
	a, shown := someBasket(), basketOrder()
	a.state.status = statusConfirmed
	shown.Status, shown.Items[0].Shipped = statusPartiallyShipped, 1
	return a, shown
}

// A movement happens once, says so once, and is refused for a reason only.
func TestAMovementHappensOnce(t *testing.T) {
	_, shown := shippedBasket()
	done := answerOf(t, 200, shown)
	reserved := state{status: statusReserved, lines: []units{{quantity: 2}, {quantity: 3}}}
	confirmed := reserved
	confirmed.status = statusConfirmed
	for _, row := range []struct {
		name      string
		sending   sending
		made      int
		units     int64
		reply     answer
		outcome   outcome
		violation string
	}{
		{"new", sending{copies: 1, first: true}, 0, 1, done, acknowledged, ""},
		{"a repeat", sending{copies: 1, known: acknowledged}, 1, 1, replay(done), acknowledged, ""},
		{"a repeat that turns out to be the first", sending{copies: 1, known: sent}, 0, 1, done, acknowledged, ""},
		{"twice", sending{copies: 3, first: true}, 1, 1, done, acknowledged, "TWICE"},
		{"twice, after a kill", sending{copies: 1, known: acknowledged}, 0, 1, done, acknowledged, "TWICE"},
		{"a repeat of nothing", sending{copies: 1, first: true}, 0, 1, replay(done), acknowledged, "answered as a repeat"},
		{"fewer than were named", sending{copies: 1, first: true}, 0, 2, done, acknowledged, "was answered with 200"},
		{"fewer than all", sending{copies: 1, first: true}, 0, 0, done, acknowledged, "was answered with 200"},
		{"in progress", sending{copies: 3, first: true}, 0, 1, problem(409, codeInProgress), refused, ""},
		{"in progress, of nobody", sending{copies: 1, first: true}, 0, 1, problem(409, codeInProgress), refused, "was answered with 409"},
		{"not there to be shipped", sending{copies: 1, first: true}, 0, 3, problem(409, codeTransition), refused, ""},
		{"there to be shipped", sending{copies: 1, first: true}, 0, 2, problem(409, codeTransition), refused, "was answered with 409"},
		{"not paid", sending{copies: 1, first: true, before: reserved}, 0, 2, problem(409, codeTransition), refused, ""},
		{"an acknowledged one refused", sending{copies: 1, known: acknowledged, before: reserved}, 1, 1, problem(409, codeTransition), refused, "was answered with 409"},
		{"another body", sending{copies: 1, known: acknowledged}, 1, 1, problem(422, codeKeyReused), refused, "was answered with 422"},
		{"no answer", sending{copies: 1, first: true}, 0, 1, answer{}, sent, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, _ := shippedBasket()
			a.ask(ship, row.sending.copies)
			m := &movement{key: "key", change: ship, attempt: a, made: row.made}
			if row.units > 0 {
				m.named = []moved{{0, row.units}}
			}
			s := row.sending
			if s.before.status == "" {
				s.before = confirmed
			}
			result, _, err := m.judgeMove(s, row.reply)
			requireJudgement(t, row.violation, err)
			require.Equal(t, row.outcome, result)
		})
	}
}

func TestAnAdjustmentIsRefusedForAReason(t *testing.T) {
	s := sending{copies: 1, first: true}
	m := &movement{key: "key", change: adjust, product: someProduct(), delta: -1}
	_, _, err := m.judgeMove(s, problem(409, codeVersionConflict))
	require.NoError(t, err)
	m.product.lasting = true
	_, _, err = m.judgeMove(s, problem(409, codeVersionConflict))
	require.ErrorContains(t, err, "was answered with 409", "there was plenty")
	m.delta, m.product.lasting = 1, false
	_, _, err = m.judgeMove(s, problem(409, codeVersionConflict))
	require.ErrorContains(t, err, "was answered with 409", "nothing is taken")
	s.version = 8
	_, _, err = m.judgeMove(s, answerOf(t, 200, map[string]int{"on_hand": 100, "available": 100, "version": 7}))
	require.ErrorContains(t, err, "BACK")
}

// What an order counts is what its movements have moved.
func TestAnOrderCountsItsMovements(t *testing.T) {
	part := func(c change, result outcome, units int64) *movement {
		return &movement{change: c, named: []moved{{0, units}}, outcome: result}
	}
	rest := func(c change) *movement { return &movement{change: c, outcome: acknowledged} }
	for _, row := range []struct {
		name      string
		line      units
		moves     []*movement
		violation string
	}{
		{"nothing", units{quantity: 5}, nil, ""},
		{"parts", units{quantity: 5, shipped: 3}, []*movement{part(ship, acknowledged, 1), part(ship, acknowledged, 2), part(ship, refused, 2)}, ""},
		{"one part is lost", units{quantity: 5, shipped: 2}, []*movement{part(ship, acknowledged, 1), part(ship, acknowledged, 2)}, "COUNT"},
		{"one part counts twice", units{quantity: 5, shipped: 4}, []*movement{part(ship, acknowledged, 2)}, "COUNT"},
		{"one counts that was refused", units{quantity: 5, shipped: 2}, []*movement{part(ship, refused, 2)}, "COUNT"},
		{"the rest", units{quantity: 5, shipped: 5}, []*movement{part(ship, acknowledged, 2), rest(ship)}, ""},
		{"the rest is lost", units{quantity: 5, shipped: 2}, []*movement{part(ship, acknowledged, 2), rest(ship)}, "COUNT"},
		{"a return is lost", units{quantity: 5, shipped: 5}, []*movement{rest(ship), part(giveBack, acknowledged, 1)}, "COUNT"},
		{"a return counts twice", units{quantity: 5, shipped: 5, returned: 2}, []*movement{rest(ship), part(giveBack, acknowledged, 1)}, "COUNT"},
		{"a part is in the rest", units{quantity: 5, shipped: 5, returned: 5}, []*movement{rest(ship), part(giveBack, acknowledged, 1), rest(giveBack)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := shownAs(statusConfirmed)
			a.state.lines, a.moves = []units{row.line}, row.moves
			requireJudgement(t, row.violation, a.judgeMoves())
		})
	}
}

// Held, paid and shipped units are counted apart: a confirmation that was lost must
// show, and a unit that came back and was written off.
func TestSumsMustMatchTheOrders(t *testing.T) {
	p := someProduct()
	p.adjusted = -10
	add := func(s state, moves ...*movement) {
		a := newAttempt("key", len(p.orders), line{p, 2})
		a.order, a.state, a.moves = "one", s, moves
		p.orders = append(p.orders, a)
	}
	for _, status := range []string{statusReserved, statusReserved, statusConfirmed, statusCancelled, statusExpired} {
		add(two(status))
	}
	shipped := func(status string, shipped, returned int32) state {
		return state{status: status, lines: []units{{quantity: 2, shipped: shipped, returned: returned}}}
	}
	add(shipped(statusPartiallyShipped, 1, 0))
	add(shipped(statusReturned, 2, 2), &movement{change: giveBack, named: []moved{{0, 1}}, outcome: acknowledged},
		&movement{change: giveBack, restock: true, outcome: acknowledged})
	right := stock{OnHand: 100 - 10 - 3 + 1, Reserved: 4, Committed: 3}
	for range 2 {
		require.NoError(t, p.judgeSums(right))
		require.Len(t, p.orders, 4, "what is over is added up once")
	}
	for _, wrong := range []stock{
		{OnHand: 88, Reserved: 2, Committed: 5}, {OnHand: 88, Reserved: 6, Committed: 3}, {OnHand: 88, Reserved: 4, Committed: 2},
		{OnHand: 89, Reserved: 4, Committed: 3}, {OnHand: 98, Reserved: 4, Committed: 3}, {OnHand: 90, Reserved: 4, Committed: 3},
	} {
		require.ErrorContains(t, p.judgeSums(wrong), "SUMS", "%+v", wrong)
	}
}

// A limit is one of a customer, over all of his orders.
func TestALimitIsOfACustomer(t *testing.T) {
	p := someProduct()
	p.limit = 4
	add := func(customer int, s state) {
		a := newAttempt("key", customer, line{p, 2})
		a.order, a.state = "one", s
		p.orders = append(p.orders, a)
	}
	returned := &movement{change: giveBack, restock: true, outcome: acknowledged}
	add(1, two(statusReserved))
	add(1, state{status: statusReturned, lines: []units{{quantity: 2, shipped: 2, returned: 2}}})
	p.orders[1].moves = []*movement{returned}
	add(1, two(statusCancelled))
	add(1, two(statusExpired))
	add(1, state{status: statusReserved, lines: []units{{released: 2}}})
	add(2, two(statusConfirmed))
	require.NoError(t, p.judgeSums(stock{OnHand: 100, Reserved: 2, Committed: 2}))
	require.Equal(t, map[int]int64{1: 4, 2: 2}, p.bought())
	add(1, state{status: statusReserved, lines: []units{{quantity: 1}}})
	require.ErrorContains(t, p.judgeSums(stock{OnHand: 100, Reserved: 3, Committed: 2}), "LIMIT: customer 1 has 5 units")
}

// A run in which something never happened has shown nothing of it.
func TestWhatNeverHappenedIsMissing(t *testing.T) {
	v := &Verdict{Tried: make(map[traffic]int)}
	for _, what := range usual {
		v.Tried[what] = 1
	}
	require.Empty(t, v.missing(5))
	require.ElementsMatch(t, rare, v.missing(10))
	v.Tried[restockedMoves] = 0
	require.Equal(t, []traffic{restockedMoves}, v.missing(5))
}
