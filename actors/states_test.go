package actors

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// move fulfils or takes back lines of an order, with a key.
func (h *house) move(kind inventory.Kind, order inventory.ID, key inventory.Fingerprint, restock bool, wants ...want) (OrderReply, inventory.Refusal) {
	change := inventory.Change{Kind: kind, Key: key, Body: inventory.Fingerprint{byte(len(wants)), byte(kind)}, Restock: restock}
	for _, w := range wants {
		change.Lines = append(change.Lines, inventory.Line{ProductID: w.product, Quantity: w.quantity})
	}
	return h.engine.ChangeOrder(&ChangeOrder{Order: order, Change: change})
}

// An order is shipped and comes back in parts; each part counts on its line and in
// its product; a repeat of a key moves nothing again, whether the order is in memory
// or has left it.
func TestAnOrderIsShippedAndReturnedInParts(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	a, b := h.twoProducts(10, 10)
	placed, refusal := h.engine.PlaceOrder(h.basket(customer, want{a, 3}, want{b, 2}))
	require.Equal(t, inventory.Refusal{}, refusal)
	id := placed.Order.ID
	_, refusal = h.move(inventory.OrderFulfilled, id, h.key(), false)
	require.Equal(t, inventory.CodeInvalidTransition, refusal.Code, "it is not paid for")
	_, refusal = h.change(inventory.OrderConfirmed, id, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)

	steps := []struct {
		kind    inventory.Kind
		restock bool
		wants   []want
		state   inventory.State
		a, b    [3]int64
	}{
		{inventory.OrderFulfilled, false, []want{{a, 1}}, inventory.PartiallyFulfilled, [3]int64{9, 0, 2}, [3]int64{10, 0, 2}},
		{inventory.OrderFulfilled, false, nil, inventory.Fulfilled, [3]int64{7, 0, 0}, [3]int64{8, 0, 0}},
		{inventory.OrderReturned, true, []want{{a, 2}}, inventory.PartiallyReturned, [3]int64{9, 0, 0}, [3]int64{8, 0, 0}},
		{inventory.OrderReturned, false, []want{{a, 1}, {b, 2}}, inventory.Returned, [3]int64{9, 0, 0}, [3]int64{8, 0, 0}},
	}
	for i, step := range steps {
		key := h.key()
		for repeat := range 3 {
			reply, refusal := h.move(step.kind, id, key, step.restock, step.wants...)
			require.Equal(t, inventory.Refusal{}, refusal, "step %d", i)
			require.Equal(t, step.state, reply.Order.State, "step %d", i)
			require.Equal(t, repeat > 0, reply.Replayed, "step %d", i)
			require.Equal(t, step.a, h.stock(a), "step %d", i)
			require.Equal(t, step.b, h.stock(b), "step %d", i)
			if repeat == 1 {
				h.awaitProjection() // the next repeat asks SQL
			}
		}
		_, refusal := h.move(step.kind, id, key, step.restock, want{a, 1}, want{b, 1}, want{a, 1})
		require.Equal(t, inventory.CodeKeyReused, refusal.Code, "another body")
	}
	_, refusal = h.move(inventory.OrderReturned, id, h.key(), true)
	require.Equal(t, inventory.CodeInvalidTransition, refusal.Code)
	h.restart()
	order, refusal := h.engine.Order(t.Context(), id, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.EqualValues(t, []int32{3, 3, 2, 2}, []int32{order.Lines[0].Shipped, order.Lines[0].Returned, order.Lines[1].Shipped, order.Lines[1].Returned})
}

// The buyer has one extension; what is over cannot be extended.
func TestAHoldIsExtendedOnce(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	h.clock.Advance(holdTime / 2)
	for range 2 {
		extended, refusal := h.change(inventory.OrderExtended, order.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.True(t, extended.Extended)
		require.Equal(t, order.ExpiresAt.Add(inventory.Instant(holdTime)), extended.ExpiresAt, "a repeat does not add to it")
	}
	h.restart()
	h.clock.Advance(holdTime)
	require.Equal(t, [3]int64{10, 1, 0}, h.stock(product), "the first deadline has passed")
	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 10))
	require.Equal(t, inventory.CodeInsufficientStock, refusal.Code)
	h.clock.Advance(holdTime / 2)
	h.awaitStock(product, [3]int64{10, 0, 0})
	_, refusal = h.change(inventory.OrderExtended, order.ID, customer, customer)
	require.Equal(t, inventory.CodeHoldExpired, refusal.Code)
}

// Lines are released one by one; the last one cancels the order.
func TestLinesAreReleasedOneByOne(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	a, b := h.twoProducts(5, 5)
	before := h.journal.DurableSequence()
	placed, refusal := h.engine.PlaceOrder(h.basket(customer, want{a, 2}, want{b, 3}))
	require.Equal(t, inventory.Refusal{}, refusal)
	release := func(product inventory.ID) OrderReply {
		reply, refusal := h.engine.ChangeOrder(&ChangeOrder{Order: placed.Order.ID, Owner: customer,
			Change: inventory.Change{Kind: inventory.OrderCancelled, By: customer, Lines: []inventory.Line{{ProductID: product}}}})
		require.Equal(t, inventory.Refusal{}, refusal)
		return reply
	}
	for range 2 {
		reply := release(a)
		require.Equal(t, inventory.Reserved, reply.Order.State)
		require.Equal(t, inventory.Money{Minor: 3000, Currency: euro}, reply.Order.Total())
		require.Equal(t, [3]int64{5, 0, 0}, h.stock(a))
		require.Equal(t, [3]int64{5, 3, 0}, h.stock(b))
		h.awaitProjection()
	}
	require.Equal(t, inventory.Cancelled, release(b).Order.State)
	require.Equal(t, [3]int64{5, 0, 0}, h.stock(b))
	require.EqualValues(t, 3, h.journal.DurableSequence()-before, "a repeat records nothing")
}

