package actors

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// minefield makes the engine panic at random: before and after any message of any
// actor, before and after an append, and inside of it.
type minefield struct {
	armed atomic.Bool
	blown atomic.Int64
	// odds is one in how many steps panics.
	odds int
}

func (m *minefield) step(where string) {
	if m.armed.Load() && rand.IntN(m.odds) == 0 {
		m.blown.Add(1)
		panic("mine: " + where)
	}
}

// mined is an actor in a minefield.
type mined struct {
	behaviour
	field *minefield
}

func (m *mined) handle(op *operation) {
	m.field.step("before a message")
	m.behaviour.handle(op)
	m.field.step("after a message")
}

// minedJournal is a journal in a minefield.
type minedJournal struct {
	persistence.Journal
	field *minefield
}

type minedEntry struct {
	persistence.Entry
	field *minefield
}

func (e minedEntry) Encode(dst []byte, sequence uint64) ([]byte, error) {
	e.field.step("before an event is encoded")
	return e.Entry.Encode(dst, sequence)
}

func (j minedJournal) Append(entry persistence.Entry) (uint64, error) {
	j.field.step("before an append")
	sequence, err := j.Journal.Append(minedEntry{entry, j.field})
	j.field.step("after an append")
	return sequence, err
}

// become puts another behaviour into an actor, once that is idle.
func (m *mailbox) become(b behaviour) {
	for !m.idle() {
		runtime.Gosched()
	}
	m.behaviour = b
}

// lay puts mines under every actor.
func (m *minefield) lay(e *Engine) {
	for _, a := range e.actors {
		a.become(&mined{a.behaviour, m})
	}
	e.shelf.each(func(_ inventory.ID, p *productActor) bool {
		p.become(&mined{p.behaviour, m})
		return true
	})
}

// Ten thousand panics at every point of the way of an order: the process lives,
// everyone is answered, and stock, orders and SQL are the fold of the journal. No
// unit is lost: all that is left can be sold.
func TestTenThousandPanics(t *testing.T) {
	field := &minefield{odds: 12}
	h := newHouse(t, quietly, func(o *Options) { o.Journal = minedJournal{o.Journal, field} })
	products := []inventory.ID{h.product(400), h.product(150), h.product(30)}
	field.lay(h.engine)
	field.armed.Store(true)
	for seed := uint64(0); field.blown.Load() < 10_000; seed++ {
		h.storm(seed, products, 16, 100)
		h.clock.Advance(holdTime / 4)
	}
	field.armed.Store(false)
	h.awaitSound()
	h.clock.Advance(2 * holdTime)
	h.awaitIdle()
	h.requireMemorySound()

	f := newFold(t)
	f.read(h.journal)
	f.compare(h)
	f.compareSQL(h)
	require.Zero(t, h.engine.Statistics().InFlight, "everyone is answered, once")
	h.requireActorsEqualBoard(products)
	customer := h.customer()
	for _, product := range products {
		if left := h.left(product); left > 0 {
			h.place(customer, product, left)
		}
		require.Zero(t, h.left(product))
	}
}

// awaitSound returns when no actor is being rebuilt.
func (h *house) awaitSound() {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.engine.Statistics().Quarantined == 0 }, waitMax, waitStep)
}

// left returns the units of a product that can be sold.
func (h *house) left(product inventory.ID) int64 {
	stock, ok := h.engine.Stock(product)
	require.True(h.t, ok)
	return stock.Available()
}

// requireActorsEqualBoard requires that nothing is undecided, and that every product
// actor has what is durable.
func (h *house) requireActorsEqualBoard(products []inventory.ID) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		for _, id := range products {
			p := h.engine.shelf.get(id)
			if !p.idle() || p.stock.Available() != p.board.read().Available() || p.free.Load() != p.stock.Available() {
				return false
			}
		}
		return true
	}, waitMax, waitStep)
}

// A product actor that panics answers its caller and goes on with what is recorded;
// the units that it had given to orders that were not decided are not lost.
func TestAPanicRebuildsOneProduct(t *testing.T) {
	h := newHouse(t, quietly)
	customer, broken := h.customer(), h.product(10)
	held := h.place(customer, broken, 4)
	h.engine.shelf.get(broken).stock.Reserved = -1 << 62 // nonsense, as a bug would leave it

	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), broken, 1))
	require.Equal(t, inventory.CodeQuarantined, refusal.Code)
	require.EqualValues(t, 1, h.engine.Statistics().Rebuilt)
	require.Zero(t, h.engine.Statistics().InFlight)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), broken, 7))
	require.Equal(t, inventory.CodeInsufficientStock, refusal.Code)
	h.place(customer, broken, 6)
	_, refusal = h.change(inventory.OrderCancelled, held.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	h.place(customer, broken, 4)
	require.Equal(t, [3]int64{10, 10, 0}, h.stock(broken))
}

// An order actor that panics, at a request or at work of its own, refuses until its
// memory is there again, and then knows orders, keys and deadlines.
func TestAPanicRebuildsOneShard(t *testing.T) {
	for _, step := range []step{stepPlace, stepExpire, stepProjected} {
		h := newHouse(t, quietly)
		customer, product := h.customer(), h.product(10)
		request := orderOf(customer, h.key(), product, 1)
		reply, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		shard := h.engine.actorOf(shardOf(customer))
		field := &minefield{odds: 1}
		sound := shard.behaviour
		shard.become(&mined{sound, field})
		field.armed.Store(true)
		if step == stepPlace {
			_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
			require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
		} else {
			shard.post(step)
		}
		require.Eventually(t, func() bool { return field.blown.Load() > 0 }, waitMax, waitStep)
		field.armed.Store(false)
		h.awaitIdle() // the actor has taken notice
		h.awaitSound()
		again, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.True(t, again.Replayed)
		require.Equal(t, reply.Order.ID, again.Order.ID)
		h.clock.Advance(holdTime)
		h.awaitStock(product, [3]int64{10, 0, 0})
	}
}

