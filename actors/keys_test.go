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

// What SQL says of an order while memory has a later state of it is not what a repeat is
// answered with, although memory leaves that state to SQL before the answer of SQL comes.
func TestARepeatTellsOfTheLastStateOfAnOrder(t *testing.T) {
	for _, repeated := range []inventory.Kind{inventory.OrderPlaced, inventory.OrderFulfilled} {
		t.Run(repeated.String(), func(t *testing.T) {
			h := newHouse(t)
			customer, product := h.customer(), h.product(10)
			place, ship := orderOf(customer, h.key(), product, 1), h.key()
			placed, refusal := h.engine.PlaceOrder(place)
			require.Equal(t, inventory.Refusal{}, refusal)
			send := func(kind inventory.Kind, key inventory.Fingerprint) OrderReply {
				reply, refusal := h.engine.ChangeOrder(&ChangeOrder{Order: placed.Order.ID, Change: inventory.Change{Kind: kind, By: customer, Key: key}})
				require.Equal(t, inventory.Refusal{}, refusal)
				return reply
			}
			send(inventory.OrderConfirmed, inventory.Fingerprint{})
			send(inventory.OrderFulfilled, ship)
			h.awaitProjection()
			h.store.projecting.Lock()
			send(inventory.OrderReturned, h.key())
			meanwhile := func() {
				h.store.projecting.Unlock()
				h.awaitProjection()
			}
			h.store.meanwhile.Store(&meanwhile)
			var reply OrderReply
			if repeated == inventory.OrderPlaced {
				reply, refusal = h.engine.PlaceOrder(place)
				require.Equal(t, inventory.Refusal{}, refusal)
			} else {
				reply = send(repeated, ship)
			}
			require.True(t, reply.Replayed)
			require.Equal(t, inventory.Returned, reply.Order.State)
		})
	}
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
	require.False(t, h.engine.keys.has(request.Key))
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

// A body that is given as text is bound to its key by its fingerprint, also when the
// product is sold out by then.
func TestAKeyIsBoundToTheTextOfABody(t *testing.T) {
	h := newHouse(t)
	customer, product, key := h.customer(), h.product(1), h.key()
	placeText := func(text string) (OrderReply, inventory.Refusal) {
		request := orderOf(customer, key, product, 1)
		request.Body, request.BodyText = inventory.Fingerprint{}, []byte(text)
		return h.engine.PlaceOrder(request)
	}
	placed, refusal := placeText("first")
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.FingerprintOf([]byte("first")), placed.Order.Body)
	repeated, refusal := placeText("first")
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, repeated.Replayed)
	require.Equal(t, placed.Order.ID, repeated.Order.ID)
	_, refusal = placeText("second")
	require.Equal(t, inventory.CodeKeyReused, refusal.Code)
}

func TestAKeyStandsForOneOrder(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	request := orderOf(customer, h.key(), product, 5)
	first, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)

	again := func(when string) {
		t.Helper()
		reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 5))
		require.Equal(t, inventory.Refusal{}, refusal, when)
		require.True(t, reply.Replayed, when)
		require.Equal(t, first.Order.ID, reply.Order.ID, when)
		require.EqualValues(t, first.Order.Lines[0].StockVersion, reply.Order.Lines[0].StockVersion, when)
		other := orderOf(customer, request.Key, product, 4)
		_, refusal = h.engine.PlaceOrder(other)
		require.Equal(t, inventory.CodeKeyReused, refusal.Code, when)
		order, refusal := h.engine.OrderByKey(t.Context(), customer, request.Key)
		require.Equal(t, inventory.Refusal{}, refusal, when)
		require.Equal(t, first.Order.ID, order.ID, when)
	}
	again("sold out, in memory")
	h.awaitProjection()
	again("projected and held")
	h.restart()
	again("held, after a restart")
	_, refusal = h.change(inventory.OrderCancelled, first.Order.ID, customer, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	again("cancelled, in memory")
	h.awaitProjection()
	require.Nil(t, h.engine.actorOf(first.Order.ID.Shard()).memory.orders.get(first.Order.ID))
	again("cancelled, out of memory")
	h.restart()
	again("cancelled, out of memory, after a restart")
	h.clock.Advance(23 * time.Hour)
	again("within the retention")
	require.Equal(t, [3]int64{5, 0, 0}, h.stock(product))

	h.clock.Advance(2 * time.Hour)
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 5))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.False(t, reply.Replayed, "a key is free again after its retention")
	h.awaitProjection()
	require.NotEqual(t, first.Order.ID, reply.Order.ID)
}

// The retention begins when an order is final: the key of one that still waits for
// its shipping is known for as long as that takes, also after a restart.
func TestAKeyOutlivesItsDayWhileItsOrderIsOpen(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(5)
	request := orderOf(customer, h.key(), product, 1)
	first, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	_, refusal = h.change(inventory.OrderConfirmed, first.Order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()
	h.clock.Advance(10 * 24 * time.Hour)
	for range 2 {
		reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
		require.Equal(t, inventory.Refusal{}, refusal)
		require.True(t, reply.Replayed)
		require.Equal(t, first.Order.ID, reply.Order.ID)
		h.restart()
	}
}

func TestParallelSendsOfOneKeyMakeOneOrder(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(1000)
	for range 50 {
		request := orderOf(customer, h.key(), product, 1)
		var ids sync.Map
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
				if refusal.Refused() {
					require.Equal(t, inventory.CodeRequestInProgress, refusal.Code)
					return
				}
				ids.Store(reply.Order.ID, true)
			})
		}
		group.Wait()
		count := 0
		ids.Range(func(any, any) bool { count++; return true })
		require.Equal(t, 1, count)
	}
	require.Equal(t, [3]int64{1000, 50, 0}, h.stock(product))
}

// A refused request binds no key.
func TestARefusedKeyIsDecidedAnew(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(1)
	held := h.place(customer, product, 1)
	request := orderOf(customer, h.key(), product, 1)
	_, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.CodeAllHeld, refusal.Code)
	_, refusal = h.change(inventory.OrderCancelled, held.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 1))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.False(t, reply.Replayed)
}
