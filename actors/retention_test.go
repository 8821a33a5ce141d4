package actors

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// kept lets an engine keep orders and movements for as short as it may.
func kept(o *Options) { o.OrderRetention, o.MovementRetention = RetentionMin, RetentionMin }

// keepingHouse is a house whose engine deletes what is old, and lets a test look on.
type keepingHouse struct {
	*house
	purges *purgeStore
	sleeps *sleepJournal
}

// purgeStore is a store that tells of purges, and can fail them.
type purgeStore struct {
	persistence.Store
	calls, failures atomic.Int64
	away            atomic.Bool
	// read is called when an order was read and is not returned yet.
	read atomic.Pointer[func()]
}

func (s *purgeStore) PurgeOrders(ctx context.Context, at persistence.Position, before inventory.Instant, limit int) (int, error) {
	if s.away.Load() {
		s.failures.Add(1)
		return 0, errAway
	}
	defer s.calls.Add(1)
	return s.Store.PurgeOrders(ctx, at, before, limit)
}

func (s *purgeStore) OrderByID(ctx context.Context, id inventory.ID) (inventory.Order, error) {
	order, err := s.Store.OrderByID(ctx, id)
	if read := s.read.Swap(nil); read != nil {
		(*read)()
	}
	return order, err
}

// sleepJournal knows whether the projector has nothing to do until a record comes.
type sleepJournal struct {
	persistence.Journal
	asleep atomic.Bool
	sleeps atomic.Int64
}

func (j *sleepJournal) WaitDurable(ctx context.Context, sequence uint64) error {
	if sequence == j.DurableSequence()+1 { // else it lets records gather
		j.sleeps.Add(1)
		j.asleep.Store(true)
		defer j.asleep.Store(false)
	}
	return j.Journal.WaitDurable(ctx, sequence)
}

func newKeepingHouse(t *testing.T, disk *crashfs.FS, configure ...func(*Options)) *keepingHouse {
	k := &keepingHouse{purges: &purgeStore{}, sleeps: &sleepJournal{}}
	k.house = newHouseOn(t, disk, append(configure, kept, func(o *Options) {
		k.purges.Store, k.sleeps.Journal = o.Store, o.Journal
		o.Store, o.Journal = k.purges, k.sleeps
	})...)
	return k
}

// tick lets the time of a look pass, and returns when the projector has looked.
func (k *keepingHouse) tick() {
	k.t.Helper()
	require.Eventually(k.t, k.sleeps.asleep.Load, waitMax, waitStep)
	before := k.sleeps.sleeps.Load()
	k.clock.Advance(purgeInterval)
	require.Eventually(k.t, func() bool { return k.sleeps.sleeps.Load() > before }, waitMax, waitStep)
}

// age lets a time pass, and the projector look at what is too old then: it looks for the
// orders that are, and then deletes them.
func (k *keepingHouse) age(time time.Duration) {
	k.awaitProjection()
	k.clock.Advance(holdTime)
	k.awaitProjection()
	k.clock.Advance(time - holdTime)
	for range 4 {
		k.tick()
	}
}

// shipped places an order and ships it.
func (k *keepingHouse) shipped(customer, product inventory.ID, quantity int64) inventory.Order {
	order := k.place(customer, product, quantity)
	_, refusal := k.change(inventory.OrderConfirmed, order.ID, customer, customer)
	require.Equal(k.t, inventory.Refusal{}, refusal)
	reply, refusal := k.move(inventory.OrderFulfilled, order.ID, k.key(), false)
	require.Equal(k.t, inventory.Refusal{}, refusal)
	return reply.Order
}

// state returns the state of an order, or of what refuses it.
func (k *keepingHouse) state(order inventory.ID) string {
	found, refusal := k.engine.Order(k.t.Context(), order, inventory.ID{})
	if refusal.Refused() {
		return string(refusal.Code)
	}
	return found.State.String()
}

func TestOldOrdersAndMovementsAreDeleted(t *testing.T) { inEachMode(t, requireOldOrdersAreDeleted) }

