package blackbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// someBasket is an order of two units of p and three of q, of which "one" was shown
// as reserved.
func someBasket() *attempt {
	q := &product{id: "q", name: "other", opening: 100, price: 5, hold: 2 * time.Second}
	a := newAttempt("key", 0, line{q, 3}, line{someProduct(), 2})
	a.order, a.expires = "one", begun.Add(time.Second)
	a.state = state{status: statusReserved, lines: []units{{quantity: 2}, {quantity: 3}}}
	return a
}

// basketOrder shows the order of someBasket.
func basketOrder() *order {
	o := someOrder(statusReserved, 0)
	o.Items = append(o.Items, item{ProductID: "q", Quantity: 3, Price: money{5}, StockVersion: 2})
	o.Total = money{35}
	return o
}

// Whatever an order counts must fit to what was asked for, to itself, and to what was
// shown before, and somebody must have asked for it.
func TestAnOrderIsJudgedWhole(t *testing.T) {
	everything := [changes]int{1, 1, 1, 1, 1, 1, 1}
	status := func(word string) func(*order) { return func(o *order) { o.Status = word } }
	for _, row := range []struct {
		name      string
		change    func(*order)
		asks      [changes]int
		violation string
	}{
		{"as it was", func(*order) {}, [changes]int{}, ""},
		{"another order", func(o *order) { o.ID = "two" }, everything, "SECOND"},
		{"a line is missing", func(o *order) { o.Items, o.Total.Amount = o.Items[:1], 20 }, everything, "HALF"},
		{"a line of another product", func(o *order) { o.Items[1].ProductID = "r" }, everything, "HALF"},
		{"a unit is missing", func(o *order) { o.Items[1].Quantity, o.Total.Amount = 2, 30 }, everything, "is for 2 units"},
		{"dropped of all or nothing", func(o *order) {
			o.Items[1].Quantity, o.Items[1].Dropped, o.Items[1].DroppedFor, o.Total.Amount = 2, 1, "sold_out", 30
		}, everything, "HALF"},
		{"another price", func(o *order) { o.Items[1].Price.Amount, o.Total.Amount = 6, 38 }, everything, "another price"},
		{"another total", func(o *order) { o.Total.Amount = 34 }, everything, "total of 34"},
		{"a longer hold", func(o *order) { o.ExpiresAt = begun.Add(2 * time.Second) }, everything, "with a hold of"},
		{"extended", func(o *order) { o.Extended, o.ExpiresAt = true, begun.Add(2*time.Second) }, [changes]int{extend: 1}, ""},
		{"extended by nobody", func(o *order) { o.Extended, o.ExpiresAt = true, begun.Add(2*time.Second) }, [changes]int{confirm: 1}, "nobody asked for"},
		{"extended without more time", func(o *order) { o.Extended = true }, everything, "with a hold of"},
		{"extended twice", func(o *order) { o.Extended, o.ExpiresAt = true, begun.Add(3*time.Second) }, everything, "with a hold of"},
		{"a line released", func(o *order) { o.Items[1].Quantity, o.Items[1].Released, o.Total.Amount = 0, 3, 20 }, [changes]int{release: 1}, ""},
		{"a line released by nobody", func(o *order) { o.Items[1].Quantity, o.Items[1].Released, o.Total.Amount = 0, 3, 20 }, [changes]int{cancel: 1}, "nobody asked for"},
		{"released in part", func(o *order) { o.Items[1].Quantity, o.Items[1].Released, o.Total.Amount = 1, 2, 25 }, everything, "released in part"},
		{"paid by the service", status(statusConfirmed), [changes]int{pay: 1}, ""},
		{"shipped", func(o *order) { o.Status, o.Items[0].Shipped = statusPartiallyShipped, 1 }, [changes]int{confirm: 1, ship: 1}, ""},
		{"shipped by nobody", func(o *order) { o.Status, o.Items[0].Shipped = statusPartiallyShipped, 1 }, [changes]int{confirm: 1}, "nobody asked for"},
		{"shipped, but unpaid", func(o *order) { o.Status, o.Items[0].Shipped = statusPartiallyShipped, 1 }, [changes]int{ship: 1}, "nobody asked for"},
		{"shipped, and nothing is", status(statusShipped), everything, "0 shipped"},
		{"shipped, and not in part", func(o *order) { o.Status, o.Items[0].Shipped, o.Items[1].Shipped = statusPartiallyShipped, 2, 3 }, everything, "5 shipped"},
		{"confirmed with shipped units", func(o *order) { o.Status, o.Items[0].Shipped = statusConfirmed, 1 }, everything, "1 shipped"},
		{"shipped more than there is", func(o *order) { o.Status, o.Items[0].Shipped = statusPartiallyShipped, 3 }, everything, "impossible line"},
		{"returned more than was shipped", func(o *order) { o.Status, o.Items[0].Shipped, o.Items[0].Returned = statusPartiallyShipped, 1, 2 }, everything, "impossible line"},
		{"returned", func(o *order) {
			o.Status, o.Items[0].Shipped, o.Items[1].Shipped, o.Items[1].Returned = statusPartiallyReturned, 2, 3, 1
		}, everything, ""},
		{"returned by nobody", func(o *order) {
			o.Status, o.Items[0].Shipped, o.Items[1].Shipped, o.Items[1].Returned = statusPartiallyReturned, 2, 3, 1
		}, [changes]int{confirm: 1, ship: 1}, "nobody asked for"},
		{"all returned, and not all is", func(o *order) {
			o.Status, o.Items[0].Shipped, o.Items[1].Shipped, o.Items[1].Returned = statusReturned, 2, 3, 1
		}, everything, "1 returned"},
		{"paid too late", func(o *order) { o.Status, o.RefundDue = statusCancelled, &money{35} }, [changes]int{cancel: 1, pay: 1}, ""},
		{"paid back to nobody", func(o *order) { o.Status, o.RefundDue = statusCancelled, &money{35} }, [changes]int{cancel: 1, confirm: 1}, "nobody asked for"},
		{"paid back in part", func(o *order) { o.Status, o.RefundDue = statusCancelled, &money{30} }, everything, "30 are to be paid back"},
		{"paid back and kept", func(o *order) { o.Status, o.RefundDue = statusConfirmed, &money{35} }, everything, "35 are to be paid back"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, shown := someBasket(), basketOrder()
			a.asks = row.asks
			row.change(shown)
			requireJudgement(t, row.violation, a.observe(a.state, shown))
		})
	}
}

