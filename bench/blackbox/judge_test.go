package blackbox

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// begun is when the orders of these tests were placed, with a hold of one second.
var begun = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func someProduct() *product {
	return &product{id: "p", name: "product", opening: 100, price: 10, hold: time.Second}
}

// someAttempt is a key of two units that nothing is known of.
func someAttempt() *attempt {
	a := newAttempt("key", 0, line{someProduct(), 2})
	a.outcome = sent
	return a
}

// two is a state of an order of two units.
func two(status string) state { return state{status: status, lines: []units{{quantity: 2}}} }

// shownAs is an attempt of which the order "one" was shown in a state.
func shownAs(status string) *attempt {
	a := someAttempt()
	a.order, a.state, a.expires = "one", two(status), begun.Add(time.Second)
	return a
}

// someOrder is the order "one" of two units, so long after it was placed; updated at
// the same time.
func someOrder(status string, after time.Duration) *order {
	return &order{ID: "one", Status: status, PlacedAt: begun, ExpiresAt: begun.Add(time.Second), UpdatedAt: begun.Add(after),
		ServerTime: begun.Add(after), Items: []item{{ProductID: "p", Quantity: 2, Price: money{10}, StockVersion: 2}}, Total: money{20}}
}

func answerOf(t *testing.T, status int, value any) answer {
	t.Helper()
	body, err := json.Marshal(value)
	require.NoError(t, err)
	return answer{status: status, body: body}
}

// orderAnswer shows an order of so many units.
func orderAnswer(t *testing.T, status int, id, state string, quantity int64, after time.Duration) answer {
	t.Helper()
	o := someOrder(state, after)
	o.ID, o.Items[0].Quantity, o.Total.Amount = id, quantity, 10*quantity
	return answerOf(t, status, o)
}

func replay(a answer) answer {
	a.replayed = true
	return a
}

func problem(status int, code string) answer {
	return answer{status: status, body: fmt.Appendf(nil, `{"code":%q}`, code)}
}

func requireJudgement(t *testing.T, expected string, err error) {
	t.Helper()
	if expected == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorContains(t, err, expected)
}

// Every state of an order needs a reason, and none is ever taken back.
func TestAStateNeedsAReason(t *testing.T) {
	for _, row := range []struct {
		name              string
		from              string
		confirms, cancels int
		to                string
		after             time.Duration
		violation         string
	}{
		{"stays", statusReserved, 0, 0, statusReserved, 0, ""},
		{"confirmed as asked", statusReserved, 1, 0, statusConfirmed, 0, ""},
		{"confirmed by nobody", statusReserved, 0, 1, statusConfirmed, 0, "nobody asked for"},
		{"confirmed too late", statusReserved, 1, 0, statusConfirmed, 2 * time.Second, "after its hold had ended"},
		{"cancelled as asked", statusConfirmed, 0, 1, statusCancelled, 0, ""},
		{"cancelled by nobody", statusReserved, 1, 0, statusCancelled, 0, "nobody asked for"},
		{"expired", statusReserved, 0, 0, statusExpired, time.Second, ""},
		{"expired too early", statusReserved, 0, 0, statusExpired, 999 * time.Millisecond, "before its hold ends"},
		{"a confirmation is lost", statusConfirmed, 1, 0, statusReserved, 0, "LOST"},
		{"a cancellation is lost", statusCancelled, 1, 1, statusConfirmed, 0, "LOST"},
		{"paid and expired", statusConfirmed, 0, 0, statusExpired, 2 * time.Second, "LOST"},
		{"back from expiry", statusExpired, 1, 1, statusConfirmed, 0, "LOST"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := shownAs(row.from)
			a.asks[confirm], a.asks[cancel] = row.confirms, row.cancels
			_, err := a.judgeLookUp("one", two(row.from), orderAnswer(t, 200, "one", row.to, 2, row.after))
			requireJudgement(t, row.violation, err)
		})
	}
}

