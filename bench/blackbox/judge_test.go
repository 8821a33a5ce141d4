package blackbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// begun is when the orders of these tests were placed, with a hold of one second.
var begun = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func someProduct() *product {
	return &product{id: "p", name: "product", opening: 100, hold: time.Second}
}

// someAttempt is a key of two units that nothing is known of.
func someAttempt() *attempt {
	return &attempt{key: "key", product: someProduct(), quantity: 2, outcome: sent}
}

// shownAs is an attempt of which the order "one" was shown in a state.
func shownAs(status string) *attempt {
	a := someAttempt()
	a.order, a.status, a.units, a.expires = "one", status, a.quantity, begun.Add(time.Second)
	return a
}

// orderAnswer shows an order, so long after it was placed; updated at the same time.
func orderAnswer(status int, id, state string, quantity int64, after time.Duration) answer {
	moment := func(d time.Duration) string { return begun.Add(d).Format(time.RFC3339Nano) }
	return answer{status: status, body: fmt.Appendf(nil, `{"id":%q,"status":%q,"placed_at":%q,"expires_at":%q,"updated_at":%q,"server_time":%q,`+
		`"items":[{"product_id":"p","quantity":%d,"stock_version":2}]}`,
		id, state, moment(0), moment(time.Second), moment(after), moment(after), quantity)}
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
			a.confirms, a.cancels = row.confirms, row.cancels
			_, err := a.judgeLookUp("one", row.from, orderAnswer(200, "one", row.to, 2, row.after))
			requireJudgement(t, row.violation, err)
		})
	}
}

// An answer may be older than one that came before it, but the two must be states
// of one life.
func TestAnswersMayOvertakeEachOther(t *testing.T) {
	a := shownAs(statusConfirmed)
	a.confirms = 1
	_, err := a.judgeLookUp("one", statusReserved, orderAnswer(200, "one", statusReserved, 2, 0))
	require.NoError(t, err)
	require.Equal(t, statusConfirmed, a.status, "the later state counts")
	_, err = a.judgeLookUp("one", statusReserved, orderAnswer(200, "one", statusExpired, 2, time.Second))
	require.ErrorContains(t, err, "was shown as confirmed and as expired")
}

func TestAnOrderThatWasShownMustBeThere(t *testing.T) {
	found, err := someAttempt().judgeLookUp("", "", problem(404, "not_found"))
	require.NoError(t, err)
	require.Equal(t, absent, found)
	_, err = shownAs(statusReserved).judgeLookUp("one", statusReserved, problem(404, "not_found"))
	require.ErrorContains(t, err, "LOST")
	_, err = shownAs(statusReserved).judgeLookUp("one", statusReserved, orderAnswer(200, "one", statusReserved, 3, 0))
	require.ErrorContains(t, err, "is for 3 units")
	_, err = shownAs(statusReserved).judgeLookUp("one", statusReserved, problem(500, "internal_error"))
	require.Error(t, err)
}

// One key, one order: whatever is sent with it, at once or one after the other.
func TestAKeyStandsForOneOrder(t *testing.T) {
	known := placement{quantity: 2, order: "one", status: statusReserved, alone: true}
	alone, crowded := placement{quantity: 2, alone: true}, placement{quantity: 2}
	other := placement{quantity: 3, order: "one", status: statusReserved, alone: true}
	for _, row := range []struct {
		name      string
		attempt   *attempt
		sent      placement
		reply     answer
		outcome   outcome
		violation string
	}{
		{"a new order", someAttempt(), alone, orderAnswer(201, "one", statusReserved, 2, 0), acknowledged, ""},
		{"a repeat", shownAs(statusReserved), known, replay(orderAnswer(201, "one", statusReserved, 2, 0)), acknowledged, ""},
		{"a repeat of an order that has expired", shownAs(statusReserved), known, replay(orderAnswer(201, "one", statusExpired, 2, time.Second)), acknowledged, ""},
		{"a repeat that makes an order", shownAs(statusReserved), known, orderAnswer(201, "one", statusReserved, 2, 0), acknowledged, "SECOND"},
		{"a repeat with another order", shownAs(statusReserved), known, replay(orderAnswer(201, "two", statusReserved, 2, 0)), acknowledged, "SECOND"},
		{"a repeat that is refused", shownAs(statusReserved), known, problem(409, "sold_out"), refused, "was answered with 409"},
		{"another body", shownAs(statusReserved), other, problem(422, codeKeyReused), refused, ""},
		{"another body that is answered", shownAs(statusReserved), other, replay(orderAnswer(201, "one", statusReserved, 2, 0)), acknowledged, "sent with 3 units"},
		{"another body that changes the order", shownAs(statusReserved), other, replay(orderAnswer(201, "one", statusReserved, 3, 0)), acknowledged, "is for 3 units"},
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
	_, _, err := a.judgePlacement(placement{quantity: 2}, orderAnswer(201, "one", statusReserved, 2, 0))
	require.NoError(t, err)
	_, _, err = a.judgePlacement(placement{quantity: 2}, orderAnswer(201, "one", statusReserved, 2, 0))
	require.ErrorContains(t, err, "SECOND")
}

func TestPlentyIsNeverSoldOut(t *testing.T) {
	a := someAttempt()
	a.product.lasting = true
	_, _, err := a.judgePlacement(placement{quantity: 2, alone: true}, problem(409, "sold_out"))
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
		{"confirmed", statusReserved, confirm, 0, orderAnswer(200, "one", statusConfirmed, 2, 0), 0, ""},
		{"cancelled", statusReserved, cancel, 0, orderAnswer(200, "one", statusCancelled, 2, 0), 0, ""},
		{"not done", statusReserved, cancel, 0, orderAnswer(200, "one", statusReserved, 2, 0), 0, "was answered with 200"},
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
			a.cancels = row.cancels
			a.ask(row.change, 1)
			requireJudgement(t, row.violation, a.judgeChange(row.change, row.from, row.reply, begun.Add(row.after)))
		})
	}
}

// A change that was refused explains nothing that is shown later.
func TestARefusedChangeHasNoEffect(t *testing.T) {
	a := shownAs(statusReserved)
	a.ask(confirm, 1)
	require.NoError(t, a.judgeChange(confirm, statusReserved, problem(409, "hold_expired"), begun.Add(time.Minute)))
	_, err := a.judgeLookUp("one", statusReserved, orderAnswer(200, "one", statusConfirmed, 2, 0))
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
		{"another opening", stock{OnHand: 99, Available: 99, Version: 7}, 7, "opened with 100"},
		{"does not add up", stock{OnHand: 100, Reserved: 1, Available: 100, Version: 7}, 7, "does not add up"},
		{"back", stock{OnHand: 100, Available: 100, Version: 6}, 7, "BACK"},
	} {
		t.Run(row.name, func(t *testing.T) {
			requireJudgement(t, row.violation, someProduct().judgeStock(row.shown, row.before))
		})
	}
}

// Held and paid units are counted apart: a confirmation that was lost must show.
func TestSumsMustMatchTheOrders(t *testing.T) {
	p := someProduct()
	p.orders = []*attempt{shownAs(statusReserved), shownAs(statusReserved), shownAs(statusConfirmed), shownAs(statusCancelled), shownAs(statusExpired)}
	require.NoError(t, p.judgeSums(stock{Reserved: 4, Committed: 2}))
	require.ErrorContains(t, p.judgeSums(stock{Reserved: 2, Committed: 4}), "SUMS")
	require.ErrorContains(t, p.judgeSums(stock{Reserved: 6, Committed: 2}), "SUMS")
}