// Settled orders go when they are too old, and nothing else changes: not the stock, not
// what counts towards limits, not orders that are to be shipped. A start finds all in
// order.
func requireOldOrdersAreDeleted(t *testing.T, mode func(*Options)) {
	k := newKeepingHouse(t, crashfs.New(), mode)
	customer, product, limited := k.customer(), k.product(100), k.limited(100)
	request := orderOf(customer, k.key(), product, 1)
	placed, refusal := k.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	expired := placed.Order.ID
	shipped, bought := k.shipped(customer, product, 2).ID, k.shipped(customer, limited, 3).ID
	unshipped := k.place(customer, product, 4).ID
	_, refusal = k.change(inventory.OrderConfirmed, unshipped, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)

	k.age(RetentionMin - time.Hour)
	stock, limitedStock := k.stock(product), k.stock(limited)
	require.Equal(t, [3]int64{98, 0, 4}, stock)
	require.Zero(t, k.engine.Statistics().PurgedOrders, "none is old enough")
	for range 2 {
		k.age(2 * time.Hour)
		require.Equal(t, []string{"not_found", "not_found", "fulfilled", "confirmed"},
			[]string{k.state(expired), k.state(shipped), k.state(bought), k.state(unshipped)})
		require.EqualValues(t, 2, k.engine.Statistics().PurgedOrders)
	}
	movements, err := k.store.Movements(t.Context(), persistence.MovementFilter{Product: product, Limit: 100})
	require.NoError(t, err)
	require.Len(t, movements, 1, "the newest movement stays")
	require.Positive(t, k.engine.Statistics().PurgedMovements)

	k.close()
	k.open(kept)
	require.Equal(t, stock, k.stock(product))
	require.Equal(t, limitedStock, k.stock(limited))
	_, refusal = k.engine.PlaceOrder(orderOf(customer, k.key(), limited, 3))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code, "what was bought long ago counts")
	again, refusal := k.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.False(t, again.Replayed, "a key does not outlive its order")
	_, refusal = k.move(inventory.OrderReturned, shipped, k.key(), true)
	require.Equal(t, inventory.CodeNotFound, refusal.Code)
	_, refusal = k.move(inventory.OrderFulfilled, unshipped, k.key(), false)
	require.Equal(t, inventory.Refusal{}, refusal, "what waits to be shipped can be, however long that was")
}

// Without a retention nothing is ever deleted.
func TestOrdersAreKeptForEver(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	h.clock.Advance(100 * RetentionMin)
	h.awaitProjection()
	h.place(customer, product, 1)
	h.awaitProjection()
	found, refusal := h.engine.Order(t.Context(), order.ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Expired, found.State)
}

// A change that was decided and that SQL does not have yet keeps its order: the journal
// could not be projected without it.
func TestAnOrderWithAChangeOnItsWayIsNotDeleted(t *testing.T) {
	disk := newGatedDisk()
	k := newKeepingHouse(t, disk.FS)
	customer, product := k.customer(), k.product(10)
	order := k.shipped(customer, product, 2)
	k.age(RetentionMin - time.Hour)

	release := disk.hold()
	answers := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := k.move(inventory.OrderReturned, order.ID, k.key(), true, want{product, 1})
		answers <- refusal
	}()
	select {
	case <-disk.waiting:
	case refusal := <-answers:
		t.Fatalf("the return was refused: %s", refusal.Detail)
	}
	k.clock.Advance(2 * time.Hour) // SQL has the order as it was too long ago
	for range 5 {
		k.tick()
	}
	release()
	require.Equal(t, inventory.Refusal{}, <-answers)
	k.age(holdTime)
	require.Nil(t, k.failed.Load(), "the projection failed")
	require.Equal(t, "partially_returned", k.state(order.ID))
	k.age(RetentionMin)
	require.Equal(t, "not_found", k.state(order.ID))
}

// An order that was read to be changed, and was deleted before that, is not changed: the
// record could be projected by nobody.
func TestAnOrderThatWasDeletedMeanwhileIsNotChanged(t *testing.T) {
	k := newKeepingHouse(t, crashfs.New())
	customer, product := k.customer(), k.product(10)
	order := k.shipped(customer, product, 2)
	k.awaitProjection()
	reading, proceed := make(chan struct{}), make(chan struct{})
	read := func() { close(reading); <-proceed }
	k.purges.read.Store(&read)
	answers := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := k.move(inventory.OrderReturned, order.ID, k.key(), true)
		answers <- refusal
	}()
	<-reading
	k.clock.Advance(RetentionMin + time.Hour)
	require.Eventually(t, func() bool {
		k.tick()
		return k.engine.Statistics().PurgedOrders == 1
	}, waitMax, waitStep)
	close(proceed)
	refusal := <-answers
	require.Equal(t, inventory.CodeInvalidTransition, refusal.Code)
	require.Contains(t, refusal.Detail, RetentionMin.String())
	k.awaitProjection()
	require.Nil(t, k.failed.Load())
	require.Equal(t, [3]int64{8, 0, 0}, k.stock(product), "nothing came back")
}

