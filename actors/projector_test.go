package actors

import (
	"context"
	"errors"
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

// projectStore is a store whose Project is the test's.
type projectStore struct {
	persistence.Store
	project atomic.Pointer[projectFunction]
}

type projectFunction func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error

func (s *projectStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	if project := s.project.Load(); project != nil {
		return (*project)(ctx, from, to, records)
	}
	return s.Store.Project(ctx, from, to, records)
}

func (s *projectStore) set(project projectFunction) { s.project.Store(&project) }

// releaseJournal notes what the engine releases.
type releaseJournal struct {
	persistence.Journal
	released atomic.Uint64
}

func (j *releaseJournal) Release(sequence uint64) error {
	j.released.Store(max(j.released.Load(), sequence))
	return j.Journal.Release(sequence)
}

// newProjectHouse returns a house with both, which projects without a pause.
func newProjectHouse(t *testing.T, configure ...func(*Options)) (*house, *projectStore, *releaseJournal) {
	store, journal := &projectStore{}, &releaseJournal{}
	h := newHouse(t, append(configure, func(o *Options) {
		store.Store, journal.Journal = o.Store, o.Journal
		o.Store, o.Journal, o.ProjectionInterval = store, journal, time.Nanosecond
	})...)
	return h, store, journal
}

// What SQL does not have is not forgotten: an order whose last event is not
// projected stays in memory, since SQL would tell an older state; and its record
// stays in the journal.
func TestWhatSQLLacksStaysInMemoryAndJournal(t *testing.T) {
	h, store, journal := newProjectHouse(t)
	customer, product := h.customer(), h.product(10)
	h.awaitProjection()
	arrived, proceed, free := make(chan struct{}), make(chan struct{}), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(free) })
	t.Cleanup(letGo)
	store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
		for _, gate := range []chan struct{}{arrived, proceed} {
			select {
			case gate <- struct{}{}:
			case <-free:
			}
		}
		return store.Store.Project(ctx, from, to, records)
	})
	order := h.place(customer, product, 1)
	<-arrived
	_, refusal := h.change(inventory.OrderCancelled, order.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.Refusal{}, refusal)
	<-proceed
	// SQL has the first record, and is held before it gets the second one.
	<-arrived
	h.awaitIdle()
	position, err := h.store.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, h.journal.DurableSequence()-1, position.Sequence)
	require.Equal(t, position.Sequence, journal.released.Load())
	found, refusal := h.engine.Order(t.Context(), order.ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Cancelled, found.State)
	letGo()
	h.awaitProjection()
	require.Eventually(t, func() bool { return journal.released.Load() == h.journal.DurableSequence() }, waitMax, waitStep)
}

// A transaction whose outcome is not known is neither repeated nor skipped.
func TestAnUnknownCommitIsFollowedUp(t *testing.T) { inEachMode(t, requireUnknownCommitsAreFollowedUp) }

func requireUnknownCommitsAreFollowedUp(t *testing.T, mode func(*Options)) {
	h, store, _ := newProjectHouse(t, mode)
	customer, product := h.customer(), h.product(10)
	var calls atomic.Int64
	store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
		if call := calls.Add(1); call%3 == 1 {
			return errAway
		} else if call%3 == 2 {
			return errors.Join(store.Store.Project(ctx, from, to, records), errAway)
		}
		return store.Store.Project(ctx, from, to, records)
	})
	for range 5 {
		h.place(customer, product, 1)
		h.awaitProjection()
	}
	require.Greater(t, calls.Load(), int64(5))
	f := newFold(t)
	f.read(h.journal)
	f.compareSQL(h)
}

// Data that cannot be verified ends the program (P9).
func TestCorruptDataEndsTheProgram(t *testing.T) {
	h, store, _ := newProjectHouse(t)
	customer, product := h.customer(), h.product(10)
	h.awaitProjection()
	store.set(func(context.Context, persistence.Position, persistence.Position, []persistence.Record) error {
		return persistence.ErrCorrupt
	})
	h.place(customer, product, 1)
	require.Eventually(t, func() bool { return h.failed.Load() != nil }, waitMax, waitStep)
	require.ErrorIs(t, *h.failed.Load(), persistence.ErrCorrupt)
	h.crash(crashfs.Kept, rand.New(rand.NewPCG(1, 1)))
	require.Equal(t, [3]int64{10, 1, 0}, h.stock(product))
}

