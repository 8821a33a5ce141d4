package redis

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence"
)

// getTimeMax is how long a Get may take whose load takes no time, and a server that does
// not answer. A noisy machine may need more for a single one, so the median is judged.
const getTimeMax = 150 * time.Millisecond

func load(text string) persistence.Load {
	return func(context.Context) (persistence.Loaded, error) {
		return persistence.Loaded{Value: []byte(text)}, nil
	}
}

// requireServes fails the test unless every Get answers what the load says; it returns the
// median of their times.
func requireServes(t *testing.T, cache *Cache, key string, gets int) time.Duration {
	t.Helper()
	var times []time.Duration
	for number := range gets {
		text := key + strconv.Itoa(number)
		begun := time.Now()
		found, err := cache.Get(t.Context(), text, load(text))
		times = append(times, time.Since(begun))
		require.NoError(t, err)
		require.Equal(t, text, string(found))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// awaitKept waits until the server has the value.
func awaitKept(t *testing.T, cache *Cache, key, text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		hits := cache.Statistics().Hits
		found, err := cache.Get(t.Context(), key, load(text))
		require.NoError(t, err)
		require.Equal(t, text, string(found))
		return cache.Statistics().Hits > hits
	}, 20*time.Second, 5*time.Millisecond)
}

func TestACacheWithoutAServer(t *testing.T) {
	cache := openCache(t, "redis://127.0.0.1:1/0", newNamespace())
	require.Less(t, requireServes(t, cache, "first", failuresMax), getTimeMax)
	require.Less(t, requireServes(t, cache, "later", 200), 5*time.Millisecond)
	cache.Invalidate(t.Context(), "first0")
	statistics := cache.Statistics()
	require.NotZero(t, statistics.Failures)
	require.NotZero(t, statistics.Avoided)
	require.Zero(t, statistics.Hits)
}

func TestACacheOutlivesItsServer(t *testing.T) {
	server := testserver.StartRedis(t)
	cache := openCache(t, server.URL(), newNamespace())
	awaitKept(t, cache, "key", "before")
	server.Kill(t)
	requireServes(t, cache, "while it is away", 100)
	cache.Invalidate(t.Context(), "key")
	found, err := cache.Get(t.Context(), "key", load("after"))
	require.NoError(t, err)
	require.Equal(t, "after", string(found))
	server.Start(t)
	awaitKept(t, cache, "key", "after")
}

func TestAServerThatDoesNotAnswer(t *testing.T) {
	server := testserver.StartRedis(t)
	cache := openCache(t, server.URL(), newNamespace())
	awaitKept(t, cache, "key", "value")
	resume := server.Pause(t)
	require.Less(t, requireServes(t, cache, "first", failuresMax), getTimeMax)
	require.Less(t, requireServes(t, cache, "later", 200), 5*time.Millisecond)
	resume()
	awaitKept(t, cache, "key", "value")
}

func TestAServerThatIsEmptied(t *testing.T) {
	server := testserver.StartRedis(t)
	cache := openCache(t, server.URL(), newNamespace())
	awaitKept(t, cache, "key", "first")
	require.NoError(t, raw(t, server.URL()).FlushAll(t.Context()).Err())
	found, err := cache.Get(t.Context(), "key", load("second"))
	require.NoError(t, err)
	require.Equal(t, "second", string(found))
	awaitKept(t, cache, "key", "second")
}

// An invalidation that did not reach the server is made good before the key is asked for.
func TestAnInvalidationIsOwed(t *testing.T) {
	proxy, address := throughProxy(t, testserver.SharedRedis(t))
	namespace := newNamespace()
	cache := openCache(t, address, namespace)
	other := openCache(t, testserver.SharedRedis(t).URL(), namespace)
	awaitKept(t, cache, "key", "old")
	awaitKept(t, other, "key", "old")
	proxy.Refuse(true)
	cache.Invalidate(t.Context(), "key")
	proxy.Refuse(false)
	awaitKept(t, cache, "key", "new")
	found, err := other.Get(t.Context(), "key", load("newer"))
	require.NoError(t, err)
	require.Equal(t, "new", string(found), "the others were never told")
}

// When more is owed than can be noted, the server is not asked until all copies have ended.
func TestTooManyOwedInvalidations(t *testing.T) {
	proxy, address := throughProxy(t, testserver.SharedRedis(t))
	cache := openCache(t, address, newNamespace())
	awaitKept(t, cache, "key", "old")
	proxy.Refuse(true)
	keys := []string{"key"}
	for number := range owedMax {
		keys = append(keys, strconv.Itoa(number))
	}
	cache.Invalidate(t.Context(), keys...)
	proxy.Refuse(false)
	cache.server.breaker.succeeded()
	found, err := cache.Get(t.Context(), "key", load("new"))
	require.NoError(t, err)
	require.Equal(t, "new", string(found))
	require.LessOrEqual(t, len(cache.owed), owedMax)
}

// What one process invalidates is gone in all, and a load that had begun in another one
// before does not bring it back.
func TestInvalidationsReachOtherProcesses(t *testing.T) {
	address, namespace := testserver.SharedRedis(t).URL(), newNamespace()
	one, two := openCache(t, address, namespace), openCache(t, address, namespace)
	awaitKept(t, one, "key", "first")
	awaitKept(t, two, "key", "first")
	two.Invalidate(t.Context(), "key")
	begun, release, told := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		_, _ = one.Get(context.Background(), "key", func(context.Context) (persistence.Loaded, error) {
			close(begun)
			<-release
			return persistence.Loaded{Value: []byte("late")}, nil
		})
	}()
	select {
	case <-begun:
	case <-told:
		t.Fatal("it found what the other process has invalidated")
	}
	two.Invalidate(t.Context(), "key")
	close(release)
	<-told
	// The late value is in the server now, or comes any moment.
	client := raw(t, address)
	require.Eventually(t, func() bool { return client.Get(t.Context(), one.entryName("key")).Err() == nil },
		20*time.Second, time.Millisecond)
	found, err := two.Get(t.Context(), "key", load("right"))
	require.NoError(t, err)
	require.Equal(t, "right", string(found))
	require.NotZero(t, two.Statistics().Refused)
}
