package api

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/actors"
	"holdfast/inventory"
)

// slowEngine takes its time to place an order.
type slowEngine struct {
	*fakeEngine
	takes time.Duration
}

func (e *slowEngine) PlaceOrder(request *actors.PlaceOrder) (actors.OrderReply, inventory.Refusal) {
	e.clock.advance(e.takes)
	return e.fakeEngine.PlaceOrder(request)
}

// Requests show up in the figures of their second: orders that were placed, each refusal
// by its code, how long they took, and what that changed; a repeat of an order is none, nor
// is a request for something else.
func TestFiguresTellWhatRequestsDid(t *testing.T) {
	s := newStand(t)
	engine := &slowEngine{fakeEngine: s.engine, takes: 2 * time.Millisecond}
	s.server.SetEngine(engine)
	product := s.product("A", 12)
	s.server.SystemFigures()
	s.engine.projection = actors.ProjectionState{Projected: 5}
	for n := range 10 {
		require.Equal(t, 201, s.place(fmt.Sprintf("order-%d", n), orderOf(product, 1)).status)
	}
	require.Equal(t, 201, s.place("order-1", orderOf(product, 1)).status)
	require.Equal(t, 409, s.place("too-many", orderOf(product, 3)).status)
	require.Equal(t, 400, s.do(call{method: "POST", path: "/api/orders", token: s.customer, body: orderOf(product, 1)}).status)
	require.Equal(t, 401, s.do(call{method: "POST", path: "/api/orders", body: orderOf(product, 1)}).status)
	require.Equal(t, 200, s.do(call{method: "GET", path: "/api/orders", token: s.customer}).status)
	engine.takes = 400 * time.Millisecond
	require.Equal(t, 201, s.place("slow", orderOf(product, 2)).status)
	require.Equal(t, 409, s.place("sold-out", orderOf(product, 1)).status)
	s.clock.advance(2*time.Second - 824*time.Millisecond)
	s.engine.projection = actors.ProjectionState{Projected: 11, Backlog: 4}
	figures := s.server.SystemFigures()
	require.Equal(t, s.clock.Now(), figures.At)
	require.InDelta(t, 5.5, figures.OrdersPerSecond, 1e-9)
	require.Len(t, figures.RefusalsPerSecond, 4)
	for _, code := range []inventory.Code{inventory.CodeInsufficientStock, inventory.CodeAllHeld, codeKeyRequired, codeUnauthorized} {
		require.InDelta(t, 0.5, figures.RefusalsPerSecond[code], 1e-9, code)
	}
	require.InDelta(t, 2.25, figures.MedianLatency.Seconds()*1_000, 0.25)
	require.InDelta(t, 425, figures.TailLatency.Seconds()*1_000, 25)
	require.InDelta(t, 7.5, figures.ChangesPerSecond, 1e-9)
	require.EqualValues(t, 4, figures.Backlog)
	require.Zero(t, figures.Oversold)
	require.Positive(t, figures.ResidentBytes)
	require.GreaterOrEqual(t, figures.ProcessorShare, 0.0)

	s.clock.advance(time.Second)
	figures = s.server.SystemFigures()
	require.Zero(t, figures.OrdersPerSecond)
	require.Empty(t, figures.RefusalsPerSecond)
	require.Zero(t, figures.ChangesPerSecond)
	require.NotZero(t, figures.TailLatency, "of the last few seconds")
	for range 5 {
		s.clock.advance(time.Second)
		figures = s.server.SystemFigures()
	}
	require.Zero(t, figures.TailLatency)
}

