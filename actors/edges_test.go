package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// partial places a basket of what there is of it.
func (h *house) partial(customer inventory.ID, wants ...want) inventory.Order {
	h.t.Helper()
	request := h.basket(customer, wants...)
	request.Partial = true
	reply, refusal := h.engine.PlaceOrder(request)
	require.Equal(h.t, inventory.Refusal{}, refusal)
	return reply.Order
}

// An order is held and extended by what it has: a line that was dropped or released has
// no say in it.
func TestLinesWithoutUnitsHaveNoSay(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	brief := h.product(0, func(p *persistence.CatalogueProduct) { p.HoldSeconds = 1 })
	ended := h.product(10, func(p *persistence.CatalogueProduct) { p.SaleEndsAt = h.clock.Now() - 1 })
	end := h.clock.Now().Add(100 * inventory.Second)
	ending := h.product(10, func(p *persistence.CatalogueProduct) { p.SaleEndsAt = end })
	product := h.product(10)

	order := h.partial(customer, want{brief, 1}, want{product, 1})
	require.Equal(t, 600*inventory.Second, order.ExpiresAt-order.PlacedAt, "the product that is held for a second was dropped")

	order = h.partial(customer, want{ended, 1}, want{product, 1})
	_, refusal := h.change(inventory.OrderExtended, order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal, "the product whose sale has ended was dropped")

	reply, refusal := h.engine.PlaceOrder(h.basket(customer, want{ending, 1}, want{product, 1}))
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.engine.ChangeOrder(&ChangeOrder{Order: reply.Order.ID, Owner: customer,
		Change: inventory.Change{Kind: inventory.OrderCancelled, By: customer, Lines: []inventory.Line{{ProductID: ending}}}})
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderExtended, reply.Order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal, "the product whose sale ends soon was released")
}

// A line without units leaves no hold behind when its order is extended: the end of
// holds that is shown is that of the one hold that there is.
func TestAnExtensionLeavesNoHoldOfWhatWasDropped(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	dropped, product := h.product(0), h.product(10)
	order := h.partial(customer, want{dropped, 1}, want{product, 1})
	for _, kind := range []inventory.Kind{inventory.OrderExtended, inventory.OrderCancelled} {
		_, refusal := h.change(kind, order.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
	}
	h.clock.Advance(24 * time.Hour)
	_, refusal := h.engine.AdjustStock(&AdjustStock{Product: dropped, Delta: 1, Reason: "found", Key: h.key()})
	require.Equal(t, inventory.Refusal{}, refusal)
	held := h.place(h.customer(), dropped, 1)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), dropped, 1))
	require.Equal(t, inventory.CodeAllHeld, refusal.Code)
	require.Equal(t, held.ExpiresAt, refusal.At)
}

// steppedStore lets one projection through for each token.
type steppedStore struct {
	persistence.Store
	gated         atomic.Bool
	entered, pass chan struct{}
}

func (s *steppedStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	if s.gated.Load() {
		s.entered <- struct{}{}
		<-s.pass
	}
	return s.Store.Project(context.WithoutCancel(ctx), from, to, records)
}

// An order that returns from SQL and leaves memory again takes its old key along only
// if that is still its own: used anew, it is another order's.
func TestAnOldOrderDoesNotForgetTheKeyOfANewOne(t *testing.T) {
	h := newHouse(t)
	stepped := &steppedStore{Store: h.store.Store, entered: make(chan struct{}, 100), pass: make(chan struct{}, 100)}
	h.store.Store = stepped
	customer, product := h.customer(), h.product(100)
	request := orderOf(customer, h.key(), product, 1)
	first, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderConfirmed, first.Order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.move(inventory.OrderFulfilled, first.Order.ID, h.key(), false)
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	h.clock.Advance(25 * time.Hour)
	h.place(h.customer(), product, 1) // a purge follows its projection
	h.awaitProjection()
	require.Eventually(t, func() bool {
		_, err := h.store.KeyByFingerprint(t.Context(), request.Key)
		return err != nil
	}, waitMax, waitStep, "the key's time is over")

	stepped.gated.Store(true)
	_, refusal = h.move(inventory.OrderReturned, first.Order.ID, h.key(), true)
	require.Equal(t, inventory.Refusal{}, refusal)
	<-stepped.entered
	second, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.NotEqual(t, first.Order.ID, second.Order.ID)
	stepped.pass <- struct{}{} // the return is projected, the new order not
	<-stepped.entered
	h.awaitIdle()
	third, refusal := h.engine.PlaceOrder(request)
	stepped.gated.Store(false)
	stepped.pass <- struct{}{}
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, second.Order.ID, third.Order.ID)
	require.True(t, third.Replayed)
}

