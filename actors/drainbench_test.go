package actors

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// drainIntake is how many orders are due in a second while Postgres catches up, and
	// drainBacklog how many it has to catch up with.
	drainIntake  = 10_000
	drainBacklog = 400_000
	// drainCallers is how many orders are under way at most.
	drainCallers = 1_024
	// drainMax bounds one drain.
	drainMax = 5 * time.Minute
)

// BenchmarkDrain lets Postgres catch up with what came while it was away, when 10,000
// orders are due every second, whether or not those before are answered. It tells how many
// records are committed in a second, by how many the backlog shrinks, how many orders are
// answered, and how long they take from when they are due.
func BenchmarkDrain(b *testing.B) {
	server := testserver.StartPostgres(b)
	h := newBenchHouse(b, func(h *house) { h.database = server.NewDatabase(b) })
	product := h.product(inventory.StockQuantityMax, func(p *persistence.CatalogueProduct) { p.HoldSeconds = inventory.HoldSecondsMax })
	customers := h.manyCustomers()
	h.awaitProjection()
	var committed, drained, answered int64
	var took time.Duration
	var latencies []time.Duration
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		server.Stop(b, "immediate")
		h.placeMany(product, drainBacklog)
		server.Start(b)
		sale := h.openSale(customers, product)
		h.awaitCommit(b, h.engine.projector.position())
		began, first, backlog := time.Now(), h.engine.projector.position(), h.engine.Projection().Backlog
		b.StartTimer()
		// What comes in a second is what there always is.
		require.Eventually(b, func() bool { return h.engine.Projection().Backlog < drainIntake }, drainMax, waitStep)
		b.StopTimer()
		took += time.Since(began)
		committed += int64(h.engine.projector.position() - first)
		drained += int64(backlog - h.engine.Projection().Backlog)
		seen, whole := sale.close()
		answered += int64(float64(len(seen)) * time.Since(began).Seconds() / whole.Seconds())
		latencies = append(latencies, seen...)
	}
	slices.Sort(latencies)
	for unit, count := range map[string]int64{"committed/s": committed, "drained/s": drained, "orders/s": answered} {
		b.ReportMetric(float64(count)/took.Seconds(), unit)
	}
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
}

// awaitCommit returns when SQL is beyond the sequence.
func (h *house) awaitCommit(b *testing.B, sequence uint64) {
	require.Eventually(b, func() bool { return h.engine.projector.position() > sequence }, drainMax, waitStep)
}

// openSale is a sale in which orders are due at a constant rate.
type openSale struct {
	began     time.Time
	stop      chan struct{}
	group     sync.WaitGroup
	mutex     sync.Mutex
	latencies []time.Duration
}

// openSale begins a sale.
func (h *house) openSale(customers []inventory.ID, product inventory.ID) *openSale {
	s := &openSale{began: time.Now(), stop: make(chan struct{})}
	due := make(chan time.Time, drainCallers)
	for caller := range drainCallers {
		s.group.Go(func() {
			var seen []time.Duration
			for at := range due {
				if _, refusal := h.engine.PlaceOrder(orderOf(customers[caller%len(customers)], h.key(), product, 1)); refusal.Refused() {
					h.t.Error(refusal)
				}
				seen = append(seen, time.Since(at))
			}
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.latencies = append(s.latencies, seen...)
		})
	}
	s.group.Go(func() {
		defer close(due)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for sent := time.Duration(0); ; {
			select {
			case <-s.stop:
				return
			case now := <-tick.C:
				for at := s.began.Add(sent * time.Second / drainIntake); !at.After(now); at = s.began.Add(sent * time.Second / drainIntake) {
					due <- at
					sent++
				}
			}
		}
	})
	return s
}

// close ends the sale and returns how long every order took from when it was due, and how
// long the sale was.
func (s *openSale) close() ([]time.Duration, time.Duration) {
	close(s.stop)
	s.group.Wait()
	return s.latencies, time.Since(s.began)
}
