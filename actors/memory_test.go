package actors

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// What a caller was answered with is the caller's: the memory of an order is given out
// again, and its lines are not.
func TestAReplyOutlivesItsOrder(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	placed := h.place(customer, product, 3)
	confirmed, refusal := h.change(inventory.OrderConfirmed, placed.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.awaitProjection()           // the order leaves memory,
	h.place(customer, product, 5) // and its place is taken
	require.EqualValues(t, 3, confirmed.Lines[0].Quantity)
	require.EqualValues(t, 3, placed.Lines[0].Quantity)
}

// A page tells of the orders that memory had, although they leave it while SQL is asked.
func TestAPageOutlivesTheOrdersInMemory(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	h.store.away.Store(true)
	placed := h.place(customer, product, 3)
	_, refusal := h.change(inventory.OrderConfirmed, placed.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	h.store.away.Store(false)
	meanwhile := h.awaitProjection
	h.store.meanwhile.Store(&meanwhile)
	page, refusal := h.engine.Orders(context.Background(), persistence.OrderFilter{Customer: customer, Product: product, Limit: 10})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, page, 1)
	require.EqualValues(t, 3, page[0].Lines[0].Quantity)
}

// Anyone may ask for a key while its order changes: the race detector sees whether what
// is asked is written.
func TestAKeyIsAskedForWhileItsOrderChanges(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(1)
	request := orderOf(customer, h.key(), product, 1)
	placed, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	started, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 2_000 {
			if i == 1 {
				close(started)
			}
			h.engine.mayKnowKey(request.Key)
		}
	}()
	<-started
	for _, kind := range []inventory.Kind{inventory.OrderExtended, inventory.OrderConfirmed} {
		_, refusal = h.change(kind, placed.Order.ID, inventory.ID{}, inventory.ID{})
		require.Equal(t, inventory.Refusal{}, refusal)
	}
	<-ended
}

// A memory that was read for an actor that has panicked again meanwhile goes back.
func TestAMemoryThatComesTooLateGoesBack(t *testing.T) {
	h := newHouse(t, quietly)
	customer, product := h.customer(), h.product(10)
	h.place(customer, product, 1)
	h.awaitProjection()
	a := h.engine.actorOf(shardOf(customer))
	memory, err := h.engine.loadMemory(h.engine.life, a)
	require.NoError(t, err)
	late := h.engine.internal(stepRebuilt)
	late.memory, late.tenure = memory, a.tenure+7
	a.push(late, true)
	require.Equal(t, 1, h.ordersInMemory())
	h.requireMemorySound()
}

// panicsAt panics so often at messages of these steps.
type panicsAt struct {
	behaviour
	steps map[step]int
}

func (p *panicsAt) handle(op *operation) {
	if p.steps[op.step] > 0 {
		p.steps[op.step]--
		panic("on purpose")
	}
	p.behaviour.handle(op)
}

// An actor that panics at its new memory, again and again, loses none.
func TestAPanicAtARebuiltMemoryLosesNoMemory(t *testing.T) {
	h := newHouse(t, quietly)
	customer, product := h.customer(), h.product(10)
	h.place(customer, product, 1)
	h.awaitProjection()
	a := h.engine.actorOf(shardOf(customer))
	a.become(&panicsAt{behaviour: a.behaviour, steps: map[step]int{stepExpire: 1, stepRebuilt: 3}})
	a.post(stepExpire)
	require.Eventually(t, func() bool { return h.engine.Statistics().Rebuilt == 4 }, waitMax, waitStep)
	h.awaitSound()
	require.Equal(t, 1, h.ordersInMemory())
	h.requireMemorySound()
}

// requireMemorySound requires, once everything is idle and projected, that the slabs are
// those of the actors and have their orders only, and that everything that leads to an
// order leads to one of these. An actor may be sound again while a memory that was read
// for it earlier is still on its way: that has its slabs until it has been refused.
func (h *house) requireMemorySound() {
	h.t.Helper()
	h.engine.rebuilds.Wait()
	h.awaitIdle()
	h.awaitProjection()
	held, owners := map[*heldOrder]bool{}, map[*orderAllocator]bool{}
	for _, a := range h.engine.actors {
		require.Empty(h.t, a.discarded)
		owners[a.memory.allocator] = true
		a.memory.orders.each(func(record *heldOrder) { held[record] = true })
	}
	for _, a := range h.engine.actors {
		a.requireMemorySound(h.t, held)
	}
	live := 0
	slabs := *h.engine.directory.slabs.Load()
	for i := range slabs {
		if slab := slabs[i].Load(); slab != nil {
			require.True(h.t, owners[slab.owner], "a slab of nobody")
			live += int(slab.live)
		}
	}
	require.Equal(h.t, len(held), live, "orders in use that nobody has")
	for i := range h.engine.keys.parts {
		part := &h.engine.keys.parts[i]
		part.placed.each(&h.engine.keys.byKey, func(record *heldOrder) { require.True(h.t, held[record]) })
		part.used.each(func(_ [16]byte, entry *keyEntry) bool {
			require.True(h.t, entry.record == nil || held[entry.record])
			return true
		})
	}
}

func (a *orderActor) requireMemorySound(t testing.TB, held map[*heldOrder]bool) {
	a.memory.orders.each(func(record *heldOrder) {
		require.True(t, record.held)
		require.Equal(t, a.number, record.owner)
		require.Same(t, record, a.memory.orders.get(record.ID))
		require.Equal(t, record.State == inventory.Reserved, record.place > 0)
		if older := a.memory.older(record); older != nil {
			require.Equal(t, record.number, older.newer)
			require.Equal(t, record.Customer, older.Customer)
		}
		if record.newer == 0 {
			require.Same(t, record, a.memory.newest.get(record.Customer))
		}
	})
	for i, item := range a.deadlines.heap {
		require.EqualValues(t, i+1, item.record.place)
		require.True(t, held[item.record])
	}
}