// What was dropped is said with a reason, and never changes.
func TestDroppedUnitsAreAccountedFor(t *testing.T) {
	for _, row := range []struct {
		name      string
		dropped   int64
		reason    string
		violation string
	}{
		{"fewer", 1, "insufficient_stock", ""},
		{"none", 2, "sold_out", ""},
		{"for no reason", 1, "", "were dropped for"},
		{"for a limit that there is not", 1, codeLimit, "were dropped for"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := someBasket()
			a.partial, a.order, a.state = true, "", state{}
			shown := basketOrder()
			shown.Items[0].Quantity, shown.Items[0].Dropped, shown.Items[0].DroppedFor = 2-row.dropped, row.dropped, row.reason
			shown.Total.Amount -= 10 * row.dropped
			if shown.Items[0].Quantity == 0 {
				shown.ExpiresAt = begun.Add(2 * time.Second) // of the other product
			}
			err := a.observe(state{}, shown)
			requireJudgement(t, row.violation, err)
			if err == nil {
				require.ErrorContains(t, a.observe(a.state, basketOrder()), "LOST", "they cannot come back")
			}
		})
	}
	a := someBasket()
	a.partial, a.lines[0].product.lasting = true, true
	shown := basketOrder()
	shown.Items[0].Quantity, shown.Items[0].Dropped, shown.Items[0].DroppedFor, shown.Total.Amount = 1, 1, "sold_out", 25
	require.ErrorContains(t, a.observe(state{}, shown), "HALF", "there was plenty")
}