// Nobody is answered before the durable sequence is raised: who is answered reads
// what was written.
func TestAnswersLeaveWithTheWholeBatch(t *testing.T) {
	h := newHouse(t)
	require.Equal(t, inventory.Refusal{}, h.engine.enter())
	op := newOperation(h.engine, stepPlace)
	op.Durable(1, nil)
	require.Empty(t, op.done, "answered before the batch was published")
	h.engine.Published(1)
	require.Len(t, op.done, 1)
}

// The projection rests only for those who sell: when nothing came while it worked, it
// goes on at once, however long that took.
func TestTheProjectionRestsForThoseWhoSell(t *testing.T) {
	for _, selling := range []bool{false, true} {
		h, store, _ := newProjectHouse(t)
		customer, product := h.customer(), h.product(1_000)
		h.awaitProjection()
		store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
			h.clock.Advance(5 * time.Minute) // no hold ends
			if selling {
				h.place(customer, product, 1)
			}
			return store.Store.Project(ctx, from, to, records)
		})
		projector := h.engine.projector // Never may look once more when the house is closed
		reached := func(order inventory.Order) func() bool {
			return func() bool { return projector.position() >= order.Sequence }
		}
		require.Eventually(t, reached(h.place(customer, product, 1)), waitMax, waitStep)
		store.set(store.Store.Project)
		placed := h.place(customer, product, 1)
		if selling {
			require.Never(t, reached(placed), 100*time.Millisecond, waitStep)
			continue
		}
		require.Eventually(t, reached(placed), waitMax, waitStep)
	}
}

// A database that answers late is not rested from for nine times as long.
func TestARestIsBounded(t *testing.T) {
	for worked, rest := range map[time.Duration]time.Duration{
		0: 100 * time.Millisecond, 200 * time.Millisecond: 1800 * time.Millisecond, time.Minute: projectionRestMax,
	} {
		require.Equal(t, rest, restAfter(100*time.Millisecond, worked))
	}
	require.Equal(t, time.Hour, restAfter(time.Hour, time.Minute), "records gather for as long as was asked for")
}

// What has gathered while SQL was away, or is found at a start, is projected without a
// pause; then there are pauses again.
func TestTheProjectionCatchesUpWithoutAPause(t *testing.T) {
	for name, goOn := range map[string]func(h *house, hourly func(*Options)){
		"after an outage": func(*house, func(*Options)) {},
		"after a start": func(h *house, hourly func(*Options)) {
			h.crash(crashfs.Kept, rand.New(rand.NewPCG(1, 1)), quietly, hourly)
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &projectStore{}
			hourly := func(o *Options) { store.Store, o.Store, o.ProjectionInterval = o.Store, store, time.Hour }
			h := newHouse(t, quietly, hourly)
			customer, product := h.customer(), h.product(1_000)
			var lines []inventory.Line
			for range 100 {
				lines = append(lines, sold(h.product(1), 1))
			}
			h.awaitProjection()
			var failures, runs atomic.Int64
			store.set(func(context.Context, persistence.Position, persistence.Position, []persistence.Record) error {
				failures.Add(1)
				return errAway
			})
			engine, next := h.engine, h.journal.DurableSequence()+1
			go func() { _ = engine.WaitProjected(t.Context(), next) }() // it tries at once
			var gathered uint64
			const orders = 1_000 // of about 9 KiB: several transactions
			for n := range orders {
				_, events := h.past(customer, n, lines...)
				gathered = h.record(events)
			}
			require.NoError(t, h.journal.WaitDurable(t.Context(), gathered))
			require.Eventually(t, func() bool { return failures.Load() > 0 }, waitMax, waitStep)
			// It takes no time, and the rows are of no interest.
			store.set(func(context.Context, persistence.Position, persistence.Position, []persistence.Record) error {
				runs.Add(1)
				return nil
			})
			goOn(h, hourly)
			require.Eventually(t, func() bool { return h.engine.projector.position() == gathered }, 3*waitMax, waitStep)
			require.GreaterOrEqual(t, runs.Load(), int64(2))
			placed, projector := h.place(customer, product, 1).Sequence, h.engine.projector
			require.Never(t, func() bool { return projector.position() >= placed }, 50*time.Millisecond, waitStep)
		})
	}
}

