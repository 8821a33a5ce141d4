package ticker

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/hints"
	"holdfast/persistence/persistencetest"
)

const (
	boardWait  = 10 * time.Second
	boardPause = time.Millisecond
)

// followHub returns a board that follows a hub of a bus until the test ends, or stop.
func followHub(t testing.TB, hub *hints.Hub) (*BusBoard, func()) {
	t.Helper()
	subscription, err := hub.Subscribe()
	require.NoError(t, err)
	board := NewBusBoard(subscription)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- board.Follow(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		require.Error(t, <-ended)
		subscription.Close()
	})
	t.Cleanup(stop)
	return board, stop
}

var _ Board = (*BusBoard)(nil)

// awaitReading waits until a product is shown as a publisher has told it.
func awaitReading(t *testing.T, board *BusBoard, told persistence.StockState, stale bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		shown, known := board.Read(told.Product)
		return known && *shown.Rules == *told.Rules && shown.Epoch == told.Epoch && shown.Stock.Version == told.Version &&
			shown.Stock.Available() == told.Available && shown.Stock.Reserved == told.Reserved && shown.Stock.Sold == told.Sold && shown.Stale == stale
	}, boardWait, boardPause)
}

// A board shows what was told last, and what follows from it, the phase, as who told it
// would.
func TestABusBoardShowsWhatIsTold(t *testing.T) {
	hub := hints.NewHub()
	hub.SetFresh(7, true)
	board, _ := followHub(t, hub)
	_, known := board.Read(persistencetest.BusProduct(1))
	require.False(t, known)
	for version := range uint64(4) {
		state := persistencetest.BusRevised(1, 2, version, version/2)
		hub.Put(7, []persistence.StockState{state}, nil)
		awaitReading(t, board, state, false)
	}
	gone := persistencetest.BusRevised(2, 1, 1, 1)
	gone.Available, gone.Reserved, gone.Sold = 0, 0, 9
	hub.Put(7, []persistence.StockState{gone}, nil)
	awaitReading(t, board, gone, false)
	shown, _ := board.Read(gone.Product)
	require.Equal(t, inventory.PhaseSoldOut, shown.Rules.PhaseAt(&shown.Stock, inventory.Second/2))
	held := persistencetest.BusRevised(2, 1, 2, 1)
	held.Available, held.Reserved, held.Sold = 0, 1, 9
	hub.Put(7, []persistence.StockState{held}, nil)
	awaitReading(t, board, held, false)
	shown, _ = board.Read(gone.Product)
	require.Equal(t, inventory.PhaseLive, shown.Rules.PhaseAt(&shown.Stock, inventory.Second/2))
	require.Equal(t, BusFigures{Products: 2}, board.Figures())
}

// A product is as fresh as who told of it last: stale with a publisher that is, also when
// another one lives, and with a bus that nobody follows.
func TestABusBoardKnowsWhatIsStale(t *testing.T) {
	hub := hints.NewHub()
	board, stop := followHub(t, hub)
	first, second := persistencetest.BusState(1, 1, 1), persistencetest.BusState(2, 1, 1)
	hub.Put(7, []persistence.StockState{first}, nil)
	hub.Put(8, []persistence.StockState{second}, nil)
	awaitReading(t, board, first, true)
	hub.SetFresh(7, true)
	hub.SetFresh(8, true)
	awaitReading(t, board, first, false)
	awaitReading(t, board, second, false)
	hub.SetFresh(7, false)
	awaitReading(t, board, first, true)
	awaitReading(t, board, second, false)
	require.Equal(t, BusFigures{Products: 2, Stale: 1}, board.Figures())
	// The product moves to the other, which knows no more of it.
	hub.Put(8, []persistence.StockState{first}, nil)
	awaitReading(t, board, first, false)
	hub.Forget(7)
	require.Eventually(t, func() bool {
		board.lock.Lock()
		defer board.lock.Unlock()
		return len(board.sellers) == 1
	}, boardWait, boardPause, "who has nothing to tell any more is kept")
	require.Equal(t, BusFigures{Products: 2}, board.Figures())
	stop()
	awaitReading(t, board, first, true)
	require.Equal(t, BusFigures{Products: 2, Stale: 2}, board.Figures())
}

