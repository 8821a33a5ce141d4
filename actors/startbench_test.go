package actors

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/sqlite"
)

// benchMillion is how many products and records the starts are measured with.
const benchMillion = 1_000_000

// BenchmarkStartProducts starts an engine with a million products, and tells how much
// memory each of them takes.
func BenchmarkStartProducts(b *testing.B) {
	h := &house{t: b, clock: clock.NewManual(0), folder: b.TempDir()}
	h.createMany(benchMillion)
	started := time.Now()
	h.openReal(clock.NewSystem()) // issues the opening receipts
	b.Logf("a first start, with a receipt for each of %d products, takes %s", benchMillion, time.Since(started))
	require.NoError(b, h.engine.projector.wait(context.Background(), h.journal.DurableSequence()))
	h.closeReal()
	h.engine, h.journal, h.store = nil, nil, nil
	before := heapBytes()
	for b.Loop() {
		h.openReal(clock.NewSystem())
		b.StopTimer()
		b.ReportMetric(float64(heapBytes()-before)/benchMillion, "heap-B/product")
		h.closeReal()
		h.engine, h.journal, h.store = nil, nil, nil
		b.StartTimer()
	}
}

// createMany fills the catalogue.
func (h *house) createMany(count int) {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(h.folder, "holdfast.db"))
	require.NoError(h.t, err)
	now := clock.NewSystem().Now()
	chunk := make([]persistence.CatalogueProduct, 0, 10_000)
	for n := range count {
		chunk = append(chunk, persistence.CatalogueProduct{
			Product: inventory.Product{ID: inventory.NewID(now.Add(inventory.Instant(n)*inventory.Millisecond), uint16(n), uint16(n), uint64(n)),
				SKU: fmt.Sprintf("SKU-%07d", n), Name: fmt.Sprintf("Product %d", n), Category: "bench",
				HoldSeconds: 600, Price: inventory.Money{Minor: 1_000, Currency: euro}},
			OpeningStock: 1_000, Version: 1, CreatedAt: now, UpdatedAt: now})
		if len(chunk) == cap(chunk) || n == count-1 {
			require.NoError(h.t, store.CreateProducts(ctx, chunk...))
			chunk = chunk[:0]
		}
	}
	require.NoError(h.t, store.Close())
}

// BenchmarkStartTail starts an engine whose journal has a million orders that SQL does
// not have, as after a crash while the database was away.
func BenchmarkStartTail(b *testing.B) {
	h := &house{t: b, clock: clock.NewManual(0), folder: b.TempDir()}
	h.openReal(clock.NewSystem())
	product := h.product(inventory.StockQuantityMax, func(p *persistence.CatalogueProduct) { p.HoldSeconds = inventory.HoldSecondsMax })
	h.awaitProjection()
	h.cut = true
	h.store.away.Store(true)
	h.placeMany(product, benchMillion)
	h.closeReal()
	for b.Loop() {
		h.openReal(clock.NewSystem())
		b.StopTimer()
		require.EqualValues(b, benchMillion, h.stock(product)[1])
		h.closeReal()
		b.StartTimer()
	}
}
