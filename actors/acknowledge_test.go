package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// heldStore holds back the transactions of the projection.
type heldStore struct {
	persistence.Store
	gate atomic.Pointer[chan struct{}]
	// waiting gets a value for each transaction that is held back.
	waiting chan struct{}
	// projected counts the transactions.
	projected atomic.Int64
}

func (s *heldStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	if gate := s.gate.Load(); gate != nil {
		s.waiting <- struct{}{}
		<-*gate
	}
	s.projected.Add(1)
	return s.Store.Project(ctx, from, to, records)
}

// hold makes the next transactions wait; the result lets them go.
func (s *heldStore) hold(t *testing.T) (release func()) {
	gate := make(chan struct{})
	s.gate.Store(&gate)
	release = sync.OnceFunc(func() {
		s.gate.Store(nil)
		close(gate)
	})
	t.Cleanup(release)
	return release
}

// newHeldHouse answers after the commit, which the test can hold back.
func newHeldHouse(t *testing.T, configure ...func(*Options)) (*house, *heldStore) {
	store := &heldStore{waiting: make(chan struct{}, 1_000)}
	h := newHouse(t, append(configure, func(o *Options) {
		store.Store, o.Store = o.Store, store
		o.Acknowledge, o.ProjectionInterval = AcknowledgeDatabase, time.Hour
	})...)
	return h, store
}

// What changes stock or an order, and what that leaves of a stock of 10 units, of which 2
// are held.
var acknowledgedChanges = []struct {
	name string
	do   func(h *house, product, customer inventory.ID, held *inventory.Order) inventory.Refusal
	want [3]int64
}{
	{"place", func(h *house, product, customer inventory.ID, _ *inventory.Order) inventory.Refusal {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 3))
		return refusal
	}, [3]int64{10, 5, 0}},
	{"confirm", func(h *house, _, customer inventory.ID, held *inventory.Order) inventory.Refusal {
		_, refusal := h.change(inventory.OrderConfirmed, held.ID, customer, customer)
		return refusal
	}, [3]int64{10, 0, 2}},
	{"extend", func(h *house, _, customer inventory.ID, held *inventory.Order) inventory.Refusal {
		h.clock.Advance(time.Minute)
		_, refusal := h.change(inventory.OrderExtended, held.ID, customer, customer)
		return refusal
	}, [3]int64{10, 2, 0}},
	{"adjust", func(h *house, product, customer inventory.ID, _ *inventory.Order) inventory.Refusal {
		_, refusal := h.engine.AdjustStock(&AdjustStock{Product: product, Caller: customer, Delta: -1, Reason: "count", Key: h.key()})
		return refusal
	}, [3]int64{9, 2, 0}},
	{"opening", func(h *house, _, _ inventory.ID, _ *inventory.Order) inventory.Refusal {
		row := persistence.CatalogueProduct{OpeningStock: 5, Version: 1, Product: inventory.Product{
			ID: inventory.ID{1, 2, 3}, SKU: "NEW", Name: "New", HoldSeconds: 600, Price: inventory.Money{Minor: 1, Currency: euro}}}
		if err := h.store.CreateProducts(context.Background(), row); err != nil {
			return refusedStoreUnavailable
		}
		return h.engine.AddProduct(row)
	}, [3]int64{10, 2, 0}},
}

// While the transaction runs, nobody is answered and the board shows the old stock,
// however durable the journal has it. At the moment of the answer SQL has it.
func TestNothingIsToldBeforeItIsCommitted(t *testing.T) {
	for _, change := range acknowledgedChanges {
		t.Run(change.name, func(t *testing.T) {
			h, store := newHeldHouse(t)
			customer, product := h.customer(), h.product(10)
			held := h.place(customer, product, 2)
			before, _ := h.engine.Stock(product)
			sequence := h.journal.DurableSequence() + 1
			release := store.hold(t)
			var position persistence.Position
			answers := make(chan inventory.Refusal, 1)
			go func() {
				refusal := change.do(h, product, customer, &held)
				position, _ = store.Position(context.Background())
				answers <- refusal
			}()
			<-store.waiting
			require.Equal(t, sequence, h.journal.DurableSequence(), "the journal has it")
			shown, _ := h.engine.Stock(product)
			require.Equal(t, before, shown, "the board shows what is not committed")
			require.Empty(t, answers, "answered before the commit")
			release()
			require.Equal(t, inventory.Refusal{}, <-answers)
			require.Equal(t, sequence, position.Sequence, "answered before the commit")
			require.Equal(t, change.want, h.stock(product))
		})
	}
}

