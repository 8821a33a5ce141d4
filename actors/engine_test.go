package actors

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

func TestAnOrderHoldsUnitsUntilItIsPaidOrGivenBack(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	require.Equal(t, [3]int64{10, 0, 0}, h.stock(product))

	paid := h.place(customer, product, 3)
	require.Equal(t, inventory.Reserved, paid.State)
	require.Equal(t, h.clock.Now().Add(600*inventory.Second), paid.ExpiresAt)
	require.Equal(t, inventory.Money{Minor: 3000, Currency: euro}, paid.Total())
	require.EqualValues(t, 2, paid.Lines[0].StockVersion, "the opening receipt was version 1")
	require.Equal(t, [3]int64{10, 3, 0}, h.stock(product))

	given := h.place(customer, product, 2)
	require.Equal(t, [3]int64{10, 5, 0}, h.stock(product))

	confirmed, refusal := h.change(inventory.OrderConfirmed, paid.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Confirmed, confirmed.State)
	require.Equal(t, [3]int64{10, 2, 3}, h.stock(product))

	cancelled, refusal := h.change(inventory.OrderCancelled, given.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Cancelled, cancelled.State)
	require.Equal(t, [3]int64{10, 0, 3}, h.stock(product))

	_, refusal = h.change(inventory.OrderCancelled, paid.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, [3]int64{10, 0, 0}, h.stock(product))
}

