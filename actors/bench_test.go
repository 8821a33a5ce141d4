package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/postgres"
	"holdfast/persistence/sqlite"
)

// newBenchHouse is an engine on real files with a real fsync, and with as many Go
// processors as the server takes: see documentation/decisions/0004.
func newBenchHouse(b testing.TB, configure ...func(*house)) *house {
	processors := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(2 * processors)
	b.Cleanup(func() { runtime.GOMAXPROCS(processors) })
	h := &house{t: b, clock: clock.NewManual(startOfTime), folder: b.TempDir()}
	for _, change := range configure {
		change(h)
	}
	// A clock that stands still would make all IDs of one moment: each order would
	// have to be sorted in among its customer's at a random place.
	h.openReal(clock.NewSystem())
	b.Cleanup(h.closeReal)
	return h
}

// openReal starts an engine on real files.
func (h *house) openReal(time clock.Guarded) {
	store, err := h.openStore()
	require.NoError(h.t, err)
	h.store = &gatedStore{Store: store}
	h.store.away.Store(h.cut)
	position, err := store.Position(context.Background())
	require.NoError(h.t, err)
	var engine atomic.Pointer[Engine]
	h.journal, err = journal.Open(journal.Options{Directory: filepath.Join(h.folder, "journal"), Clock: clock.NewSystem(),
		Log: slog.New(slog.DiscardHandler), Projected: position, RetainBytes: 1 << 40,
		Published: func(sequence uint64) { engine.Load().Published(sequence) }})
	require.NoError(h.t, err)
	h.engine, err = New(Options{Store: h.store, Journal: h.journal, Clock: time, RequestTimeout: requestTimeMax, Acknowledge: h.acknowledge,
		BacklogBytesMax: 1 << 40, Log: slog.New(slog.DiscardHandler)})
	require.NoError(h.t, err)
	engine.Store(h.engine)
	require.NoError(h.t, h.engine.Recover(context.Background()))
}

func (h *house) openStore() (persistence.Store, error) {
	if h.database != "" {
		return postgres.Open(context.Background(), h.database)
	}
	return sqlite.Open(context.Background(), filepath.Join(h.folder, "holdfast.db"))
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
	}{{1, 1, false}, {256, 1, false}, {1024, 1, false}, {4096, 1, false}, {4096, 1, true}, {4096, 10_000, false}, {4096, 100_000, false}} {
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
	id := inventory.ID{1, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}
	_, err := h.engine.shelve(&inventory.Product{ID: id, SKU: fmt.Sprintf("SKU-%d", n), HoldSeconds: 600,
		Price: inventory.Money{Minor: 1000, Currency: euro}}, 0, inventory.Stock{OnHand: inventory.StockQuantityMax / 2})
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

// BenchmarkAcknowledgements places orders of one product that are answered after the sync
// of the journal, or after the commit in SQLite or a real Postgres; the projection runs in
// all of them.
func BenchmarkAcknowledgements(b *testing.B) {
	server := testserver.StartPostgres(b)
	for _, database := range []string{"sqlite", "postgres"} {
		for _, callers := range []int{1, 256, 4096} {
			for _, mode := range []Acknowledgement{AcknowledgeJournal, AcknowledgeDatabase} {
				b.Run(fmt.Sprintf("%s/callers=%d/ack=%s", database, callers, mode), func(b *testing.B) {
					h := newBenchHouse(b, func(h *house) {
						if h.acknowledge = mode; database == "postgres" {
							h.database = server.NewDatabase(b)
						}
					})
					products, customers := []inventory.ID{h.product(inventory.StockQuantityMax)}, h.manyCustomers()
					h.awaitProjection()
					b.ReportAllocs()
					b.ResetTimer()
					latencies := h.orderStorm(b, callers, customers, products)
					b.StopTimer()
					slices.Sort(latencies)
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
					b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds())/1000, "p50-ms")
					b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
				})
			}
		}
	}
}

// manyCustomers creates the accounts of a storm.
func (h *house) manyCustomers() []inventory.ID {
	customers := make([]inventory.ID, 1_000)
	for i := range customers {
		customers[i] = h.customer()
	}
	return customers
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

// BenchmarkOrdersInLargeJournal places orders when the journal has so many MiB already
// that SQL does not have.
func BenchmarkOrdersInLargeJournal(b *testing.B) {
	for _, mebibytes := range []int64{200, 2_000} {
		b.Run(fmt.Sprintf("MiB=%d", mebibytes), func(b *testing.B) {
			h := newBenchHouse(b)
			h.store.away.Store(true)
			h.fillJournal(mebibytes << 20)
			product := h.stocked(inventory.OrderLinesMax, false)
			b.ReportAllocs()
			b.ResetTimer()
			h.orderStorm(b, 4096, []inventory.ID{h.customer()}, []inventory.ID{product})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}

// fillJournal records large orders of the past, which take no memory, until the journal
// has so many bytes.
func (h *house) fillJournal(bytes int64) {
	lines := make([]inventory.Line, inventory.OrderLinesMax)
	for i := range lines {
		lines[i] = inventory.Line{ProductID: h.stocked(i, false), Quantity: 1, Price: 1, SKU: "SOLD-BEFORE"}
	}
	order := inventory.Order{Customer: h.customer(), PlacedAt: startOfTime, Currency: euro, Lines: lines}
	for n := uint64(0); h.journal.Statistics().Bytes < bytes; n++ {
		order.ID = PastOrderID(startOfTime, order.Customer, inventory.Fingerprint{4: byte(n >> 24), 5: byte(n >> 16), 6: byte(n >> 8), 7: byte(n)})
		events, refusal := inventory.PastSale(&order, "filling the journal")
		require.Equal(h.t, inventory.Refusal{}, refusal)
		last := h.record(events)
		if n%16 == 0 {
			require.NoError(h.t, h.journal.WaitDurable(context.Background(), last))
		}
	}
}