// Nothing that was counted is taken back.
func TestNoCountGoesBack(t *testing.T) {
	shipped := state{status: statusShipped, lines: []units{{quantity: 2, shipped: 2}}}
	require.True(t, shipped.leadsTo(&state{status: statusPartiallyReturned, lines: []units{{quantity: 2, shipped: 2, returned: 1}}}))
	for _, later := range []state{
		{status: statusPartiallyShipped, lines: []units{{quantity: 2, shipped: 2}}},
		{status: statusShipped, lines: []units{{quantity: 2, shipped: 1}}},
		{status: statusCancelled, lines: []units{{quantity: 2, shipped: 2}}},
		{status: statusShipped, lines: []units{{quantity: 1, shipped: 2, dropped: 1}}},
	} {
		require.False(t, shipped.leadsTo(&later), "%+v", later)
	}
	refund := state{status: statusCancelled, extended: true, refund: 10, lines: []units{{quantity: 2, released: 1}}}
	for _, change := range []func(*state){
		func(s *state) { s.refund = 20 }, func(s *state) { s.refund = 0 }, func(s *state) { s.extended = false },
		func(s *state) { s.lines = []units{{quantity: 2}} }, func(s *state) { s.status = statusExpired },
	} {
		later := refund
		change(&later)
		require.False(t, refund.leadsTo(&later), "%+v", later)
	}
}

// An order with plenty in it is never refused for want of units, when fewer are
// welcome; another one only for a product that can be wanting.
func TestARefusalNeedsAScarceProduct(t *testing.T) {
	a := someBasket()
	require.True(t, a.mayLack("sold_out"))
	require.False(t, a.mayLack(codeLimit), "there is no limit")
	require.False(t, a.mayLack("paused"))
	a.lines[0].product.limit = 1
	require.True(t, a.mayLack(codeLimit))
	a.lines[1].product.lasting = true
	require.True(t, a.mayLack("sold_out"))
	a.partial = true
	require.False(t, a.mayLack("sold_out"))
}

// The changes of whole orders are answered with what was asked for.
func TestAChangeOfAnOrderIsDone(t *testing.T) {
	paidLate := basketOrder()
	paidLate.Status, paidLate.RefundDue = statusExpired, &money{35}
	expired := basketOrder()
	expired.Status = statusExpired
	for _, o := range []*order{paidLate, expired} {
		o.ServerTime = o.ExpiresAt
	}
	released, extended := basketOrder(), basketOrder()
	released.Items[1].Quantity, released.Items[1].Released, released.Total.Amount = 0, 3, 20
	extended.Extended, extended.ExpiresAt = true, begun.Add(2*time.Second)
	for _, row := range []struct {
		name      string
		change    change
		reply     answer
		violation string
	}{
		{"released", release, answerOf(t, 200, released), ""},
		{"not released", release, answerOf(t, 200, basketOrder()), "was answered with 200"},
		{"extended", extend, answerOf(t, 200, extended), ""},
		{"not extended", extend, answerOf(t, 200, basketOrder()), "was answered with 200"},
		{"paid too late", pay, answerOf(t, 200, paidLate), ""},
		{"paid too late and kept", pay, answerOf(t, 200, expired), "was answered with 200"},
		{"not paid", pay, answerOf(t, 200, basketOrder()), "was answered with 200"},
		{"a payment refused", pay, problem(409, codeHoldExpired), "was answered with 409"},
		{"extended too early", extend, problem(409, codeHoldExpired), "was answered with 409"},
		{"extended when nobody has changed it", extend, problem(409, codeTransition), "was answered with 409"},
		{"released when nobody has changed it", release, problem(409, codeTransition), "was answered with 409"},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := someBasket()
			a.ask(row.change, 1)
			r := request{change: row.change, line: 1, before: a.state}
			requireJudgement(t, row.violation, a.judgeChange(r, row.reply, begun))
		})
	}
}
