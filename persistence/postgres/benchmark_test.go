package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence/persistencetest"
)

// measured returns a store on a server of its own, which syncs.
func measured(tb testing.TB) (store *Store, server *testserver.Postgres, address string) {
	server = testserver.StartPostgres(tb, "shared_buffers=256MB", "max_wal_size=4GB")
	address = server.NewDatabase(tb)
	store, err := Open(tb.Context(), address)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store, server, address
}

func BenchmarkProject(b *testing.B) {
	store, _, _ := measured(b)
	persistencetest.MeasureProjection(b, store)
}

func BenchmarkOrdersPage(b *testing.B) {
	store, _, _ := measured(b)
	persistencetest.MeasureLists(b, store, func() {
		_, err := store.writers.Exec(b.Context(), "ANALYZE")
		require.NoError(b, err)
	})
}

// BenchmarkSearch lists and searches a million products, once the server has statistics, as
// its autovacuum makes them.
func BenchmarkSearch(b *testing.B) {
	store, _, _ := measured(b)
	persistencetest.MeasureSearch(b, store, func() {
		_, err := store.writers.Exec(b.Context(), "ANALYZE products")
		require.NoError(b, err)
	})
}
