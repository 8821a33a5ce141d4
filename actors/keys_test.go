package actors

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// requireSame sends an accepted order again: it is answered with the order, and
// another body with its key is refused.
func (h *house) requireSame(request *PlaceOrder, order inventory.ID, when string) {
	h.t.Helper()
	reply, refusal := h.engine.PlaceOrder(request)
	require.Equal(h.t, inventory.Refusal{}, refusal, when)
	require.True(h.t, reply.Replayed, when)
	require.Equal(h.t, order, reply.Order.ID, when)
	other := *request
	other.Body[15]++
	_, refusal = h.engine.PlaceOrder(&other)
	require.Equal(h.t, inventory.CodeKeyReused, refusal.Code, when)
}

// Whatever has happened since, a repeat of an accepted order is answered with the
// order, although a new order is refused early.
func TestARepeatIsAnsweredWhateverHappenedSince(t *testing.T) {
	h := newHouse(t)
	customer := h.customer()
	end := h.clock.Now().Add(60 * inventory.Second)
	product := h.product(1, func(p *persistence.CatalogueProduct) { p.SaleEndsAt, p.PurchaseLimit = end, 1 })
	request := orderOf(customer, h.key(), product, 1)
	reply, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	order := reply.Order.ID
	early := h.engine.Statistics().RefusedEarly
	refused := func(code inventory.Code) {
		t.Helper()
		early++
		_, refusal := h.engine.PlaceOrder(orderOf(h.customer(), h.key(), product, 1))
		require.Equal(t, code, refusal.Code)
		require.Equal(t, early, h.engine.Statistics().RefusedEarly, "no actor was involved")
	}
	refused(inventory.CodeAllHeld)
	h.requireSame(request, order, "sold out")
	_, refusal = h.change(inventory.OrderConfirmed, order, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	refused(inventory.CodeSoldOut)
	h.awaitProjection()
	require.Zero(t, h.engine.Statistics().Keys)
	h.requireSame(request, order, "out of memory")
	h.clock.Advance(60 * time.Second)
	refused(inventory.CodeSaleEnded)
	h.requireSame(request, order, "window closed")

	catalogue, err := h.store.ProductByID(t.Context(), product)
	require.NoError(t, err)
	catalogue.Paused, catalogue.Version = true, 2
	require.NoError(t, h.store.UpdateProduct(t.Context(), catalogue))
	require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(catalogue.Product))
	refused(inventory.CodePaused)
	h.requireSame(request, order, "paused")
	catalogue.Deleted, catalogue.Version = true, 3
	require.NoError(t, h.store.UpdateProduct(t.Context(), catalogue))
	require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(catalogue.Product))
	refused(inventory.CodeNotFound)
	h.requireSame(request, order, "deleted")
	h.restart()
	early = 0
	refused(inventory.CodeNotFound)
	h.requireSame(request, order, "restarted")
}

// While SQL is away, a key that may be there is refused for that reason, never made
// into a second order.
func TestAKeyThatOnlySQLKnowsWaitsForSQL(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	request := orderOf(customer, h.key(), product, 1)
	reply, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderConfirmed, reply.Order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	h.store.away.Store(true)
	_, refusal = h.engine.PlaceOrder(request)
	require.Equal(t, inventory.CodeStoreUnavailable, refusal.Code)
	h.store.away.Store(false)
	h.requireSame(request, reply.Order.ID, "SQL is back")
}