// An answer may be older than one that came before it, but the two must be states
// of one life.
func TestAnswersMayOvertakeEachOther(t *testing.T) {
	a := shownAs(statusConfirmed)
	a.asks[confirm] = 1
	_, err := a.judgeLookUp("one", two(statusReserved), orderAnswer(t, 200, "one", statusReserved, 2, 0))
	require.NoError(t, err)
	require.Equal(t, statusConfirmed, a.state.status, "the later state counts")
	_, err = a.judgeLookUp("one", two(statusReserved), orderAnswer(t, 200, "one", statusExpired, 2, time.Second))
	require.ErrorContains(t, err, "was shown as {status:confirmed")
}

func TestAnOrderThatWasShownMustBeThere(t *testing.T) {
	found, err := someAttempt().judgeLookUp("", state{}, problem(404, "not_found"))
	require.NoError(t, err)
	require.Equal(t, absent, found)
	_, err = shownAs(statusReserved).judgeLookUp("one", two(statusReserved), problem(404, "not_found"))
	require.ErrorContains(t, err, "LOST")
	_, err = shownAs(statusReserved).judgeLookUp("one", two(statusReserved), orderAnswer(t, 200, "one", statusReserved, 3, 0))
	require.ErrorContains(t, err, "is for 3 units")
	_, err = shownAs(statusReserved).judgeLookUp("one", two(statusReserved), problem(500, "internal_error"))
	require.Error(t, err)
}

// One key, one order: whatever is sent with it, at once or one after the other.
func TestAKeyStandsForOneOrder(t *testing.T) {
	known := placement{order: "one", before: two(statusReserved), alone: true}
	alone, crowded := placement{alone: true}, placement{}
	other := placement{more: 1, order: "one", before: two(statusReserved), alone: true}
	for _, row := range []struct {
		name      string
		attempt   *attempt
		sent      placement
		reply     answer
		outcome   outcome
		violation string
	}{
		{"a new order", someAttempt(), alone, orderAnswer(t, 201, "one", statusReserved, 2, 0), acknowledged, ""},
		{"a repeat", shownAs(statusReserved), known, replay(orderAnswer(t, 201, "one", statusReserved, 2, 0)), acknowledged, ""},
		{"a repeat of an order that has expired", shownAs(statusReserved), known, replay(orderAnswer(t, 201, "one", statusExpired, 2, time.Second)), acknowledged, ""},
		{"a repeat that makes an order", shownAs(statusReserved), known, orderAnswer(t, 201, "one", statusReserved, 2, 0), acknowledged, "SECOND"},
		{"a repeat with another order", shownAs(statusReserved), known, replay(orderAnswer(t, 201, "two", statusReserved, 2, 0)), acknowledged, "SECOND"},
		{"a repeat that is refused", shownAs(statusReserved), known, problem(409, "sold_out"), refused, "was answered with 409"},
		{"another body", shownAs(statusReserved), other, problem(422, codeKeyReused), refused, ""},
		{"another body that is answered", shownAs(statusReserved), other, replay(orderAnswer(t, 201, "one", statusReserved, 2, 0)), acknowledged, "with 1 units more"},
		{"another body that changes the order", shownAs(statusReserved), other, replay(orderAnswer(t, 201, "one", statusReserved, 3, 0)), acknowledged, "is for 3 units"},
		{"the same body taken for another", shownAs(statusReserved), known, problem(422, codeKeyReused), refused, "was answered with 422"},
		{"in progress", someAttempt(), crowded, problem(409, codeInProgress), refused, ""},
		{"in progress, of nobody", someAttempt(), alone, problem(409, codeInProgress), refused, "was answered with 409"},
		{"sold out", someAttempt(), alone, problem(409, "sold_out"), refused, ""},
		{"not answered", someAttempt(), alone, answer{}, sent, ""},
		{"overloaded", someAttempt(), alone, problem(503, "overloaded"), sent, ""},
		{"broken", someAttempt(), alone, problem(500, "internal_error"), refused, "was answered with 500"},
	} {
		t.Run(row.name, func(t *testing.T) {
			result, _, err := row.attempt.judgePlacement(row.sent, row.reply)
			requireJudgement(t, row.violation, err)
			require.Equal(t, row.outcome, result)
		})
	}
}

