package actors

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
)

// holdsWanted is how many holds are open at once: a million in `make test-holds`.
func holdsWanted(t *testing.T) int {
	text := os.Getenv("HOLDFAST_HOLDS")
	if text == "" && raceEnabled {
		return holdsOfTheShortRun / 10
	}
	if text == "" {
		return holdsOfTheShortRun
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "HOLDFAST_HOLDS is a number of holds")
	return n
}

// Each of very many open holds is ended within a tenth of a second of its deadline;
// those that ended while the program did not run have ended when a start is done.
func TestHoldsEndOnTime(t *testing.T) {
	wanted := holdsWanted(t)
	h := &house{t: t, clock: clock.NewManual(0), folder: t.TempDir()}
	system := clock.NewSystem()
	h.openReal(system)
	t.Cleanup(h.closeReal)
	// All have to be placed before the first one ends.
	seconds := int32(4 + wanted/15_000)
	product := h.product(inventory.StockQuantityMax, func(p *persistence.CatalogueProduct) {
		p.ID, p.HoldSeconds = inventory.ID{1}, seconds
	})
	h.store.away.Store(true)
	before := heapBytes()
	h.placeMany(product, wanted)
	stock := h.stock(product)
	require.EqualValues(t, wanted, stock[1], "all are held at the same time")
	t.Logf("%d holds take %d bytes of memory each", wanted, (heapBytes()-before)/int64(wanted))
	h.awaitNoHolds(product, time.Duration(seconds)*time.Second+waitMax)
	late := h.lateness(persistence.Position{})
	t.Logf("ended at most %s after the deadline", late)
	require.Less(t, late, latenessMax(wanted))

	// Again, but the program does not run when they end.
	h.placeMany(product, wanted)
	h.closeReal()
	require.Eventually(t, func() bool { return system.Now() > h.lastPlaced.Add(inventory.Instant(seconds)*inventory.Second) },
		time.Duration(seconds)*time.Second+waitMax, 10*time.Millisecond)
	started := time.Now()
	h.openReal(system)
	t.Logf("a start that ends %d holds takes %s", wanted, time.Since(started))
	require.Zero(t, h.stock(product)[1])
}

// latenessMax is a tenth of a second in a run that has the machine for itself. The
// short run shares it with other tests.
func latenessMax(wanted int) time.Duration {
	if wanted <= holdsOfTheShortRun {
		return 5 * time.Second
	}
	return 100 * time.Millisecond
}

const holdsOfTheShortRun = 20_000

// placeMany places orders of one unit from many callers.
func (h *house) placeMany(product inventory.ID, wanted int) {
	var left atomic.Int64
	left.Store(int64(wanted))
	var group sync.WaitGroup
	var last atomic.Int64
	for caller := range 512 {
		customer := inventory.ID{2, 14: byte(caller >> 8), 15: byte(caller)}
		group.Go(func() {
			for left.Add(-1) >= 0 {
				reply, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
				for refusal.Code == inventory.CodeOverloaded {
					reply, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
				}
				require.Equal(h.t, inventory.Refusal{}, refusal)
				last.Store(max(last.Load(), int64(reply.Order.PlacedAt)))
			}
		})
	}
	group.Wait()
	h.lastPlaced = inventory.Instant(last.Load())
}

func (h *house) awaitNoHolds(product inventory.ID, timeout time.Duration) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.stock(product)[1] == 0 }, timeout, 10*time.Millisecond)
}

// lateness returns the longest time between the end of a hold and the decision to end
// it.
func (h *house) lateness(from persistence.Position) (late time.Duration) {
	deadlines := map[inventory.ID]inventory.Instant{}
	reader, err := h.journal.ReadFrom(from)
	require.NoError(h.t, err)
	defer reader.Close()
	for {
		batch, ok, err := reader.TryNext()
		require.NoError(h.t, err)
		if !ok {
			return late
		}
		for _, data := range batch.Records {
			event, err := persistence.DecodeEvent(data)
			require.NoError(h.t, err)
			switch event.Kind {
			case inventory.OrderPlaced:
				deadlines[event.Order] = event.ExpiresAt
			case inventory.OrderExpired:
				late = max(late, time.Duration(event.At-deadlines[event.Order]))
			}
		}
	}
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