// A payment that comes too late is noted once, and takes no stock; the owner is told
// that it is too late, and nothing is recorded.
func TestALatePaymentIsToBePaidBack(t *testing.T) {
	for _, fired := range []bool{true, false} {
		h := newHouse(t)
		customer, service, product := h.customer(), h.customer(), h.product(1)
		order := h.place(customer, product, 1)
		if fired {
			h.clock.Advance(holdTime)
			h.awaitStock(product, [3]int64{1, 0, 0})
		} else {
			h.clock.NotBefore(order.ExpiresAt) // the timer has not fired yet
			_, refusal := h.change(inventory.OrderConfirmed, order.ID, customer, customer)
			require.Equal(t, inventory.CodeHoldExpired, refusal.Code)
			require.Equal(t, [3]int64{1, 1, 0}, h.stock(product), "nothing is recorded")
		}
		for range 2 {
			reply, refusal := h.engine.ChangeOrder(&ChangeOrder{Order: order.ID,
				Change: inventory.Change{Kind: inventory.OrderConfirmed, By: service, Paid: true}})
			require.Equal(t, inventory.Refusal{}, refusal)
			require.Equal(t, inventory.Expired, reply.Order.State)
			require.EqualValues(t, 1000, reply.Order.RefundDue)
			h.awaitProjection()
		}
		require.Equal(t, [3]int64{1, 0, 0}, h.stock(product))
		require.EqualValues(t, 4, h.journal.DurableSequence(), "receipt, order, expiry, refund")
		h.place(customer, product, 1)
	}
}

// With allow_partial an order takes what there is, and says line by line what it
// dropped and why, also when it is repeated and after a restart.
func TestAPartialOrderSaysWhatItDropped(t *testing.T) {
	h := newHouse(t)
	customer, products := h.customer(), h.ascending(0, 2)
	none, some := products[0], products[1]
	paused := h.product(9, func(p *persistence.CatalogueProduct) { p.Paused = true })
	request := h.basket(customer, want{some, 5}, want{none, 1}, want{paused, 1})
	request.Partial = true
	for repeat := range 3 {
		reply, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.Equal(t, repeat > 0, reply.Replayed)
		got := map[inventory.ID]string{}
		for _, line := range reply.Order.Lines {
			got[line.ProductID] = fmt.Sprintf("%d, dropped %d: %s", line.Quantity, line.Dropped, line.DroppedFor.Code())
		}
		require.Equal(t, map[inventory.ID]string{some: "2, dropped 3: insufficient_stock", none: "0, dropped 1: sold_out",
			paused: "0, dropped 1: paused"}, got)
		if repeat == 1 {
			h.restart()
		}
	}
	request = h.basket(customer, want{some, 1}, want{none, 1})
	request.Partial = true
	_, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.CodeSoldOut, refusal.Code, "an order of nothing is refused")
}

// limited creates a product with a limit of five for each customer.
func (h *house) limited(units int64) inventory.ID {
	return h.product(units, func(p *persistence.CatalogueProduct) { p.PurchaseLimit = 5 })
}

// A hundred baskets of one customer at once get the limit, exactly; another customer
// is not touched by it. What is given back before it was paid or shipped may be
// bought again, what was returned may not.
func TestALimitHoldsForParallelBaskets(t *testing.T) {
	h := newHouse(t)
	customer, other, product, second := h.customer(), h.customer(), h.limited(1000), h.product(1000)
	var accepted atomic.Int64
	var orders sync.Map
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			reply, refusal := h.engine.PlaceOrder(h.basket(customer, want{second, 1}, want{product, 1}))
			if refusal.Refused() {
				require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
				require.Zero(t, refusal.Remaining)
				return
			}
			accepted.Add(1)
			orders.Store(reply.Order.ID, nil)
		})
	}
	group.Wait()
	require.EqualValues(t, 5, accepted.Load())
	h.place(other, product, 5)

	var ids []inventory.ID
	orders.Range(func(id, _ any) bool { ids = append(ids, id.(inventory.ID)); return true })
	_, refusal := h.change(inventory.OrderCancelled, ids[0], customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderConfirmed, ids[1], customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	for _, kind := range []inventory.Kind{inventory.OrderFulfilled, inventory.OrderReturned} {
		_, refusal = h.move(kind, ids[1], h.key(), true)
		require.Equal(t, inventory.Refusal{}, refusal)
	}
	h.restart()
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 2))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
	require.EqualValues(t, 1, refusal.Remaining)
	h.place(customer, product, 1)
	h.clock.Advance(holdTime)
	h.awaitIdle()
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 5))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
	require.EqualValues(t, 4, refusal.Remaining, "what has expired does not count, what was returned does")
	h.place(customer, product, 4)
}

// Only what was placed since the sale began counts, also after a restart.
func TestALimitBeginsWithTheSale(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	product := h.limited(100)
	h.place(customer, product, 5)
	catalogue, err := h.store.ProductByID(t.Context(), product)
	require.NoError(t, err)
	h.clock.Advance(time.Second)
	catalogue.SaleStartsAt, catalogue.Version = h.clock.Now(), 2
	require.NoError(t, h.store.UpdateProduct(t.Context(), catalogue))
	h.restart()
	h.place(customer, product, 5)
	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
}
