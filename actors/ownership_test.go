package actors

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// movedStore is a database whose position somebody else has moved.
type movedStore struct {
	persistence.Store
	moved atomic.Pointer[persistence.Position]
}

func (s *movedStore) Position(ctx context.Context) (persistence.Position, error) {
	if moved := s.moved.Load(); moved != nil {
		return *moved, nil
	}
	return s.Store.Position(ctx)
}

func (s *movedStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	if moved := s.moved.Load(); moved != nil && *moved != from {
		return persistence.ErrPositionMoved
	}
	return s.Store.Project(ctx, from, to, records)
}

// A database that somebody else writes to is not ours any more: nothing is acknowledged
// on the strength of it, nothing new is taken, and the program is told to end (P9).
func TestAMovedPositionEndsTheAcknowledgements(t *testing.T) {
	for name, move := range map[string]func(*persistence.Position){
		"another journal":        func(p *persistence.Position) { p.Journal[3]++; p.Sequence++ },
		"another epoch":          func(p *persistence.Position) { p.Epoch++ },
		"another hash":           func(p *persistence.Position) { p.Hash[3]++; p.Sequence++ },
		"further than was tried": func(p *persistence.Position) { p.Sequence += 100 },
		"back":                   func(p *persistence.Position) { *p = persistence.Position{Journal: p.Journal} },
	} {
		t.Run(name, func(t *testing.T) {
			store := &movedStore{}
			h := newHouse(t, fromDatabase, quietly, func(o *Options) { store.Store, o.Store = o.Store, store })
			customer, product := h.customer(), h.product(10)
			h.awaitProjection()
			position, err := store.Position(t.Context())
			require.NoError(t, err)
			move(&position)
			store.moved.Store(&position)
			_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 3))
			require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
			require.Eventually(t, func() bool { return h.failed.Load() != nil }, waitMax, waitStep, "the program was not told")
			require.ErrorIs(t, *h.failed.Load(), persistence.ErrPositionMoved)
			require.Equal(t, [3]int64{10, 0, 0}, h.stock(product), "the board shows what is not committed")
			_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 3))
			require.Equal(t, inventory.CodeStarting, refusal.Code)
			require.Error(t, h.engine.Ready())
			h.endFailed()
		})
	}
}

// endFailed ends an engine that has told the program to end.
func (h *house) endFailed() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.engine.Stop(ctx)
	require.NoError(h.t, h.journal.Close())
}

// A commit may come late: after the answer was given up, after the position was read,
// and while a larger run is being tried. It is ours all the same.
func TestALateCommitIsOurs(t *testing.T) {
	h, store, _ := newProjectHouse(t, fromDatabase)
	customer, product := h.customer(), h.product(10)
	h.awaitProjection()
	type run struct {
		from, to persistence.Position
		records  []persistence.Record
	}
	var late *run
	var came atomic.Bool
	given, larger := make(chan struct{}), make(chan struct{})
	store.set(func(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
		switch {
		case late == nil:
			late = &run{from, to, records}
			close(given)
			<-larger
			return errors.New("the connection was cut") // after a timeout the next run would be smaller
		case late.from == from && late.to != to:
			came.Store(true)
			require.NoError(t, store.Store.Project(ctx, late.from, late.to, late.records))
		}
		return store.Store.Project(ctx, from, to, records)
	})
	answers := make(chan inventory.Refusal, 2)
	place := func() {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		answers <- refusal
	}
	go place()
	<-given
	go place()
	require.Eventually(t, func() bool { return h.journal.DurableSequence() == 3 }, waitMax, waitStep)
	close(larger)
	for range 2 {
		require.Equal(t, inventory.Refusal{}, <-answers)
	}
	require.Nil(t, h.failed.Load())
	require.True(t, came.Load())
	require.Equal(t, h.engine.appendedBytes.Load(), h.engine.projector.bytes.Load())
	f := newFold(t)
	f.read(h.journal)
	f.compareSQL(h)
}