// An order that is not committed cannot be read, its key is in flight, and its units are
// taken: who wants them is refused, and hears that they are held.
func TestAnUncommittedOrderIsInFlight(t *testing.T) {
	h, store := newHeldHouse(t)
	customer, product := h.customer(), h.product(10)
	first := h.place(customer, product, 1)
	release := store.hold(t)
	request := orderOf(customer, h.key(), product, 9)
	answers := make(chan OrderReply, 1)
	go func() {
		reply, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		answers <- reply
	}()
	<-store.waiting
	_, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 9))
	require.Equal(t, inventory.CodeRequestInProgress, refusal.Code)
	_, refusal = h.engine.OrderByKey(t.Context(), customer, request.Key)
	require.Equal(t, inventory.CodeRequestInProgress, refusal.Code)
	listed, refusal := h.engine.Orders(t.Context(), persistence.OrderFilter{Customer: customer, Limit: 10})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, listed, 1)
	require.Equal(t, first.ID, listed[0].ID)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
	require.Equal(t, inventory.CodeAllHeld, refusal.Code, "the units are held, although the board does not show it")
	release()
	placed := (<-answers).Order
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 9))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	require.Equal(t, placed.ID, reply.Order.ID)
	read, refusal := h.engine.Order(t.Context(), placed.ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, placed.ID, read.ID)
}

// Whoever asks for a change that somebody else has made already waits for its commit.
func TestARepeatWaitsForTheCommit(t *testing.T) {
	h, store := newHeldHouse(t)
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	release := store.hold(t)
	answers := make(chan inventory.State, 3)
	confirm := func() {
		confirmed, refusal := h.change(inventory.OrderConfirmed, order.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		answers <- confirmed.State
	}
	go confirm()
	<-store.waiting
	go confirm()
	go func() {
		read, refusal := h.engine.Order(t.Context(), order.ID, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		answers <- read.State
	}()
	require.Eventually(t, func() bool { return h.engine.inFlight.Load() == 3 }, waitMax, waitStep)
	require.Empty(t, answers)
	release()
	for range 3 {
		require.Equal(t, inventory.Confirmed, <-answers)
	}
}

// While one transaction runs, the next gathers all that comes, and follows at once.
func TestCommitsAreShared(t *testing.T) {
	h, store := newHeldHouse(t)
	customer, product := h.customer(), h.product(1_000)
	release := store.hold(t)
	before := store.projected.Load()
	var group sync.WaitGroup
	place := func() { group.Go(func() { h.place(customer, product, 1) }) }
	place()
	<-store.waiting
	last := h.journal.DurableSequence() + 200
	for range 200 {
		place()
	}
	require.Eventually(t, func() bool { return h.journal.DurableSequence() == last }, waitMax, waitStep)
	release()
	group.Wait()
	require.EqualValues(t, 2, store.projected.Load()-before)
}

// told notes in which order it is shown and answered.
type told struct {
	name  string
	notes *[]string
}

func (s told) show(sequence uint64) {
	*s.notes = append(*s.notes, fmt.Sprintf("%s shown at %d", s.name, sequence))
}
func (s told) answer()  { *s.notes = append(*s.notes, s.name+" answered") }
func (s told) abandon() { *s.notes = append(*s.notes, s.name+" abandoned") }

// All of a transaction is shown before the first of it is answered, in order, and nothing
// of the next. After the end nobody hears of success.
func TestCommitsAreAnsweredInOrder(t *testing.T) {
	var notes []string
	c := newCommits(AcknowledgeDatabase)
	for n, name := range []string{"a", "b", "c"} {
		c.add(uint64(n+1), told{name, &notes})
	}
	c.release(2)
	require.Equal(t, []string{"a shown at 1", "b shown at 2", "a answered", "b answered"}, notes)
	require.EqualValues(t, 2, c.reached.Load())
	c.release(1)
	require.EqualValues(t, 2, c.reached.Load(), "what was acknowledged was taken back")
	notes = nil
	c.abandon()
	c.add(4, told{"d", &notes})
	c.release(4)
	require.Equal(t, []string{"c abandoned", "d abandoned"}, notes)
}

// While the database is away, callers hear that the outcome is unknown, and beyond the
// bound nobody is let in. When it is back, who still waits is answered, and every key
// tells.
func TestNothingIsLostWhileTheDatabaseIsAway(t *testing.T) {
	const places = 4
	h := newHouse(t, fromDatabase, quietly, func(o *Options) { o.InFlightMax = places })
	customer, product := h.customer(), h.product(100)
	h.store.away.Store(true)
	h.engine.requestTimeout = 20 * time.Millisecond
	var requests []*PlaceOrder
	for range places - 1 {
		request := orderOf(customer, h.key(), product, 2)
		requests = append(requests, request)
		_, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 2))
		require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
	}
	h.engine.requestTimeout = waitMax
	patient := make(chan inventory.Refusal, 1)
	waiting := orderOf(customer, h.key(), product, 2)
	go func() {
		_, refusal := h.engine.PlaceOrder(waiting)
		patient <- refusal
	}()
	require.Eventually(t, func() bool { return h.engine.inFlight.Load() == places }, waitMax, waitStep)
	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 2))
	require.Equal(t, inventory.CodeOverloaded, refusal.Code)
	require.Equal(t, [3]int64{100, 0, 0}, h.stock(product))
	h.store.away.Store(false)
	require.Equal(t, inventory.Refusal{}, <-patient)
	require.Equal(t, [3]int64{100, 2 * places, 0}, h.stock(product))
	for _, request := range requests {
		reply, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.True(t, reply.Replayed)
	}
	require.Zero(t, h.engine.inFlight.Load(), "an abandoned operation still counts")
}

