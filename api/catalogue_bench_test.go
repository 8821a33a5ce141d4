package api

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/local"
	"holdfast/persistence/postgres"
	"holdfast/persistence/redis"
	"holdfast/persistence/sqlite"
)

// BenchmarkDetail reads the detail of one product again and again, with each store, and
// without a cache, with that of the process and with one in Redis.
func BenchmarkDetail(b *testing.B) {
	besideEachOther(b, func(first *persistence.CatalogueProduct) string { return "/api/products/" + first.ID.String() })
}

// BenchmarkList is the same for a page of twenty products by price.
func BenchmarkList(b *testing.B) {
	besideEachOther(b, func(*persistence.CatalogueProduct) string { return "/api/products?sort=price" })
}

// besideEachOther reads a path of the first product, or of all, in each way.
func besideEachOther(b *testing.B, path func(first *persistence.CatalogueProduct) string) {
	stores := map[string]func(b *testing.B) persistence.Store{"sqlite": benchSQLite, "postgres": benchPostgres}
	caches := map[string]func(b *testing.B) persistence.Cache{
		"none": func(*testing.B) persistence.Cache { return nil }, "local": benchLocal, "redis": benchRedis}
	for _, store := range []string{"sqlite", "postgres"} {
		for _, cache := range []string{"none", "local", "redis"} {
			b.Run(store+"/"+cache, func(b *testing.B) { benchmarkReads(b, stores[store](b), caches[cache](b), path) })
		}
	}
}

func benchSQLite(b *testing.B) persistence.Store {
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "holdfast.db"))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	return store
}

func benchPostgres(b *testing.B) persistence.Store {
	store, err := postgres.New(b.Context(), testserver.StartPostgres(b).NewDatabase(b))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	require.NoError(b, store.Prepare(b.Context()))
	return store
}

func benchLocal(b *testing.B) persistence.Cache {
	cache, err := local.NewCache(local.CacheOptions{Clock: clock.NewSystem()})
	require.NoError(b, err)
	return cache
}

func benchRedis(b *testing.B) persistence.Cache {
	server, err := redis.Open(redis.Options{URL: testserver.StartRedis(b).URL(), Secret: testKey, Clock: clock.NewSystem(),
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, server.Close()) })
	return server.NewCache()
}

func benchmarkReads(b *testing.B, store persistence.Store, cache persistence.Cache, path func(*persistence.CatalogueProduct) string) {
	engine, rows := newFakeEngine(newHandClock()), make([]persistence.CatalogueProduct, 1_000)
	for i := range rows {
		rows[i] = fullRow()
		rows[i].ID[14], rows[i].ID[15], rows[i].Paused = byte(i>>8), byte(i), false
		rows[i].SKU, rows[i].Price.Minor = fmt.Sprintf("SKU-%d", i), int64(i)
		require.Equal(b, inventory.Refusal{}, engine.AddProduct(rows[i]))
	}
	require.NoError(b, store.CreateProducts(context.Background(), rows...))
	server, err := New(Options{Engine: engine, Store: store, Cache: cache, SigningKey: testKey, Clock: clock.NewSystem(),
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var ctx fasthttp.RequestCtx
		var request fasthttp.Request
		request.SetRequestURI(path(&rows[0]))
		request.Header.SetHost("127.0.0.1:8080")
		ctx.Init(&request, nil, nil)
		for pb.Next() {
			ctx.Response.Reset()
			server.front.Handler(&ctx)
			if ctx.Response.StatusCode() != 200 {
				b.Errorf("%d %s", ctx.Response.StatusCode(), ctx.Response.Body())
				return
			}
		}
	})
}