// doneAndFailed commits and says that it has failed, as often as it is told.
type doneAndFailed struct {
	persistence.Store
	failures atomic.Int64
}

func (s *doneAndFailed) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	err := s.Store.Project(ctx, from, to, records)
	if err == nil && s.failures.Add(-1) >= 0 {
		return context.DeadlineExceeded
	}
	return err
}

// What SQL has, although it said that it has failed, does not count as waiting for it.
func TestADoneTransactionThatFailedIsNoBacklog(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.BacklogBytesMax = 1_000 })
	failing := &doneAndFailed{Store: h.store.Store}
	h.store.Store = failing
	customer, product := h.customer(), h.product(100)
	for range 8 {
		failing.failures.Store(1)
		h.place(customer, product, 1)
		h.awaitProjection()
	}
	require.Equal(t, h.engine.appendedBytes.Load(), h.engine.projector.bytes.Load())
}

// A refusal that is final tells of what is decided: units that an undecided order has
// are neither gone nor held nor bought.
func TestRefusalsTellOfWhatIsDecided(t *testing.T) {
	for _, limited := range []bool{false, true} {
		h := newHouse(t)
		first := h.product(5, func(p *persistence.CatalogueProduct) { p.ID = inventory.ID{1} })
		if limited {
			first = h.product(100, func(p *persistence.CatalogueProduct) { p.ID, p.PurchaseLimit = inventory.ID{1, 1}, 5 })
		}
		last := h.product(1, func(p *persistence.CatalogueProduct) { p.ID = inventory.ID{2} })
		customer := h.customer()
		entered, open := h.shut(last)
		blocker := make(chan inventory.Refusal, 1)
		go func() {
			_, refusal := h.engine.PlaceOrder(h.basket(customer, want{first, 5}, want{last, 1}))
			blocker <- refusal
		}()
		<-entered
		key := h.key()
		h.engine.keyFilter.add(key) // it might be known, so the product is asked
		_, refusal := h.engine.PlaceOrder(orderOf(customer, key, first, 6))
		h.takeOffSale(last)
		open()
		require.Equal(t, inventory.CodePaused, (<-blocker).Code)
		if limited {
			require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
			require.EqualValues(t, 5, refusal.Remaining)
		} else {
			require.Equal(t, inventory.CodeInsufficientStock, refusal.Code)
			require.EqualValues(t, 5, refusal.Available)
		}
	}
}

// An order that waits for others of its own customer keeps nobody else waiting.
func TestOneCustomersLimitHoldsUpNobodyElse(t *testing.T) {
	h := newHouse(t)
	first := h.product(100, func(p *persistence.CatalogueProduct) { p.ID, p.PurchaseLimit = inventory.ID{1}, 2 })
	last := h.product(1, func(p *persistence.CatalogueProduct) { p.ID = inventory.ID{2} })
	customer := h.customer()
	entered, open := h.shut(last)
	results := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(h.basket(customer, want{first, 2}, want{last, 1}))
		results <- refusal
	}()
	<-entered
	waiting := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), first, 2))
		waiting <- refusal
	}()
	require.Eventually(t, func() bool { return h.engine.Statistics().Parked == 1 }, waitMax, waitStep)
	h.place(h.customer(), first, 1) // another customer is served at once
	require.Empty(t, waiting)
	h.takeOffSale(last)
	open()
	require.Equal(t, inventory.CodePaused, (<-results).Code)
	require.Equal(t, inventory.Refusal{}, <-waiting, "the limit was not used up after all")
	require.Zero(t, h.engine.shelf.get(first).parking.count.Load())
}

// Who has an answer that is not durable yet waits for that as long as its time lasts,
// which began with the request: not for a whole time more.
func TestTheTimeOfARequestIsOne(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.RequestTimeout = time.Hour })
	op := newOperation(h.engine, stepRead)
	op.waitFor = h.journal.DurableSequence() + 1
	op.state.Store(answered)
	op.done <- struct{}{}
	require.True(t, op.await(time.Millisecond))
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		h.engine.waitShown(op)
	}()
	select {
	case <-waited:
		require.Equal(t, inventory.CodeUnknownOutcome, op.refusal.Code)
	case <-time.After(waitMax):
		t.Error("it waits for longer than its time")
		h.place(h.customer(), h.product(1), 1)
		<-waited
	}
	require.Eventually(t, func() bool { return h.engine.inFlight.Load() == 0 }, waitMax, waitStep)
}