// However large the records are that wait for SQL, few of them are in memory at once.
func TestTheProjectionTakesSoManyBytes(t *testing.T) {
	h, store, _ := newProjectHouse(t)
	customer := h.customer()
	var lines []inventory.Line
	for range 100 {
		lines = append(lines, sold(h.product(1), 1))
	}
	h.awaitProjection()
	store.set(func(context.Context, persistence.Position, persistence.Position, []persistence.Record) error {
		return errAway
	})
	const orders = 1_000 // of about 9 KiB
	for n := range orders {
		_, events := h.past(customer, n, lines...)
		require.NoError(t, h.journal.WaitDurable(t.Context(), h.record(events)))
	}
	var runs, most atomic.Int64
	store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
		runs.Add(1)
		most.Store(max(most.Load(), int64(len(records))))
		return store.Store.Project(ctx, from, to, records)
	})
	require.NoError(t, h.engine.WaitProjected(t.Context(), h.journal.DurableSequence()))
	require.GreaterOrEqual(t, runs.Load(), int64(2))
	require.Less(t, most.Load(), int64(4*orders*3/4))
}

// A run that the database cannot do in the time it has is not repeated at the same size
// for ever: the runs become smaller until they can be done, and large again afterwards.
func TestARunThatTakesTooLongIsMadeSmaller(t *testing.T) {
	h, store, _ := newProjectHouse(t, quietly)
	customer, product := h.customer(), h.product(1_000)
	h.awaitProjection()
	const fits = 3
	var away, slow atomic.Bool
	var largest, refused atomic.Int64
	store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
		switch {
		case away.Load():
			return errAway
		case slow.Load() && len(records) > fits:
			refused.Add(1)
			return fmt.Errorf("canceling statement due to statement timeout: %w", context.DeadlineExceeded)
		}
		largest.Store(max(largest.Load(), int64(len(records))))
		return store.Store.Project(ctx, from, to, records)
	})
	placeMany := func() {
		away.Store(true)
		for range 100 { // each a batch of the journal
			h.place(customer, product, 1)
		}
		largest.Store(0)
		away.Store(false)
	}
	slow.Store(true)
	placeMany()
	h.awaitProjection()
	require.LessOrEqual(t, largest.Load(), int64(fits))
	require.Positive(t, refused.Load())
	slow.Store(false)
	for range 8 { // each lets the next be twice as large
		h.place(customer, product, 1)
		h.awaitProjection()
	}
	placeMany()
	h.awaitProjection()
	require.Greater(t, largest.Load(), int64(fits))
}

// A transaction that took too long gives the next ones more time, and those that did not
// take it away again: after an outage, a database that hangs is not waited for longer than
// before.
func TestTheTimeForATransactionShrinksAgain(t *testing.T) {
	h, store, _ := newProjectHouse(t, quietly)
	customer, product := h.customer(), h.product(1_000)
	h.awaitProjection()
	var failures atomic.Int64
	var longest atomic.Int64
	store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
		deadline, _ := ctx.Deadline()
		longest.Store(int64(time.Until(deadline)))
		if failures.Add(1) <= 3 {
			return context.DeadlineExceeded
		}
		return store.Store.Project(ctx, from, to, records)
	})
	h.place(customer, product, 1)
	h.awaitProjection()
	require.Greater(t, longest.Load(), int64(4*projectionTimeout), "more time after each")
	h.place(customer, product, 1)
	h.awaitProjection()
	require.LessOrEqual(t, longest.Load(), int64(projectionTimeout))
}
