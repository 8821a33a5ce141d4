package sqlite

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	benchmarkBatch    = 2000
	benchmarkProducts = 100
	benchmarkStart    = 1_764_000_000_000 * inventory.Millisecond
)

// sales makes endless batches of one-line orders, as a flash sale does.
type sales struct {
	at       inventory.Instant
	position persistence.Position
	products []inventory.ID
	random   uint64
}

// next returns 64 bits that repeat only after 2^64 calls (splitmix64).
func (s *sales) next() uint64 {
	s.random += 0x9e3779b97f4a7c15
	z := s.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *sales) id() inventory.ID {
	return inventory.NewID(s.at, uint16(s.next()), uint16(s.next()), s.next())
}

func (s *sales) fingerprint() (f inventory.Fingerprint) {
	first, second := s.next(), s.next()
	for i := range 8 {
		f[i], f[8+i] = byte(first>>(8*i)), byte(second>>(8*i))
	}
	return f
}

// open makes a store with products that have stock.
func (s *sales) open(tb testing.TB) *Store {
	store, err := Open(tb.Context(), filepath.Join(tb.TempDir(), "holdfast.db"))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	s.at, s.position.Journal = benchmarkStart, inventory.ID{1}
	var records []persistence.Record
	for i := range benchmarkProducts {
		id := s.id()
		s.products = append(s.products, id)
		product := persistence.CatalogueProduct{Category: "sale", Product: inventory.Product{ID: id,
			SKU: id.String(), Price: inventory.Money{Minor: 4999, Currency: inventory.Currency{'E', 'U', 'R'}}, HoldSeconds: 600}}
		require.NoError(tb, store.CreateProducts(tb.Context(), product))
		records = append(records, persistence.Record{Sequence: uint64(i + 1), Event: inventory.Event{Kind: inventory.StockAdjusted,
			At: s.at, Reason: "receipt", Lines: []inventory.Line{{ProductID: id, Quantity: inventory.StockQuantityMax}}}})
	}
	to := persistence.Position{Journal: s.position.Journal, Sequence: uint64(len(records)), Hash: persistence.Hash(s.fingerprint())}
	require.NoError(tb, store.Project(tb.Context(), persistence.Position{}, to, records))
	s.position = to
	return store
}

// batch returns the next run of orders, 40 orders a millisecond.
func (s *sales) batch() (records []persistence.Record, to persistence.Position) {
	to = s.position
	for i := range benchmarkBatch {
		if i%40 == 0 {
			s.at += inventory.Millisecond
		}
		to.Sequence++
		product := s.products[s.next()%benchmarkProducts]
		records = append(records, persistence.Record{Sequence: to.Sequence, Event: inventory.Event{
			Kind: inventory.OrderPlaced, At: s.at, Order: s.id(), Customer: s.id(), ExpiresAt: s.at.Add(600 * inventory.Second),
			Currency: inventory.Currency{'E', 'U', 'R'}, Key: s.fingerprint(), Body: s.fingerprint(),
			Lines: []inventory.Line{{ProductID: product, Quantity: 1, Price: 4999, SKU: "SKU-" + product.String()[:8]}}}})
	}
	to.Hash = persistence.Hash(s.fingerprint())
	return records, to
}

func BenchmarkProject(b *testing.B) {
	s := &sales{}
	store := s.open(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		records, to := s.batch()
		b.StartTimer()
		if err := store.Project(b.Context(), s.position, to, records); err != nil {
			b.Fatal(err)
		}
		s.position = to
	}
	b.ReportMetric(float64(b.N*benchmarkBatch)/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkOrdersPage lists 20 of the newest of 100,000 orders.
func BenchmarkOrdersPage(b *testing.B) {
	s := &sales{}
	store := s.open(b)
	var customer inventory.ID
	for range 50 {
		records, to := s.batch()
		customer = records[0].Event.Customer
		require.NoError(b, store.Project(b.Context(), s.position, to, records))
		s.position = to
	}
	for name, filter := range map[string]persistence.OrderFilter{
		"Everyone": {Limit: 20}, "Customer": {Customer: customer, Limit: 20},
		"Product": {Product: s.products[0], Limit: 20}, "State": {State: inventory.Reserved, Limit: 20},
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

// BenchmarkPurgeKeys purges 2,000 at a time of the keys of 200,000 orders: keys that
// are too young, old ones of orders that still wait to be shipped, and old ones that
// nothing needs any more, which come back before the next call.
func BenchmarkPurgeKeys(b *testing.B) {
	const limit = 2_000
	s := &sales{}
	store := s.open(b)
	var keys []persistence.IdempotencyKey
	for range 100 {
		records, to := s.batch()
		require.NoError(b, store.Project(b.Context(), s.position, to, records))
		s.position = to
		for i := range records {
			event := &records[i].Event
			keys = append(keys, persistence.IdempotencyKey{Key: event.Key, Body: event.Body, Kind: event.Kind, Subject: event.Order, At: event.At})
		}
	}
	slices.SortFunc(keys, func(a, b persistence.IdempotencyKey) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	purge := func(b *testing.B, since inventory.Instant, want int) {
		store.purged = inventory.Fingerprint{}
		for n := 0; b.Loop(); n++ {
			deleted, err := store.PurgeKeys(b.Context(), since, limit)
			if err != nil || deleted != want {
				b.Fatal(err, deleted)
			}
			b.StopTimer()
			if first := n * limit % len(keys); want > 0 {
				useKeys(b, store, keys[first:first+limit]...)
			}
			b.StartTimer()
		}
	}
	b.Run("Young", func(b *testing.B) { purge(b, benchmarkStart, 0) })
	b.Run("Unsettled", func(b *testing.B) { purge(b, s.at+1, 0) })
	_, err := store.writer.ExecContext(b.Context(), "UPDATE orders SET state = 3")
	require.NoError(b, err)
	b.Run("Needless", func(b *testing.B) { purge(b, s.at+1, limit) })
}