func TestARepeatedChangeAnswersTheOrderAsItIs(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	for range 2 {
		confirmed, refusal := h.change(inventory.OrderConfirmed, order.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.Equal(t, inventory.Confirmed, confirmed.State)
		h.awaitProjection()
	}
	for range 2 {
		cancelled, refusal := h.change(inventory.OrderCancelled, order.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.Equal(t, inventory.Cancelled, cancelled.State)
		h.awaitProjection()
	}
	_, refusal := h.change(inventory.OrderConfirmed, order.ID, customer, customer)
	require.Equal(t, inventory.CodeInvalidTransition, refusal.Code)
	require.EqualValues(t, 4, h.journal.DurableSequence(), "repeats record nothing")
	require.Equal(t, [3]int64{10, 0, 0}, h.stock(product))
}

func TestAnothersOrderIsNotFound(t *testing.T) {
	h := newHouse(t)
	owner, other, product := h.customer(), h.customer(), h.product(10)
	order := h.place(owner, product, 1)
	for range 2 {
		_, refusal := h.change(inventory.OrderConfirmed, order.ID, other, other)
		require.Equal(t, inventory.CodeNotFound, refusal.Code)
		_, refusal = h.change(inventory.OrderCancelled, order.ID, other, other)
		require.Equal(t, inventory.CodeNotFound, refusal.Code)
		_, refusal = h.engine.Order(t.Context(), order.ID, other)
		require.Equal(t, inventory.CodeNotFound, refusal.Code)
		_, refusal = h.change(inventory.OrderConfirmed, order.ID, owner, owner)
		require.Equal(t, inventory.Refusal{}, refusal)
		h.awaitProjection()
	}
	_, refusal := h.engine.Order(t.Context(), inventory.ID{1}, inventory.ID{})
	require.Equal(t, inventory.CodeNotFound, refusal.Code)
}

func TestNobodyBuysWhatIsNotThere(t *testing.T) {
	h := newHouse(t)
	product := h.product(100)
	var accepted, refused atomic.Int64
	var group sync.WaitGroup
	for range 32 {
		customer := h.customer()
		group.Go(func() {
			for range 10 {
				reply, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
				switch {
				case !refusal.Refused():
					accepted.Add(1)
					require.Equal(t, inventory.Reserved, reply.Order.State)
				default:
					require.Equal(t, inventory.CodeAllHeld, refusal.Code)
					require.Zero(t, refusal.Available)
					refused.Add(1)
				}
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 100, accepted.Load(), "all units are sold, and none twice")
	require.EqualValues(t, 220, refused.Load())
	require.Equal(t, [3]int64{100, 100, 0}, h.stock(product))
}

func TestRefusalsChangeNothing(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	later := h.product(5, func(p *persistence.CatalogueProduct) { p.SaleStartsAt = h.clock.Now() + 1 })
	before := h.journal.DurableSequence()
	for name, test := range map[string]struct {
		request *PlaceOrder
		code    inventory.Code
	}{
		"too many":        {orderOf(customer, h.key(), product, 6), inventory.CodeInsufficientStock},
		"no units":        {orderOf(customer, h.key(), product, 0), inventory.CodeValidationFailed},
		"unknown product": {orderOf(customer, h.key(), inventory.ID{9}, 1), inventory.CodeNotFound},
		"not on sale yet": {orderOf(customer, h.key(), later, 1), inventory.CodeSaleNotStarted},
		"no lines":        {&PlaceOrder{Customer: customer, Key: h.key()}, inventory.CodeValidationFailed},
		"two products": {&PlaceOrder{Customer: customer, Key: h.key(), Lines: []inventory.Line{
			{ProductID: product, Quantity: 1}, {ProductID: later, Quantity: 1}}}, inventory.CodeSaleNotStarted},
	} {
		_, refusal := h.engine.PlaceOrder(test.request)
		require.Equal(t, test.code, refusal.Code, name)
	}
	require.Equal(t, before, h.journal.DurableSequence())
	require.Equal(t, [3]int64{5, 0, 0}, h.stock(product))
	require.Zero(t, h.engine.inFlight.Load())
	h.place(customer, product, 5)
}

// Lines of one product are one line.
func TestLinesOfOneProductAreMerged(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	reply, refusal := h.engine.PlaceOrder(&PlaceOrder{Customer: customer, Key: h.key(), Lines: []inventory.Line{
		{ProductID: product, Quantity: 2}, {ProductID: product, Quantity: 3}}})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, reply.Order.Lines, 1)
	require.EqualValues(t, 5, reply.Order.Lines[0].Quantity)
}

func TestHoldsEnd(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	var orders []inventory.Order
	for range 5 {
		orders = append(orders, h.place(customer, product, 1))
		h.clock.Advance(time.Second)
	}
	_, refusal := h.change(inventory.OrderConfirmed, orders[1].ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)

	h.clock.Advance(holdTime - 6*time.Second)
	require.Equal(t, [3]int64{10, 4, 1}, h.stock(product), "a nanosecond is not over yet")
	h.clock.Advance(time.Second)
	h.awaitStock(product, [3]int64{10, 3, 1})
	h.clock.Advance(10 * time.Second)
	h.awaitStock(product, [3]int64{10, 0, 1})

	_, refusal = h.change(inventory.OrderConfirmed, orders[0].ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.CodeHoldExpired, refusal.Code)
	order, refusal := h.engine.Order(t.Context(), orders[4].ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Expired, order.State)
	h.place(customer, product, 9)
}

// A confirm at its deadline loses, although the timer has not fired.
func TestAConfirmAtTheDeadlineIsTooLate(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(1, func(p *persistence.CatalogueProduct) { p.HoldSeconds = 1 })
	order := h.place(customer, product, 1)
	_, _, refusal := order.Decide(&inventory.Change{Kind: inventory.OrderConfirmed}, order.ExpiresAt)
	require.Equal(t, inventory.CodeHoldExpired, refusal.Code)
	h.clock.Advance(time.Second)
	h.awaitStock(product, [3]int64{1, 0, 0})
}

func TestHoldsOfTheLastRunEndAfterAStart(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	for range 5 {
		h.place(customer, product, 1)
	}
	h.close()
	h.clock.Advance(holdTime)
	h.open()
	h.awaitStock(product, [3]int64{10, 0, 0})
}

func TestStockIsAdjusted(t *testing.T) {
	h := newHouse(t)
	admin, customer, product := h.customer(), h.customer(), h.product(10)
	h.place(customer, product, 4)
	adjust := func(delta int64, key inventory.Fingerprint) (StockReply, inventory.Refusal) {
		return h.engine.AdjustStock(&AdjustStock{Product: product, Caller: admin, Delta: delta, Reason: "count", Key: key,
			Body: inventory.Fingerprint{byte(delta)}})
	}
	reply, refusal := adjust(5, h.key())
	require.Equal(t, inventory.Refusal{}, refusal)
	require.EqualValues(t, 15, reply.Stock.OnHand)
	require.EqualValues(t, 3, reply.Stock.Version)

	_, refusal = adjust(-12, h.key())
	require.Equal(t, inventory.CodeVersionConflict, refusal.Code)
	require.EqualValues(t, 11, refusal.Available)

	key := h.key()
	for range 3 {
		for range 2 {
			reply, refusal = adjust(-11, key)
			require.Equal(t, inventory.Refusal{}, refusal)
			require.Equal(t, [3]int64{4, 4, 0}, h.stock(product))
		}
		h.awaitProjection()
	}
	require.True(t, reply.Replayed)
	_, refusal = adjust(-10, key)
	require.Equal(t, inventory.CodeKeyReused, refusal.Code)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
	require.Equal(t, inventory.CodeAllHeld, refusal.Code)
	h.restart()
	reply, refusal = adjust(-11, key)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	require.Equal(t, [3]int64{4, 4, 0}, h.stock(product))
}

// A product row whose opening receipt was cut off by a crash gets it at the next
// start, once.
func TestAStartIssuesMissingOpeningReceipts(t *testing.T) {
	h := newHouse(t)
	product := persistence.CatalogueProduct{OpeningStock: 7, Version: 1,
		Product: inventory.Product{ID: inventory.ID{1, 2, 3}, SKU: "CUT", Name: "Cut off", HoldSeconds: 600, Price: inventory.Money{Minor: 1, Currency: euro}}}
	require.NoError(t, h.store.CreateProducts(t.Context(), product))
	h.restart()
	require.Equal(t, [3]int64{7, 0, 0}, h.stock(product.ID))
	require.Equal(t, inventory.Refusal{}, h.engine.AddProduct(product))
	h.restart()
	require.Equal(t, [3]int64{7, 0, 0}, h.stock(product.ID))
}

func TestOrdersAreListedNewestFirst(t *testing.T) {
	h := newHouse(t)
	customer, other, product := h.customer(), h.customer(), h.product(1000)
	var want []inventory.ID
	for i := range 30 {
		h.clock.Advance(time.Millisecond)
		want = append([]inventory.ID{h.place(customer, product, 1).ID}, want...)
		h.place(other, product, 1)
		if i == 15 {
			h.awaitProjection()
		}
	}
	h.store.away.Store(true)
	_, refusal := h.change(inventory.OrderCancelled, want[3], inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderConfirmed, want[20], inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	recent, refusal := h.engine.Orders(t.Context(), persistence.OrderFilter{Customer: customer, Limit: 10})
	require.Equal(t, inventory.Refusal{}, refusal, "one's recent orders are there while the database is away")
	require.Len(t, recent, 10)
	h.store.away.Store(false)

	page := func(filter persistence.OrderFilter) (ids []inventory.ID) {
		filter.Customer = customer
		for {
			orders, refusal := h.engine.Orders(t.Context(), filter)
			require.Equal(t, inventory.Refusal{}, refusal)
			for _, order := range orders {
				ids = append(ids, order.ID)
			}
			if len(orders) < filter.Limit {
				return ids
			}
			filter.Before = orders[len(orders)-1].ID
		}
	}
	check := func() {
		t.Helper()
		for _, limit := range []int{1, 7, 100} {
			require.Equal(t, want, page(persistence.OrderFilter{Limit: limit}))
			require.Equal(t, []inventory.ID{want[3]}, page(persistence.OrderFilter{Limit: limit, State: inventory.Cancelled}))
			require.Equal(t, []inventory.ID{want[20]}, page(persistence.OrderFilter{Limit: limit, State: inventory.Confirmed}))
			require.Len(t, page(persistence.OrderFilter{Limit: limit, State: inventory.Reserved}), 28)
			require.Equal(t, want, page(persistence.OrderFilter{Limit: limit, Product: product}))
			require.Empty(t, page(persistence.OrderFilter{Limit: limit, Product: inventory.ID{1}}))
		}
	}
	check()
	h.awaitProjection()
	check()
	all, refusal := h.engine.Orders(t.Context(), persistence.OrderFilter{Limit: 100})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, all, 60)
}

// The database is away: orders, confirms of recent orders, stock and reads go
// on; what needs the database says so; nothing is lost when it returns.
func TestSellingGoesOnWithoutTheDatabase(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(100)
	old := h.place(customer, product, 1)
	_, refusal := h.change(inventory.OrderConfirmed, old.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()

	h.store.away.Store(true)
	order := h.place(customer, product, 2)
	_, refusal = h.change(inventory.OrderConfirmed, order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	read, refusal := h.engine.Order(t.Context(), order.ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Confirmed, read.State)
	require.Equal(t, [3]int64{100, 0, 3}, h.stock(product))
	_, refusal = h.change(inventory.OrderCancelled, old.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.CodeStoreUnavailable, refusal.Code)
	_, refusal = h.engine.Order(t.Context(), old.ID, customer)
	require.Equal(t, inventory.CodeStoreUnavailable, refusal.Code)

	h.store.away.Store(false)
	h.awaitProjection()
	stored, err := h.store.OrderByID(t.Context(), order.ID)
	require.NoError(t, err)
	require.Equal(t, inventory.Confirmed, stored.State)
	_, refusal = h.change(inventory.OrderCancelled, old.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
}

func TestTheBacklogIsBounded(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.BacklogRecordsMax = 10 })
	customer, product := h.customer(), h.product(100)
	h.awaitProjection()
	h.store.away.Store(true)
	placed := 0
	for {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		if refusal.Refused() {
			require.Equal(t, inventory.CodeStoreUnavailable, refusal.Code)
			break
		}
		placed++
	}
	require.Equal(t, 11, placed)
	h.store.away.Store(false)
	h.awaitProjection()
	h.place(customer, product, 1)
}

// What is projected and not held leaves memory; what is held stays.
func TestMemoryForgetsWhatSQLHas(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(1000)
	held := h.place(customer, product, 1)
	for range 100 {
		order := h.place(customer, product, 1)
		_, refusal := h.change(inventory.OrderCancelled, order.ID, inventory.ID{}, inventory.ID{})
		require.Equal(t, inventory.Refusal{}, refusal)
	}
	h.awaitProjection()
	orders := 0
	for _, a := range h.engine.actors {
		orders += a.memory.orders.length()
		require.Zero(t, a.memory.unprojected.length())
		require.LessOrEqual(t, a.memory.newest.length(), 1)
	}
	require.Equal(t, 1, orders)
	require.EqualValues(t, 1, h.engine.keys.length())
	_, refusal := h.change(inventory.OrderCancelled, held.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
}

func TestStopDrains(t *testing.T) {
	h := newHouse(t)
	product := h.product(1_000_000)
	var acknowledged, refused atomic.Int64
	var group sync.WaitGroup
	started := make(chan struct{}, 16)
	for range 16 {
		customer := h.customer()
		group.Go(func() {
			for {
				_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
				switch refusal.Code {
				case inventory.CodeStarting:
					refused.Add(1)
					return
				case inventory.CodeOverloaded: // the next segment is not ready yet
					continue
				}
				require.Equal(t, inventory.Refusal{}, refusal)
				acknowledged.Add(1)
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 16 {
		<-started
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	require.NoError(t, h.engine.Stop(ctx))
	group.Wait()
	require.EqualValues(t, 16, refused.Load())
	position, err := h.store.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, h.journal.DurableSequence(), position.Sequence, "SQL has all that was acknowledged")
	require.EqualValues(t, acknowledged.Load()+1, position.Sequence)
	require.Error(t, h.engine.Ready())
}
