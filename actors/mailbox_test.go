package actors

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anthdm/hollywood/actor"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

const (
	stubAsk step = 100 + iota
	stubTake
	stubTaken
)

// stubStock is a leaf actor that gives units away and sometimes panics, before or
// after it has changed its state.
type stubStock struct {
	mailbox
	t      *testing.T
	units  int
	inside atomic.Int32
	panics int
}

func (s *stubStock) handle(op *operation) {
	if s.inside.Add(1) != 1 {
		s.t.Error("two goroutines are inside one actor")
	}
	defer s.inside.Add(-1)
	if op.at%97 == 13 {
		panic("before the state changed")
	}
	op.missing = s.units == 0
	if !op.missing {
		s.units--
	}
	op.step = stubTaken
	s.forward(op, &op.orders.mailbox)
}

func (s *stubStock) failed(op *operation, _ any) {
	s.panics++
	op.refusal.Code, op.step = inventory.CodeQuarantined, stubTaken
	s.forward(op, &op.orders.mailbox)
}

func (s *stubStock) refuse(*operation) { s.t.Error("work already begun was refused") }

// stubOrders asks a stubStock for each operation and answers with what it says.
type stubOrders struct {
	orderActor
	t      *testing.T
	stock  *stubStock
	inside atomic.Int32
	taken  int
	panics int
}

func (s *stubOrders) handle(op *operation) {
	if s.inside.Add(1) != 1 {
		s.t.Error("two goroutines are inside one actor")
	}
	defer s.inside.Add(-1)
	if op.step == stubAsk {
		if op.at%89 == 7 {
			panic("at the first step")
		}
		op.step, op.begun, op.orders = stubTake, true, &s.orderActor
		s.forward(op, &s.stock.mailbox)
		return
	}
	if !op.missing && !op.refusal.Refused() {
		s.taken++
	}
	op.finish()
}

func (s *stubOrders) failed(op *operation, _ any) {
	s.panics++
	op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome})
}

func (s *stubOrders) refuse(op *operation) {
	if int(s.waiting.Load()) > int(s.limit)+1024 {
		s.t.Error("the bound is not kept")
	}
	op.refuse(refusedOverloaded)
}

// Panics in both actors, before and in the middle of work: every caller is
// answered exactly once, no unit is lost or given twice, and no actor is ever on
// two goroutines.
func TestMailboxAnswersEveryMessageOnce(t *testing.T) {
	for _, limit := range []int32{1, 4, 64, mailboxMax} {
		t.Run(fmt.Sprintf("limit %d", limit), func(t *testing.T) {
			hollywood, err := actor.NewEngine(actor.NewEngineConfig())
			require.NoError(t, err)
			e := &Engine{inFlightMax: 1 << 40}
			stock := &stubStock{t: t, units: 20_000}
			require.NoError(t, stock.spawn(hollywood, "stock", "1", limit, stock))
			shards := make([]*stubOrders, 4)
			for i := range shards {
				shards[i] = &stubOrders{t: t, stock: stock}
				require.NoError(t, shards[i].spawn(hollywood, "orders", fmt.Sprint(i), limit, shards[i]))
			}

			const callers, each = 64, 800
			var answers, gave, overloaded, failures atomic.Int64
			var group sync.WaitGroup
			for caller := range callers {
				group.Go(func() {
					random := rand.New(rand.NewPCG(uint64(caller), uint64(limit)))
					for n := range each {
						require.False(t, e.enter().Refused())
						op := newOperation(e, stubAsk)
						op.at = caller*each + n
						shards[random.IntN(len(shards))].push(op, random.IntN(2) == 0)
						<-op.done
						answers.Add(1)
						switch {
						case op.refusal.Code == inventory.CodeOverloaded:
							overloaded.Add(1)
						case op.refusal.Refused():
							failures.Add(1)
						case !op.missing:
							gave.Add(1)
						}
						op.recycle()
					}
				})
			}
			group.Wait()

			require.EqualValues(t, callers*each, answers.Load())
			require.Zero(t, e.inFlight.Load(), "an operation was answered twice or never")
			var taken, panics int
			for _, shard := range shards {
				require.Eventually(t, shard.idle, waitMax, waitStep)
				taken += shard.taken
				panics += shard.panics
				require.Zero(t, shard.waiting.Load())
			}
			require.Eventually(t, stock.idle, waitMax, waitStep)
			require.EqualValues(t, gave.Load(), taken)
			require.Equal(t, 20_000-taken, stock.units, "units were lost or given twice")
			require.EqualValues(t, failures.Load(), panics+stock.panics)
			require.NotZero(t, panics+stock.panics)
			if limit == mailboxMax {
				require.Zero(t, overloaded.Load())
				require.EqualValues(t, 20_000, taken, "demand was above supply: all units must be given")
			}
		})
	}
}