// Whoever follows the changes of rules, and reads all when they are too many, knows the
// rules of every product, and the same rules stay the same value.
func TestABusBoardTellsChangedRules(t *testing.T) {
	hub := hints.NewHub()
	hub.SetFresh(7, true)
	board, _ := followHub(t, hub)
	_, now, complete := board.RulesSince(0)
	require.True(t, complete)
	require.Zero(t, now)
	known, all, asked := map[inventory.ID]*inventory.Product{}, 0, 0
	follow := func() {
		changed, revision, complete := board.RulesSince(now)
		asked++
		for _, product := range changed {
			shown, _ := board.Read(product)
			known[product] = shown.Rules
		}
		if !complete {
			all++
			board.EachProduct(func(rules *inventory.Product) bool {
				known[rules.ID] = rules
				return true
			})
		}
		now = revision
	}
	const products = 2*rulesChangesMax + 10
	last := map[inventory.ID]persistence.StockState{}
	put := func(state persistence.StockState) {
		hub.Put(7, []persistence.StockState{state}, nil)
		last[state.Product] = state
	}
	settled := func() {
		t.Helper()
		require.Eventually(t, func() bool {
			follow()
			for product, state := range last {
				if rules := known[product]; rules == nil || *rules != *state.Rules {
					return false
				}
			}
			return true
		}, boardWait, boardPause)
	}
	for number := range products {
		put(persistencetest.BusState(number, 1, 1))
	}
	settled()
	require.Len(t, known, products)
	before := all
	for range 50 {
		number := rand.IntN(products)
		put(persistencetest.BusRevised(number, 1, 1, last[persistencetest.BusProduct(number)].Revision+1))
		settled()
	}
	require.Equal(t, before, all, "a few changes have everything read again")
	_, _, complete = board.RulesSince(now + 1)
	require.False(t, complete, "the revision is none of this board")
	first, _ := board.Read(persistencetest.BusProduct(1))
	state, equal := persistencetest.BusRevised(1, 1, 9, last[persistencetest.BusProduct(1)].Revision+1), *first.Rules
	state.Rules = &equal
	put(state)
	awaitReading(t, board, state, false)
	shown, _ := board.Read(state.Product)
	require.Same(t, first.Rules, shown.Rules)
	visited := 0
	board.EachProduct(func(*inventory.Product) bool { visited++; return visited < 3 })
	require.Equal(t, 3, visited, "visits go on after who visits has had enough")
}

// Whoever reads while it is told sees versions that never go back, each with its own
// quantities and rules.
func TestABusBoardIsReadWhileItIsTold(t *testing.T) {
	hub := hints.NewHub()
	board, _ := followHub(t, hub)
	const products, versions = 8, 2_000
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			last := map[inventory.ID]uint64{}
			for {
				for number := range products {
					shown, known := board.Read(persistencetest.BusProduct(number))
					if !known {
						continue
					}
					version := shown.Stock.Version
					want := persistencetest.BusRevised(number, 1, version, version)
					if version < last[want.Product] || *want.Rules != *shown.Rules || want.Available != shown.Stock.Available() || want.Sold != shown.Stock.Sold {
						t.Errorf("%+v after version %d", shown, last[want.Product])
					}
					last[want.Product] = version
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for version := range uint64(versions) {
		for number := range products {
			hub.Put(7, []persistence.StockState{persistencetest.BusRevised(number, 1, version+1, version+1)}, nil)
		}
	}
	for number := range products {
		awaitReading(t, board, persistencetest.BusRevised(number, 1, versions, versions), true)
	}
	close(done)
	readers.Wait()
}

// What a product takes on a board is what its comment says.
func TestABusBoardTakesLittle(t *testing.T) {
	const products, bytesMax = 100_000, 160
	board := NewBusBoard(nil)
	from, rules := board.sellerOf(7), &inventory.Product{}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for number := range products {
		state := persistencetest.BusProduct(number)
		board.show(from, &persistence.StockState{Product: state, Rules: rules, Version: 1})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perProduct := int64(after.HeapAlloc-before.HeapAlloc) / products // #nosec G115 -- it has grown
	t.Logf("%d bytes per product", perProduct)
	require.Less(t, perProduct, int64(bytesMax))
	require.EqualValues(t, products, board.Figures().Products)
}

// What a reading costs.
func BenchmarkBusBoardRead(b *testing.B) {
	board := NewBusBoard(nil)
	from := board.sellerOf(7)
	for number := range 1000 {
		state := persistencetest.BusState(number, 1, 1)
		board.show(from, &state)
	}
	b.ReportAllocs()
	for b.Loop() {
		board.Read(persistencetest.BusProduct(7))
	}
}
