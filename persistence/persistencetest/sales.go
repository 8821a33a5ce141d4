package persistencetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// salesOrders are the orders of one run that is measured, salesProducts the products
	// that they are for.
	salesOrders   = 2_000
	salesProducts = 100
	salesStart    = 1_764_000_000_000 * inventory.Millisecond
)

// Sales makes endless runs of one-line orders, as a flash sale does, for measurements. It
// is the same in every process.
type Sales struct {
	// Products have stock for ever. Position is what was projected last, At the time of
	// the last order.
	Products []inventory.ID
	Position persistence.Position
	At       inventory.Instant
	random   uint64
}

// OpenSales puts products on sale in an empty store.
func OpenSales(tb testing.TB, store persistence.Store) *Sales {
	tb.Helper()
	s := &Sales{At: salesStart, Position: persistence.Position{Journal: inventory.ID{1}}}
	var records []persistence.Record
	for i := range salesProducts {
		id := s.id()
		s.Products = append(s.Products, id)
		product := persistence.CatalogueProduct{Product: inventory.Product{ID: id,
			SKU: id.String(), Category: "sale", Price: inventory.Money{Minor: 4999, Currency: inventory.Currency{'E', 'U', 'R'}}, HoldSeconds: 600}}
		require.NoError(tb, store.CreateProducts(tb.Context(), product))
		records = append(records, persistence.Record{Sequence: uint64(i + 1), Event: inventory.Event{Kind: inventory.StockAdjusted,
			At: s.At, Reason: "receipt", Lines: []inventory.Line{{ProductID: id, Quantity: inventory.StockQuantityMax}}}})
	}
	to := persistence.Position{Journal: s.Position.Journal, Sequence: uint64(len(records)), Hash: persistence.Hash(s.fingerprint())}
	require.NoError(tb, store.Project(tb.Context(), persistence.Position{}, to, records))
	s.Position = to
	return s
}

// next returns 64 bits that repeat only after 2^64 calls (splitmix64).
func (s *Sales) next() uint64 {
	s.random += 0x9e3779b97f4a7c15
	z := s.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *Sales) id() inventory.ID {
	return inventory.NewID(s.At, uint16(s.next()), uint16(s.next()), s.next())
}

func (s *Sales) fingerprint() (f inventory.Fingerprint) {
	first, second := s.next(), s.next()
	for i := range 8 {
		f[i], f[8+i] = byte(first>>(8*i)), byte(second>>(8*i))
	}
	return f
}

// Run returns the next orders, 40 a millisecond, and where they end.
func (s *Sales) Run(orders int) (records []persistence.Record, to persistence.Position) {
	to = s.Position
	for i := range orders {
		if i%40 == 0 {
			s.At += inventory.Millisecond
		}
		to.Sequence++
		product := s.Products[s.next()%salesProducts]
		records = append(records, persistence.Record{Sequence: to.Sequence, Event: inventory.Event{
			Kind: inventory.OrderPlaced, At: s.At, Order: s.id(), Customer: s.id(), ExpiresAt: s.At.Add(600 * inventory.Second),
			Currency: inventory.Currency{'E', 'U', 'R'}, Key: s.fingerprint(), Body: s.fingerprint(),
			Lines: []inventory.Line{{ProductID: product, Quantity: 1, Price: 4999, SKU: "SKU-" + product.String()[:8]}}}})
	}
	to.Hash = persistence.Hash(s.fingerprint())
	return records, to
}

// Project projects the next orders, 2,000 of them, and returns their records.
func (s *Sales) Project(tb testing.TB, store persistence.Store) []persistence.Record {
	tb.Helper()
	records, to := s.Run(salesOrders)
	require.NoError(tb, store.Project(tb.Context(), s.Position, to, records))
	s.Position = to
	return records
}

// MeasureProjection projects runs of orders until the benchmark has enough, and reports
// orders/s.
func MeasureProjection(b *testing.B, store persistence.Store) {
	b.Helper()
	s := OpenSales(b, store)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		records, to := s.Run(salesOrders)
		b.StartTimer()
		if err := store.Project(b.Context(), s.Position, to, records); err != nil {
			b.Fatal(err)
		}
		s.Position = to
	}
	b.ReportMetric(float64(b.N*salesOrders)/b.Elapsed().Seconds(), "orders/s")
}

// MeasureLists lists 20 of the newest of 100,000 orders: everyone's, a customer's, those of
// a product and of a state. analyze is called before.
func MeasureLists(b *testing.B, store persistence.Store, analyze func()) {
	b.Helper()
	s := OpenSales(b, store)
	var customer inventory.ID
	for range 50 {
		customer = s.Project(b, store)[0].Event.Customer
	}
	analyze()
	for name, filter := range map[string]persistence.OrderFilter{
		"Everyone": {Limit: 20}, "Customer": {Customer: customer, Limit: 20},
		"Product": {Product: s.Products[0], Limit: 20}, "State": {State: inventory.Reserved, Limit: 20},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if orders, err := store.Orders(b.Context(), filter); err != nil || len(orders) == 0 {
					b.Fatal(err, len(orders))
				}
			}
		})
	}
}