// Fifty parallel identical posts for each of a thousand keys, with losses of power
// between: one order for each key.
func TestParallelPostsOfOneKeyMakeOneOrder(t *testing.T) {
	const parallel, kills = 50, 5
	keys := 1_000
	if raceEnabled {
		keys = 100
	}
	random := rand.New(rand.NewPCG(7, 7))
	h := newHouse(t, quietly)
	product := h.product(inventory.StockQuantityMax)
	customers := []inventory.ID{h.customer(), h.customer(), h.customer(), h.customer()}
	requests := make([]*PlaceOrder, keys)
	orders := make([]inventory.ID, keys)
	for i := range requests {
		requests[i] = orderOf(customers[i%len(customers)], h.key(), product, 1)
	}
	for kill := range kills {
		var group sync.WaitGroup
		for i := kill * keys / kills; i < (kill+1)*keys/kills; i++ {
			group.Go(func() { orders[i] = h.postUntilAccepted(requests[i], parallel) })
		}
		group.Wait()
		h.crash(crashfs.Garbage, random)
		for i := range (kill + 1) * keys / kills {
			h.requireSame(requests[i], orders[i], "after a loss of power")
		}
	}
	placed := map[inventory.Fingerprint]int{}
	f := newFold(t)
	f.each(h.journal, func(_ uint64, event *inventory.Event) {
		if event.Kind == inventory.OrderPlaced {
			placed[event.Key]++
		}
	})
	require.Len(t, placed, keys)
	for _, n := range placed {
		require.Equal(t, 1, n)
	}
}

// postUntilAccepted sends one request in parallel until it is accepted, and requires
// that all that are answered with an order are answered with the same.
func (h *house) postUntilAccepted(request *PlaceOrder, parallel int) (order inventory.ID) {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for range parallel {
		group.Go(func() {
			for {
				reply, refusal := h.engine.PlaceOrder(request)
				if refusal.Code == inventory.CodeOverloaded {
					continue
				}
				if refusal.Refused() {
					require.Equal(h.t, inventory.CodeRequestInProgress, refusal.Code)
					return
				}
				mutex.Lock()
				if order.IsZero() {
					order = reply.Order.ID
				}
				require.Equal(h.t, order, reply.Order.ID)
				mutex.Unlock()
				return
			}
		})
	}
	group.Wait()
	require.False(h.t, order.IsZero())
	return order
}

// Keys whose retention is over leave SQL.
func TestOldKeysArePurged(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	old := orderOf(customer, h.key(), product, 1)
	reply, refusal := h.engine.PlaceOrder(old)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderCancelled, reply.Order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	held := h.place(customer, product, 1)
	_, refusal = h.change(inventory.OrderConfirmed, held.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	h.clock.Advance(keyRetention + time.Second)
	for range 2 { // the purge comes after a transaction
		h.place(customer, product, 1)
		h.awaitProjection()
	}
	_, err := h.store.KeyByFingerprint(t.Context(), old.Key)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = h.store.KeyByFingerprint(t.Context(), held.Key)
	require.NoError(t, err, "its order is not shipped yet")
}

// A key outlives its order in memory although no start has read it from SQL.
func TestAKeyIsKnownAfterItsOrderHasLeftMemory(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	request := orderOf(customer, h.key(), product, 1)
	first, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderCancelled, first.Order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	_, known := h.engine.keys.get(request.Key)
	require.False(t, known)
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	require.Equal(t, first.Order.ID, reply.Order.ID)
}

// A key is claimed while its product is asked: the second send, which comes before
// the answer of the product, is told so.
func TestAKeyIsClaimedBeforeItsOrderIsDecided(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	h.awaitIdle()
	entered, open := h.shut(product)
	request := orderOf(customer, h.key(), product, 1)
	first := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(request)
		first <- refusal
	}()
	<-entered
	_, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
	require.Equal(t, inventory.CodeRequestInProgress, refusal.Code)
	open()
	require.Equal(t, inventory.Refusal{}, <-first)
	require.Equal(t, [3]int64{10, 1, 0}, h.stock(product))
}

// An order that only its product could refuse binds no key either.
func TestAKeyThatALimitRefusedIsFree(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.limited(100)
	key := h.key()
	_, refusal := h.engine.PlaceOrder(orderOf(customer, key, product, 6))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, key, product, 5))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.False(t, reply.Replayed)
}