// Who asks more often than a rate can be told gets that of the last half a second or more,
// and no more readings are kept. After a pause the first figures have no rates.
func TestFiguresWhoeverAsksHowOften(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 1_000)
	for n := range 100 {
		require.Equal(t, 201, s.place(fmt.Sprintf("order-%d", n), orderOf(product, 1)).status)
		s.clock.advance(100 * time.Millisecond)
		figures := s.server.SystemFigures()
		if n >= 5 {
			require.InDelta(t, 10, figures.OrdersPerSecond, 1e-6, "call %d", n)
		}
	}
	require.LessOrEqual(t, len(s.server.pulse.readings), figuresMax)
	require.Equal(t, 201, s.place("in-the-pause", orderOf(product, 1)).status)
	s.clock.advance(time.Minute)
	require.Zero(t, s.server.SystemFigures().OrdersPerSecond)
}

// Before there is an engine the figures are of the rest, and its first record is no change
// of a second; a stock that is broken is told.
func TestFiguresWithoutAnEngine(t *testing.T) {
	s := newStand(t, func(o *Options) { o.Engine = nil })
	require.Zero(t, s.server.SystemFigures().Backlog)
	s.clock.advance(time.Second)
	s.engine.projection = actors.ProjectionState{Projected: 1_000_000, Backlog: 7}
	s.server.SetEngine(s.engine)
	figures := s.server.SystemFigures()
	require.Zero(t, figures.ChangesPerSecond)
	require.EqualValues(t, 7, figures.Backlog)
	s.engine.stock[inventory.ID{1}] = &inventory.Stock{OnHand: 1, Committed: 2}
	require.EqualValues(t, 1, s.server.SystemFigures().Oversold)
}

// Figures are read while orders are placed, and none is lost.
func TestFiguresWhileOrdersCome(t *testing.T) {
	s := newStand(t)
	product := s.product("A", 1_000)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for n := range 25 {
				if got := s.place(fmt.Sprintf("worker-%d-%d", worker, n), orderOf(product, 1)); got.status != 201 {
					t.Errorf("%d: %s", got.status, got.body)
				}
				s.server.SystemFigures()
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 100, s.server.pulse.placed.Load())
	var counts latencyCounts
	s.server.pulse.latencies.read(&counts)
	total := uint64(0)
	for _, count := range counts {
		total += count
	}
	require.EqualValues(t, 100, total)
}

// A quantile is a time that so many did not exceed, and at most an eighth and a microsecond
// more than the least such.
func TestQuantilesAreThoseOfASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		elapsed := rapid.SliceOfN(rapid.Int64Range(0, int64(60*inventory.Second)), 1, 200).Draw(t, "elapsed")
		scale := rapid.Int64Range(1, 1_000_000).Draw(t, "scale")
		share := rapid.SampledFrom([]float64{0.01, 0.5, 0.9, 0.99, 1}).Draw(t, "share")
		var l latencies
		for i := range elapsed {
			elapsed[i] /= scale
			l.observe(inventory.Instant(elapsed[i]))
		}
		var counts latencyCounts
		l.read(&counts)
		slices.Sort(elapsed)
		needed := 0
		for float64(needed) < share*float64(len(elapsed)) {
			needed++
		}
		least := elapsed[needed-1]
		got := int64(counts.quantile(share))
		require.Greater(t, got, least)
		require.LessOrEqual(t, got, least+least/8+1_000)
	})
}

// Times below and above all that is told apart are counted all the same.
func TestLatenciesAtTheEnds(t *testing.T) {
	var l latencies
	for _, elapsed := range []inventory.Instant{-1, 0, 1_000_000 * inventory.Second} {
		l.observe(elapsed)
	}
	require.EqualValues(t, 2, l[0].Load())
	require.EqualValues(t, 1, l[latencyClasses-1].Load())
	var none latencyCounts
	require.Zero(t, none.quantile(0.5))
}

// What each order pays for the figures allocates nothing.
func TestCountingAnOrderAllocatesNothing(t *testing.T) {
	p := newPulse()
	require.Zero(t, testing.AllocsPerRun(1_000, func() {
		p.placed.Add(1)
		p.answered(3 * inventory.Millisecond)
		p.refuse(inventory.CodeSoldOut)
		p.refuse("a code that nobody knows")
	}))
	require.EqualValues(t, 1_001, p.refused[codeInternal].Load())
}