// While an order actor is rebuilt, its customers are refused, others are served, and
// SQL is waited for.
func TestARebuildWaitsForSQL(t *testing.T) {
	h := newHouse(t, quietly)
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	h.store.away.Store(true)
	shard := h.engine.actorOf(shardOf(customer))
	field := &minefield{odds: 1}
	shard.become(&mined{shard.behaviour, field})
	field.armed.Store(true)
	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
	require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
	field.armed.Store(false)

	_, refusal = h.change(inventory.OrderCancelled, order.ID, customer, customer)
	require.Equal(t, inventory.CodeQuarantined, refusal.Code)
	other := h.customer()
	for h.engine.actorOf(shardOf(other)) == shard {
		other = h.customer()
	}
	h.place(other, product, 1)
	h.store.away.Store(false)
	h.awaitSound()
	_, refusal = h.change(inventory.OrderCancelled, order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
}

// slowStore is a store whose held orders come when the gate opens. It counts who waits
// for them.
type slowStore struct {
	persistence.Store
	gate    chan struct{}
	waiting *atomic.Int64
}

func (s slowStore) EachReservedOrder(ctx context.Context, visit func(inventory.Order) error) error {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case <-s.gate:
		return s.Store.EachReservedOrder(ctx, visit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// However often an actor panics while its orders are read, they are read once at a time:
// a thousand readers of which the last one counts kept an actor from its customers.
func TestARebuildEndsTheOneBefore(t *testing.T) {
	slow := slowStore{gate: make(chan struct{}), waiting: new(atomic.Int64)}
	h := newHouse(t, quietly)
	slow.Store, h.engine.store = h.engine.store, &slow
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	shard := h.engine.actorOf(shardOf(customer))
	field := &minefield{odds: 1}
	shard.become(&mined{shard.behaviour, field})
	field.armed.Store(true)
	for range 100 {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
	}
	field.armed.Store(false)

	require.Eventually(t, func() bool { return slow.waiting.Load() == 1 }, waitMax, waitStep)
	require.EqualValues(t, 1, h.engine.Statistics().Quarantined)
	close(slow.gate)
	h.awaitSound()
	_, refusal := h.change(inventory.OrderCancelled, order.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
}

// A rebuild of one product takes no longer than the copy of its customers' counts.
func BenchmarkRebuildOfOneProduct(b *testing.B) {
	h := newHouse(b, quietly)
	p := h.engine.shelf.get(h.product(1_000_000))
	for customer := range 100_000 {
		p.ledger.purchases.add(inventory.ID{byte(customer), byte(customer >> 8), byte(customer >> 16)}, 1)
	}
	for b.Loop() {
		p.rebuild()
	}
}

// An order whose product was rebuilt after it gave its units is not placed: others may
// have been given the same units since.
func TestAnOrderWhoseUnitsAreForgottenIsNotPlaced(t *testing.T) {
	h := newHouse(t, quietly)
	first, second := h.twoProducts(1, 1)
	customer := h.customer()
	entered, open := h.shut(second)
	forgotten := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(h.basket(customer, want{first, 1}, want{second, 1}))
		forgotten <- refusal
	}()
	<-entered
	field := &minefield{odds: 1}
	p := h.engine.shelf.get(first)
	p.become(&mined{p.behaviour, field})
	field.armed.Store(true)
	_, refusal := h.engine.PlaceOrder(orderOf(h.customer(), h.key(), first, 1))
	require.Equal(t, inventory.CodeQuarantined, refusal.Code)
	field.armed.Store(false)
	open()
	require.Equal(t, inventory.CodeQuarantined, (<-forgotten).Code)
	require.Equal(t, [3]int64{1, 0, 0}, h.stock(first))
	require.Equal(t, [3]int64{1, 0, 0}, h.stock(second))
	reply, refusal := h.engine.PlaceOrder(h.basket(customer, want{first, 1}, want{second, 1}))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, reply.Order.Lines, 2)
}

// What settles an event up to the rebuild, and what undoes a giving before it, is in
// the rebuilt state already, and moves nothing.
func TestARebuiltProductIgnoresWhatItHas(t *testing.T) {
	h := newHouse(t, quietly)
	product := h.product(10)
	p := h.engine.shelf.get(product)
	forgotten := p.tenure.Load()
	h.place(h.customer(), product, 4)
	p.rebuild()
	give := h.engine.internal(stepSettle)
	give.event.Kind, give.event.From, give.sequence = inventory.OrderCancelled, inventory.Reserved, p.rebuiltAt
	give.oneLine[0].Quantity = 1
	p.push(give, true)
	undo := h.engine.internal(stepUndo)
	undo.event.Kind, undo.oneSlip[0].taken = inventory.OrderExpired, forgotten
	undo.oneLine[0].Quantity = 1
	p.push(undo, true)
	require.EqualValues(t, 6, p.stock.Available())
	give = h.engine.internal(stepSettle)
	give.event.Kind, give.event.From, give.sequence = inventory.OrderCancelled, inventory.Reserved, p.rebuiltAt+1
	give.oneLine[0].Quantity = 1
	p.push(give, true)
	require.EqualValues(t, 7, p.stock.Available(), "what came after it counts")
}
