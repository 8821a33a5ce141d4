package sqlite

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/walk"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/persistencetest"
)

// measured returns a store on the disk of temporary files, which is synced.
func measured(tb testing.TB) *Store {
	store, err := Open(tb.Context(), filepath.Join(tb.TempDir(), "holdfast.db"))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}

func BenchmarkProject(b *testing.B) { persistencetest.MeasureProjection(b, measured(b)) }

func BenchmarkOrdersPage(b *testing.B) { persistencetest.MeasureLists(b, measured(b), func() {}) }

// BenchmarkPurgeKeys purges 2,000 at a time of the keys of 200,000 orders: keys that
// are too young, old ones of orders that still wait to be shipped, and old ones that
// nothing needs any more, which come back before the next call.
func BenchmarkPurgeKeys(b *testing.B) {
	const limit = 2_000
	store := measured(b)
	s := persistencetest.OpenSales(b, store)
	begun := s.At
	var keys []persistence.IdempotencyKey
	for range 100 {
		records := s.Project(b, store)
		for i := range records {
			event := &records[i].Event
			keys = append(keys, persistence.IdempotencyKey{Key: event.Key, Body: event.Body, Kind: event.Kind, Subject: event.Order, At: event.At})
		}
	}
	slices.SortFunc(keys, func(a, b persistence.IdempotencyKey) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	purge := func(b *testing.B, since inventory.Instant, want int) {
		store.purgedKeys = walk.Walk[inventory.Fingerprint]{}
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
	b.Run("Young", func(b *testing.B) { purge(b, begun, 0) })
	b.Run("Unsettled", func(b *testing.B) { purge(b, s.At+1, 0) })
	_, err := store.writer.ExecContext(b.Context(), "UPDATE orders SET state = 3")
	require.NoError(b, err)
	b.Run("Needless", func(b *testing.B) { purge(b, s.At+1, limit) })
}

// BenchmarkPurge purges orders of one line, 1,000 at a time, and movements, 2,000 at a
// time, of 200,000 orders that have expired: call it with -benchtime=50x. And it looks at
// orders that stay because they wait to be shipped, 16,000 at a time.
func BenchmarkPurge(b *testing.B) {
	open := func(b *testing.B, state inventory.State) (*Store, *persistencetest.Sales) {
		store := measured(b)
		s := persistencetest.OpenSales(b, store)
		for range 100 {
			s.Project(b, store)
		}
		_, err := store.writer.ExecContext(b.Context(), "UPDATE orders SET state = ?", int64(state))
		require.NoError(b, err)
		return store, s
	}
	each := func(b *testing.B, purge func() (int, error)) {
		for b.Loop() {
			deleted, err := purge()
			require.NoError(b, err)
			require.NotZero(b, deleted, "measure fewer: all is deleted")
		}
	}
	b.Run("Orders", func(b *testing.B) {
		store, s := open(b, inventory.Expired)
		each(b, func() (int, error) { return store.PurgeOrders(b.Context(), s.Position, s.At+1, 1_000) })
	})
	b.Run("Unshipped", func(b *testing.B) {
		store, s := open(b, inventory.Confirmed)
		for b.Loop() {
			deleted, err := store.PurgeOrders(b.Context(), s.Position, s.At+1, 1_000)
			require.NoError(b, err)
			require.Zero(b, deleted)
		}
	})
	b.Run("Movements", func(b *testing.B) {
		store, s := open(b, inventory.Expired)
		each(b, func() (int, error) { return store.PurgeMovements(b.Context(), s.At+1, 2_000) })
	})
}

// BenchmarkSearch lists and searches a million products.
func BenchmarkSearch(b *testing.B) { persistencetest.MeasureSearch(b, measured(b), func() {}) }
