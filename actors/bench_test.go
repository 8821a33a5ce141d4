package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/sqlite"
)

// newBenchHouse is an engine on real files with a real fsync.
func newBenchHouse(b testing.TB) *house {
	h := &house{t: b, clock: clock.NewManual(startOfTime), folder: b.TempDir()}
	// A clock that stands still would make all IDs of one moment: each order would
	// have to be sorted in among its customer's at a random place.
	h.openReal(clock.NewSystem())
	b.Cleanup(h.closeReal)
	return h
}

// openReal starts an engine on real files.
func (h *house) openReal(time clock.Guarded) {
	store, err := sqlite.Open(context.Background(), filepath.Join(h.folder, "holdfast.db"))
	require.NoError(h.t, err)
	h.store = &gatedStore{Store: store}
	position, err := store.Position(context.Background())
	require.NoError(h.t, err)
	var engine atomic.Pointer[Engine]
	h.journal, err = journal.Open(journal.Options{Directory: filepath.Join(h.folder, "journal"), Clock: clock.NewSystem(),
		Log: slog.New(slog.DiscardHandler), Projected: position, RetainBytes: 1 << 40,
		Published: func(sequence uint64) { engine.Load().Published(sequence) }})
	require.NoError(h.t, err)
	h.engine, err = New(Options{Store: h.store, Journal: h.journal, Clock: time, RequestTimeout: requestTimeMax,
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(h.t, err)
	engine.Store(h.engine)
	require.NoError(h.t, h.engine.Recover(context.Background()))
}

// closeReal ends the engine at once: what SQL does not have yet is of no interest.
func (h *house) closeReal() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.engine.Stop(ctx)
	require.NoError(h.t, errors.Join(h.journal.Close(), h.store.Close()))
}

const requestTimeMax = time.Minute

// BenchmarkOrders places durable orders of one unit, in process, with a real
// fsync: a hot product or many, with the projector running or cut off.
func BenchmarkOrders(b *testing.B) {
	for _, bench := range []struct {
		callers, products int
		projector         bool
	}{{1, 1, false}, {256, 1, false}, {4096, 1, false}, {4096, 1, true}, {4096, 10_000, false}} {
		b.Run(fmt.Sprintf("callers=%d/products=%d/projector=%t", bench.callers, bench.products, bench.projector), func(b *testing.B) {
			h := newBenchHouse(b)
			products := make([]inventory.ID, bench.products)
			for i := range products {
				products[i] = h.stocked(i, bench.projector)
			}
			customers := make([]inventory.ID, 64)
			for i := range customers {
				customers[i] = h.customer()
			}
			h.awaitProjection()
			h.store.away.Store(!bench.projector)
			b.ReportAllocs()
			b.ResetTimer()
			latencies := h.orderStorm(b, bench.callers, customers, products)
			b.StopTimer()
			slices.Sort(latencies)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
			b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// stocked returns a product with plenty of stock. One that SQL need not know is
// put on the shelf directly: ten thousand receipts would take a minute.
func (h *house) stocked(n int, projected bool) inventory.ID {
	if projected {
		return h.product(inventory.StockQuantityMax)
	}
	id := inventory.ID{1, 14: byte(n >> 8), 15: byte(n)}
	_, err := h.engine.shelve(&persistence.CatalogueProduct{Product: inventory.Product{ID: id, SKU: fmt.Sprintf("SKU-%d", n), HoldSeconds: 600,
		Price: inventory.Money{Minor: 1000, Currency: euro}}}, inventory.Stock{OnHand: inventory.StockQuantityMax})
	require.NoError(h.t, err)
	return id
}

// orderStorm places b.N orders from parallel callers and returns how long every
// sixteenth took.
func (h *house) orderStorm(b *testing.B, callers int, customers, products []inventory.ID) []time.Duration {
	var next atomic.Int64
	var mutex sync.Mutex
	latencies := []time.Duration{0}
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			request := &PlaceOrder{Customer: customers[caller%len(customers)], Lines: []inventory.Line{{Quantity: 1}}}
			var seen []time.Duration
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					break
				}
				request.Key = inventory.Fingerprint{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32), 1}
				request.Lines[0] = inventory.Line{ProductID: products[int(n)%len(products)], Quantity: 1}
				started := time.Now()
				if _, refusal := h.engine.PlaceOrder(request); refusal.Refused() {
					b.Error(refusal)
					return
				}
				if n%16 == 0 {
					seen = append(seen, time.Since(started))
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			latencies = append(latencies, seen...)
		})
	}
	group.Wait()
	return latencies
}

// BenchmarkSoldOut refuses orders of a product that has nothing left.
func BenchmarkSoldOut(b *testing.B) {
	h := newBenchHouse(b)
	product := h.product(0, func(p *persistence.CatalogueProduct) { p.SKU = "EMPTY" })
	customer := h.customer()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		request := &PlaceOrder{Customer: customer, Lines: []inventory.Line{{ProductID: product, Quantity: 1}}}
		for n := uint64(0); pb.Next(); n++ {
			request.Key = h.key()
			if _, refusal := h.engine.PlaceOrder(request); refusal.Code != inventory.CodeSoldOut {
				b.Error(refusal)
			}
		}
	})
}
