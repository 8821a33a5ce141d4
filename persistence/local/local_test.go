package local_test

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/local"
	"holdfast/persistence/persistencetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCache(t *testing.T, options local.CacheOptions) *local.Cache {
	cache, err := local.NewCache(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cache.Close()) })
	return cache
}

func TestCacheConformance(t *testing.T) {
	persistencetest.RunCache(t, func(t *testing.T) persistencetest.CachePlace {
		manual := clock.NewManual(inventory.Second)
		return persistencetest.CachePlace{Cache: newCache(t, local.CacheOptions{Clock: manual}),
			Pass: func(d time.Duration) { manual.Advance(d) }}
	})
}

func TestBusConformance(t *testing.T) {
	persistencetest.RunBus(t, func(t *testing.T) persistencetest.BusPlace {
		bus := local.NewBus()
		t.Cleanup(func() { require.NoError(t, bus.Close()) })
		return persistencetest.BusPlace{Publisher: bus, Subscriber: bus}
	})
}

func get(t *testing.T, cache *local.Cache, key string, value []byte) (loaded bool) {
	_, err := cache.Get(t.Context(), key, func(context.Context) (persistence.Loaded, error) {
		loaded = true
		return persistence.Loaded{Value: value, KeepFor: time.Minute}, nil
	})
	require.NoError(t, err)
	return loaded
}

// Reading ten times what fits stays within the bounds all the time.
func TestTheCacheIsBounded(t *testing.T) {
	for name, options := range map[string]local.CacheOptions{
		"entries": {EntriesMax: 100, BytesMax: 1 << 30},
		"bytes":   {EntriesMax: 1 << 30, BytesMax: 200_000},
	} {
		t.Run(name, func(t *testing.T) {
			options.Clock = clock.NewManual(inventory.Second)
			cache := newCache(t, options)
			for number := range 1000 {
				get(t, cache, strconv.Itoa(number), bytes.Repeat([]byte{1}, 1800))
				statistics := cache.Statistics()
				require.LessOrEqual(t, statistics.Entries, int64(options.EntriesMax))
				require.LessOrEqual(t, statistics.Bytes, int64(options.BytesMax))
			}
			require.Greater(t, cache.Statistics().Entries, int64(90), "much less is kept than fits")
		})
	}
}

// What is used stays, what is not used goes.
func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	cache := newCache(t, local.CacheOptions{Clock: clock.NewManual(inventory.Second), EntriesMax: 3})
	for _, key := range []string{"a", "b", "c", "a", "d"} {
		get(t, cache, key, nil)
	}
	require.False(t, get(t, cache, "a", nil))
	require.True(t, get(t, cache, "b", nil))
}

func TestEntriesEndWithTheirTime(t *testing.T) {
	manual := clock.NewManual(inventory.Second)
	cache := newCache(t, local.CacheOptions{Clock: manual})
	require.True(t, get(t, cache, "a", nil))
	manual.Advance(50 * time.Second)
	require.False(t, get(t, cache, "a", nil))
	manual.Advance(10 * time.Second)
	require.True(t, get(t, cache, "a", nil))
	require.EqualValues(t, 1, cache.Statistics().Entries)
}

// What was loaded together does not end together.
func TestLifetimesDiffer(t *testing.T) {
	manual := clock.NewManual(inventory.Second)
	cache := newCache(t, local.CacheOptions{Clock: manual})
	for number := range 200 {
		get(t, cache, strconv.Itoa(number), nil)
	}
	manual.Advance(56 * time.Second)
	ended := 0
	for number := range 200 {
		if get(t, cache, strconv.Itoa(number), nil) {
			ended++
		}
	}
	require.Greater(t, ended, 20)
	require.Less(t, ended, 180)
}

func TestABoundBelowZeroIsNone(t *testing.T) {
	_, err := local.NewCache(local.CacheOptions{Clock: clock.NewManual(0), EntriesMax: -1})
	require.Error(t, err)
}