// What the journal has and SQL has not when the process dies is committed before the
// next one serves; then it is shown, and its key tells.
func TestAStartCommitsWhatItFinds(t *testing.T) {
	h := newHouse(t, fromDatabase, quietly)
	customer, product := h.customer(), h.product(10)
	h.store.away.Store(true)
	h.engine.requestTimeout = 20 * time.Millisecond
	request := orderOf(customer, h.key(), product, 3)
	_, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 3))
	require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
	// Its caller may have run out of time before the order was appended.
	require.Eventually(t, func() bool { return h.journal.DurableSequence() == 2 }, waitMax, waitStep)
	var attempts atomic.Int64
	h.crash(crashfs.Kept, rand.New(rand.NewPCG(1, 1)), quietly, func(o *Options) {
		store := &projectStore{Store: o.Store}
		store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
			if attempts.Add(1) < 3 {
				return errAway
			}
			return store.Store.Project(ctx, from, to, records)
		})
		o.Store = store
	})
	require.EqualValues(t, 3, attempts.Load(), "the start did not wait for the database")
	position, err := h.store.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, h.journal.DurableSequence(), position.Sequence)
	require.Equal(t, [3]int64{10, 3, 0}, h.stock(product))
	reply, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
}

// Who waits for the database when the engine ends is told so, and not left waiting.
func TestAnEndAbandonsWhoWaits(t *testing.T) {
	h := newHouse(t, fromDatabase, quietly)
	customer, product := h.customer(), h.product(10)
	h.store.away.Store(true)
	answers := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 3))
		answers <- refusal
	}()
	require.Eventually(t, func() bool { return h.journal.DurableSequence() == 2 }, waitMax, waitStep)
	h.crash(crashfs.Kept, rand.New(rand.NewPCG(1, 1)))
	require.Equal(t, refusedUncommitted, <-answers, "left to wait for its time")
	require.Equal(t, [3]int64{10, 3, 0}, h.stock(product))
}