func TestOnlyOneAnswerMayBeNew(t *testing.T) {
	a := someAttempt()
	_, _, err := a.judgePlacement(placement{}, orderAnswer(t, 201, "one", statusReserved, 2, 0))
	require.NoError(t, err)
	_, _, err = a.judgePlacement(placement{}, orderAnswer(t, 201, "one", statusReserved, 2, 0))
	require.ErrorContains(t, err, "SECOND")
}

func TestPlentyIsNeverSoldOut(t *testing.T) {
	a := someAttempt()
	a.lines[0].product.lasting = true
	_, _, err := a.judgePlacement(placement{alone: true}, problem(409, "sold_out"))
	require.ErrorContains(t, err, "was answered with 409")
}

// A change does what it was asked for, or is refused for a reason and does nothing.
func TestAChangeIsMadeOrRefusedForAReason(t *testing.T) {
	for _, row := range []struct {
		name      string
		from      string
		change    change
		cancels   int
		reply     answer
		after     time.Duration
		violation string
	}{
		{"confirmed", statusReserved, confirm, 0, orderAnswer(t, 200, "one", statusConfirmed, 2, 0), 0, ""},
		{"cancelled", statusReserved, cancel, 0, orderAnswer(t, 200, "one", statusCancelled, 2, 0), 0, ""},
		{"not done", statusReserved, cancel, 0, orderAnswer(t, 200, "one", statusReserved, 2, 0), 0, "was answered with 200"},
		{"too late to confirm", statusReserved, confirm, 0, problem(409, "hold_expired"), time.Second, ""},
		{"not too late to confirm", statusReserved, confirm, 0, problem(409, "hold_expired"), 500 * time.Millisecond, "was answered with 409"},
		{"confirmed before", statusConfirmed, confirm, 0, problem(409, "hold_expired"), 2 * time.Second, "was answered with 409"},
		{"cancelled meanwhile", statusReserved, confirm, 1, problem(409, "invalid_transition"), 0, ""},
		{"cancelled by nobody", statusReserved, confirm, 0, problem(409, "invalid_transition"), 0, "was answered with 409"},
		{"expired meanwhile", statusReserved, cancel, 0, problem(409, "invalid_transition"), time.Second, ""},
		{"expired too early", statusReserved, cancel, 0, problem(409, "invalid_transition"), 0, "was answered with 409"},
		{"gone", statusReserved, confirm, 0, problem(404, "not_found"), 0, "was answered with 404"},
		{"not answered", statusReserved, confirm, 0, answer{}, 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := shownAs(row.from)
			a.asks[cancel] = row.cancels
			a.ask(row.change, 1)
			r := request{change: row.change, before: two(row.from)}
			requireJudgement(t, row.violation, a.judgeChange(r, row.reply, begun.Add(row.after)))
		})
	}
}

// A change that was refused explains nothing that is shown later.
func TestARefusedChangeHasNoEffect(t *testing.T) {
	a := shownAs(statusReserved)
	a.ask(confirm, 1)
	require.NoError(t, a.judgeChange(request{change: confirm, before: two(statusReserved)}, problem(409, "hold_expired"), begun.Add(time.Minute)))
	_, err := a.judgeLookUp("one", two(statusReserved), orderAnswer(t, 200, "one", statusConfirmed, 2, 0))
	require.ErrorContains(t, err, "nobody asked for")
}

func TestAStockMustBePossible(t *testing.T) {
	for _, row := range []struct {
		name      string
		shown     stock
		before    int64
		violation string
	}{
		{"fine", stock{OnHand: 100, Reserved: 60, Committed: 40, Version: 7}, 7, ""},
		{"a unit too many", stock{OnHand: 100, Reserved: 60, Committed: 41, Available: -1, Version: 7}, 7, "OVERSOLD"},
		{"a unit too many, hidden", stock{OnHand: 100, Reserved: 60, Committed: 41, Version: 7}, 7, "OVERSOLD"},
		{"negative", stock{OnHand: 100, Reserved: -1, Available: 101, Version: 7}, 7, "OVERSOLD"},
		{"does not add up", stock{OnHand: 100, Reserved: 1, Available: 100, Version: 7}, 7, "does not add up"},
		{"back", stock{OnHand: 100, Available: 100, Version: 6}, 7, "BACK"},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireJudgement(t, row.violation, someProduct().judgeStock(row.shown, row.before))
		})
	}
}