// An order that stays because it counts towards a limit cannot be changed either once it
// is too old: whether it stays is decided by SQL.
func TestAnOrderThatIsTooOldIsNotChanged(t *testing.T) {
	k := newKeepingHouse(t, crashfs.New())
	customer, limited := k.customer(), k.limited(10)
	order := k.shipped(customer, limited, 2)
	k.age(RetentionMin + time.Hour)
	require.Equal(t, "fulfilled", k.state(order.ID))
	_, refusal := k.move(inventory.OrderReturned, order.ID, k.key(), true)
	require.Equal(t, inventory.CodeInvalidTransition, refusal.Code)
	require.Equal(t, [3]int64{8, 0, 0}, k.stock(limited))
}

// While the database takes nothing, nothing is lost, and it is told of once.
func TestDeletionWaitsForTheDatabase(t *testing.T) {
	const message = "what is too old could not be deleted and will be tried again"
	log := &logLines{Handler: slog.DiscardHandler}
	log.Handler = slog.NewTextHandler(t.Output(), nil)
	k := newKeepingHouse(t, crashfs.New(), func(o *Options) { o.Log = slog.New(log) })
	customer, product := k.customer(), k.product(10)
	order := k.shipped(customer, product, 2)
	k.purges.away.Store(true)
	k.age(RetentionMin + time.Hour)
	require.Greater(t, k.purges.failures.Load(), int64(1))
	require.Equal(t, 1, log.count(message))
	require.Equal(t, "fulfilled", k.state(order.ID))
	k.purges.away.Store(false)
	require.Eventually(t, func() bool {
		k.tick()
		return k.state(order.ID) == "not_found"
	}, waitMax, waitStep)
	require.Equal(t, 1, log.count(message))
}

// Deletion goes on while orders come and are changed, and after a crash at any moment the
// journal has no record of an order that SQL has not.
func TestDeletionWhileOrdersAreChanged(t *testing.T) {
	k := newKeepingHouse(t, crashfs.New(), func(o *Options) { o.ProjectionInterval = time.Nanosecond })
	product := k.product(1_000_000)
	const roundsMax, customers = 1_000, 4
	var orders [customers][]inventory.ID
	var group sync.WaitGroup
	for round := 0; k.engine.Statistics().PurgedOrders < 100; round++ {
		require.Less(t, round, roundsMax, "too little is deleted")
		for c := range customers {
			customer := k.customer()
			group.Go(func() {
				for range 5 {
					orders[c] = append(orders[c], k.shipped(customer, product, 2).ID)
				}
				for _, old := range orders[c][max(0, len(orders[c])-30):] {
					_, refusal := k.move(inventory.OrderReturned, old, k.key(), true)
					if refusal.Refused() {
						require.Contains(t, []inventory.Code{inventory.CodeNotFound, inventory.CodeInvalidTransition}, refusal.Code)
					}
				}
			})
		}
		group.Wait()
		k.awaitProjection()
		k.clock.Advance(RetentionMin / 3) // the next round, and what is too old now
	}
	require.Nil(t, k.failed.Load())
	k.crash(crashfs.Kept, nil, kept)
	k.awaitProjection()
	require.Nil(t, k.failed.Load())
}

// While the machine's clock and ours disagree, one of them is wrong. What is too old by
// ours is not deleted then: a start with a wrong clock would delete everything.
func TestNothingIsDeletedWhileTheClockIsInDoubt(t *testing.T) {
	k := newKeepingHouse(t, crashfs.New())
	customer, product := k.customer(), k.product(10)
	order := k.shipped(customer, product, 2)
	k.clock.SetDrift(-2 * RetentionMin)
	k.age(RetentionMin + time.Hour)
	require.Equal(t, "fulfilled", k.state(order.ID))
	require.Zero(t, k.engine.Statistics().PurgedMovements)
	k.place(customer, product, 1) // keys are looked at after a transaction
	k.awaitProjection()
	_, err := k.store.KeyByFingerprint(t.Context(), order.Key)
	require.NoError(t, err, "the key was forgotten")
	k.clock.SetDrift(0)
	require.Eventually(t, func() bool {
		k.tick()
		return k.state(order.ID) == "not_found"
	}, waitMax, waitStep)
}

// A time that is shorter than keys need is refused.
func TestARetentionMustOutliveTheKeys(t *testing.T) {
	for _, short := range []time.Duration{-time.Hour, 1, RetentionMin - 1} {
		_, err := New(Options{OrderRetention: short})
		require.ErrorContains(t, err, "orders cannot be kept for")
		_, err = New(Options{MovementRetention: short})
		require.ErrorContains(t, err, "at least 168h0m0s, or 0 for ever")
	}
}
