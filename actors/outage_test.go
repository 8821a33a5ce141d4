package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// logLines keeps the messages of a log.
type logLines struct {
	slog.Handler
	mutex sync.Mutex
	lines []string
}

func (l *logLines) Handle(_ context.Context, record slog.Record) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, record.Message)
	return nil
}

func (l *logLines) WithAttrs([]slog.Attr) slog.Handler { return l }

// count returns how often a message was logged.
func (l *logLines) count(message string) (n int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, line := range l.lines {
		if line == message {
			n++
		}
	}
	return n
}

const (
	logFailed = "the projection failed and will be tried again until the database takes it"
	logGoesOn = "the projection goes on"
)

// failingStore fails with an error in all that the projection asks of it.
type failingStore struct {
	persistence.Store
	failure  atomic.Pointer[error]
	attempts atomic.Int64
}

func (s *failingStore) Position(ctx context.Context) (persistence.Position, error) {
	if failure := s.failure.Load(); failure != nil {
		s.attempts.Add(1)
		return persistence.Position{}, *failure
	}
	return s.Store.Position(ctx)
}

func (s *failingStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	if failure := s.failure.Load(); failure != nil {
		s.attempts.Add(1)
		return *failure
	}
	return s.Store.Project(ctx, from, to, records)
}

// An outage is told of when it begins, when it becomes another one, and when it is over;
// what waits, and for how long, can be read meanwhile; and all is made up for.
func TestAnOutageIsToldOfOnce(t *testing.T) { inEachMode(t, requireOutagesAreToldOfOnce) }

func requireOutagesAreToldOfOnce(t *testing.T, mode func(*Options)) {
	log, store := &logLines{Handler: slog.DiscardHandler}, &failingStore{}
	log.Handler = slog.NewTextHandler(t.Output(), nil)
	h := newHouse(t, mode, func(o *Options) {
		store.Store, o.Store, o.Log = o.Store, store, slog.New(log)
	})
	customer, product := h.customer(), h.product(10)
	h.awaitProjection()
	require.Equal(t, ProjectionState{Acknowledge: h.acknowledge, Projected: 1, BacklogMax: BacklogRecordsMaxDefault,
		BacklogBytesMax: BacklogBytesMaxDefault}, h.engine.Projection())
	began := h.clock.Now()
	fail := func(err error, attempts int64) {
		before := store.attempts.Load()
		store.failure.Store(&err)
		require.Eventually(t, func() bool { return store.attempts.Load() >= before+attempts }, waitMax, waitStep)
	}
	away := errors.New("connection refused")
	store.failure.Store(&away)
	answers := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		answers <- refusal
	}()
	fail(away, 3)
	fail(fmt.Errorf("connect: %w", context.DeadlineExceeded), 3)
	h.clock.Advance(3 * time.Second)
	state := h.engine.Projection()
	require.True(t, state.Away())
	require.EqualValues(t, 1, state.Backlog)
	require.Positive(t, state.BacklogBytes)
	require.Equal(t, 3*time.Second, state.Lag)
	require.Equal(t, began, state.AwaySince)
	require.Equal(t, FailureTimeout, state.Failure)
	require.GreaterOrEqual(t, state.Failures, uint64(5))
	require.NoError(t, h.engine.Ready(), "selling goes on")
	store.failure.Store(nil)
	require.Equal(t, inventory.Refusal{}, <-answers)
	h.awaitProjection()
	require.Eventually(t, func() bool {
		state := h.engine.Projection()
		return !state.Away() && state.Backlog == 0 && state.BacklogBytes == 0 && state.Lag == 0 && state.Failure == "" && state.FailuresTotal >= 5
	}, waitMax, waitStep)
	require.Equal(t, 2, log.count(logFailed), "once when it begins, once when it is another one")
	require.Equal(t, 1, log.count(logGoesOn))
}

// Pauses double up to a bound, and are a random part of that, never less than half.
func TestPausesGrowAndDiffer(t *testing.T) {
	var o outage
	seen := map[time.Duration]bool{}
	for attempt := range 20 {
		longest := min(projectionPauseMin<<attempt, projectionPauseMax)
		pause := o.nextPause(projectionPauseMax)
		require.GreaterOrEqual(t, pause, longest/2)
		require.LessOrEqual(t, pause, longest)
		seen[pause] = true
	}
	require.Greater(t, len(seen), 10, "servers would come back in step")
	o.over()
	require.LessOrEqual(t, o.nextPause(projectionPauseMax), projectionPauseMin)
	require.LessOrEqual(t, o.nextPause(commitPauseMax), commitPauseMax)
}

// A whole list is whole or none: what is in memory is no answer to it while SQL is away.
func TestAWholeListIsWholeOrNone(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	old := h.place(customer, product, 1)
	_, refusal := h.change(inventory.OrderCancelled, old.ID, customer, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	held := h.place(customer, product, 1)
	h.awaitProjection()
	filter := persistence.OrderFilter{Customer: customer, Whole: true, Limit: 10}
	found, refusal := h.engine.Orders(t.Context(), filter)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, found, 2)
	h.store.away.Store(true)
	_, refusal = h.engine.Orders(t.Context(), filter)
	require.Equal(t, inventory.CodeStoreUnavailable, refusal.Code)
	filter.Whole = false
	found, refusal = h.engine.Orders(t.Context(), filter)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, held.ID, found[0].ID, "a page of the customer's own is what there is")
}
