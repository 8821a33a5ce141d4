package actors

import (
	"context"
	"errors"
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
func newProjectHouse(t *testing.T) (*house, *projectStore, *releaseJournal) {
	store, journal := &projectStore{}, &releaseJournal{}
	h := newHouse(t, func(o *Options) {
		store.Store, journal.Journal = o.Store, o.Journal
		o.Store, o.Journal, o.ProjectionInterval = store, journal, time.Nanosecond
	})
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
func TestAnUnknownCommitIsFollowedUp(t *testing.T) {
	h, store, _ := newProjectHouse(t)
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