// New work beyond the bound is refused at once; work already begun never is.
func TestMailboxKeepsItsBound(t *testing.T) {
	hollywood, err := actor.NewEngine(actor.NewEngineConfig())
	require.NoError(t, err)
	blocked, release := make(chan struct{}), make(chan struct{})
	b := &gate{entered: blocked, release: release}
	require.NoError(t, b.spawn(hollywood, "gate", "1", 3, b))

	b.push(&operation{}, false)
	<-blocked
	for range 10 {
		b.push(&operation{}, false)
	}
	require.EqualValues(t, 7, b.refused.Load())
	for range 10 {
		b.push(&operation{begun: true}, false)
	}
	require.EqualValues(t, 7, b.refused.Load())
	close(release)
	require.Eventually(t, func() bool { return b.handled.Load() == 14 && b.idle() }, waitMax, waitStep)
}

// gate is an actor that waits in its first message.
type gate struct {
	mailbox
	once             sync.Once
	entered, release chan struct{}
	handled, refused atomic.Int64
}

func (g *gate) handle(*operation) {
	g.once.Do(func() { close(g.entered); <-g.release })
	g.handled.Add(1)
}
func (g *gate) failed(*operation, any) {}
func (g *gate) refuse(*operation)      { g.refused.Add(1) }

// A name is given once: the second actor is never started.
func TestMailboxNamesAreUnique(t *testing.T) {
	hollywood, err := actor.NewEngine(actor.NewEngineConfig())
	require.NoError(t, err)
	first, second := &gate{}, &gate{}
	require.NoError(t, first.spawn(hollywood, "gate", "1", 1, first))
	require.ErrorContains(t, second.spawn(hollywood, "gate", "1", 1, second), "gate/1 exists already")
}

// Operations that come through the engine reach the actor; anything else is
// dropped and harms nobody.
func TestMailboxTakesOperationsFromTheEngine(t *testing.T) {
	hollywood, err := actor.NewEngine(actor.NewEngineConfig())
	require.NoError(t, err)
	release := make(chan struct{})
	close(release)
	g := &gate{entered: make(chan struct{}), release: release}
	require.NoError(t, g.spawn(hollywood, "gate", "1", 8, g))
	hollywood.Send(g.PID(), "a string")
	hollywood.Send(g.PID(), &operation{})
	require.Eventually(t, func() bool { return g.handled.Load() == 1 && g.idle() }, waitMax, waitStep)
}

func BenchmarkMailboxRoundTrip(b *testing.B) {
	for _, callers := range []int{1, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			hollywood, err := actor.NewEngine(actor.NewEngineConfig())
			require.NoError(b, err)
			e := &Engine{inFlightMax: 1 << 40}
			stock := &stubStock{units: b.N + 1}
			require.NoError(b, stock.spawn(hollywood, "stock", "1", mailboxMax, stock))
			var shards [4]*stubOrders
			for i := range shards {
				shards[i] = &stubOrders{stock: stock}
				require.NoError(b, shards[i].spawn(hollywood, "orders", fmt.Sprint(i), mailboxMax, shards[i]))
			}
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var group sync.WaitGroup
			for caller := range callers {
				group.Go(func() {
					for next.Add(1) <= int64(b.N) {
						e.inFlight.Add(1)
						op := newOperation(e, stubAsk)
						shards[caller%len(shards)].push(op, true)
						<-op.done
						op.recycle()
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "round-trips/s")
		})
	}
}

// hopeless panics, and again when it is to mend itself.
type hopeless struct{ mailbox }

func (*hopeless) handle(*operation)      { panic("the first") }
func (*hopeless) failed(*operation, any) { panic("the second") }
func (*hopeless) refuse(*operation)      {}

// An actor that cannot mend itself ends the program, even if its caller recovers from
// whatever panics (P9).
func TestAnActorThatCannotMendItselfEndsTheProgram(t *testing.T) {
	if os.Getenv("HOLDFAST_TEST_HOPELESS") != "" {
		defer func() { _ = recover() }()
		hollywood, err := actor.NewEngine(actor.NewEngineConfig())
		require.NoError(t, err)
		a := &hopeless{}
		require.NoError(t, a.spawn(hollywood, "test", "hopeless", 1, a))
		a.push(newOperation(nil, stubAsk), true)
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), "HOLDFAST_TEST_HOPELESS=1")
	output, err := command.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "actor test/hopeless could not mend itself: the second, after the first")
}
