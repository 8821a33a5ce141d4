package persistencetest

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/persistence"
)

// CachePlace is an empty cache.
type CachePlace struct {
	Cache persistence.Cache
	// Pass lets time pass for what is kept.
	Pass func(time.Duration)
}

// shortLifetime is one that a test can wait for.
const shortLifetime = 50 * time.Millisecond

// RunCache runs the suite of [persistence.Cache]. newPlace makes an empty cache, which it
// closes when the test ends.
func RunCache(t *testing.T, newPlace func(t *testing.T) CachePlace) {
	tests := []struct {
		name string
		test func(*testing.T, CachePlace)
	}{
		{"CacheKeepsValues", testCacheKeepsValues},
		{"CacheKeepsNoErrors", testCacheKeepsNoErrors},
		{"CacheKeepsAbsence", testCacheKeepsAbsence},
		{"CacheLifetime", testCacheLifetime},
		{"CacheLifetimeOfASlowLoad", testCacheLifetimeOfASlowLoad},
		{"CacheBounds", testCacheBounds},
		{"CacheSharesLoads", testCacheSharesLoads},
		{"CacheInvalidationWins", testCacheInvalidationWins},
		{"CacheInvalidationRace", testCacheInvalidationRace},
		{"CacheCallerGoes", testCacheCallerGoes},
		{"CacheLoadPanics", testCacheLoadPanics},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, newPlace(t)) })
	}
}

// source is a truth that counts how often it was read.
type source struct {
	reads  atomic.Int64
	loaded persistence.Loaded
	err    error
}

func (s *source) load(context.Context) (persistence.Loaded, error) {
	s.reads.Add(1)
	return s.loaded, s.err
}

func value(text string) *source { return &source{loaded: persistence.Loaded{Value: []byte(text)}} }

// requireKept fails the test unless the cache comes to answer without the source. Some
// caches keep a value only after it was answered.
func requireKept(t *testing.T, cache persistence.Cache, key string, s *source) {
	t.Helper()
	require.Eventually(t, func() bool {
		before := s.reads.Load()
		found, err := cache.Get(t.Context(), key, s.load)
		require.ErrorIs(t, err, s.err)
		require.True(t, bytes.Equal(s.loaded.Value, found), "%q instead of %q", found, s.loaded.Value)
		return s.reads.Load() == before
	}, 10*time.Second, time.Millisecond)
}

// requireNotKept fails the test unless each Get reads the source.
func requireNotKept(t *testing.T, cache persistence.Cache, key string, s *source) {
	t.Helper()
	for range 5 {
		before := s.reads.Load()
		require.Eventually(t, func() bool { // a Get may share the load of the one before that has not quite ended
			found, err := cache.Get(t.Context(), key, s.load)
			require.ErrorIs(t, err, s.err)
			require.Equal(t, s.loaded.Value, found)
			return s.reads.Load() > before
		}, 10*time.Second, time.Millisecond)
	}
}

func testCacheKeepsValues(t *testing.T, place CachePlace) {
	for _, text := range []string{"one", "", strings.Repeat("long ", 10_000)} {
		key := "key of " + strconv.Itoa(len(text))
		requireKept(t, place.Cache, key, value(text))
		place.Cache.Invalidate(t.Context(), key, "a key that is not there")
		requireKept(t, place.Cache, key, value("not "+text))
	}
	require.NotZero(t, place.Cache.Statistics().Misses)
}

func testCacheKeepsNoErrors(t *testing.T, place CachePlace) {
	requireNotKept(t, place.Cache, "broken", &source{err: errors.New("the database is away")})
	requireNotKept(t, place.Cache, "broken", &source{err: errors.New("it says for how long"), loaded: persistence.Loaded{KeepFor: time.Minute}})
	requireKept(t, place.Cache, "broken", value("it is back"))
}

func testCacheKeepsAbsence(t *testing.T, place CachePlace) {
	requireNotKept(t, place.Cache, "absent", &source{err: persistence.ErrNotFound})
	absence := &source{err: persistence.ErrNotFound, loaded: persistence.Loaded{KeepFor: time.Minute}}
	requireKept(t, place.Cache, "absent", absence)
	place.Cache.Invalidate(t.Context(), "absent")
	requireKept(t, place.Cache, "absent", value("created"))
}

func testCacheLifetime(t *testing.T, place CachePlace) {
	never := value("never kept")
	never.loaded.KeepFor = -1
	requireNotKept(t, place.Cache, "never", never)
	long, short := value("long"), value("short")
	requireKept(t, place.Cache, "long", long)
	short.loaded.KeepFor = shortLifetime
	_, err := place.Cache.Get(t.Context(), "short", short.load)
	require.NoError(t, err)
	place.Pass(shortLifetime)
	require.Eventually(t, func() bool { // the machine's clock and the server's may differ a little
		newer, err := place.Cache.Get(t.Context(), "short", value("newer").load)
		require.NoError(t, err)
		return string(newer) == "newer"
	}, 10*time.Second, time.Millisecond)
	before := long.reads.Load()
	requireKept(t, place.Cache, "long", long)
	require.Equal(t, before, long.reads.Load(), "it ended with another one")
}

// What a load has read may be from when it began, so its time has passed when the load
// has taken all of it.
func testCacheLifetimeOfASlowLoad(t *testing.T, place CachePlace) {
	for range 3 {
		loads := 0
		require.Eventually(t, func() bool { // a Get may share the load of the one before that has not quite ended
			found, err := place.Cache.Get(t.Context(), "slow", func(context.Context) (persistence.Loaded, error) {
				loads++
				place.Pass(shortLifetime)
				return persistence.Loaded{Value: []byte("slow"), KeepFor: shortLifetime}, nil
			})
			require.NoError(t, err)
			require.Equal(t, "slow", string(found))
			return loads == 1
		}, 10*time.Second, time.Millisecond)
	}
	require.Zero(t, place.Cache.Statistics().Hits)
}

func testCacheBounds(t *testing.T, place CachePlace) {
	longKey, keyTooLong := strings.Repeat("k", persistence.CacheKeyBytesMax), strings.Repeat("k", persistence.CacheKeyBytesMax+1)
	largest := value(strings.Repeat("v", persistence.CacheValueBytesMax))
	requireKept(t, place.Cache, longKey, largest)
	requireNotKept(t, place.Cache, "too large", value(strings.Repeat("v", persistence.CacheValueBytesMax+1)))
	requireNotKept(t, place.Cache, keyTooLong, value("one"))
	requireNotKept(t, place.Cache, "", value("no key"))
	place.Cache.Invalidate(t.Context(), longKey, keyTooLong, "")
	requireKept(t, place.Cache, longKey, value("another"))
}

func testCacheSharesLoads(t *testing.T, place CachePlace) {
	const readers = 50
	release, loads := make(chan struct{}), atomic.Int64{}
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			found, err := place.Cache.Get(context.Background(), "popular", func(context.Context) (persistence.Loaded, error) {
				loads.Add(1)
				<-release
				return persistence.Loaded{Value: []byte("once")}, nil
			})
			if err != nil || string(found) != "once" {
				t.Errorf("%q, %v", found, err)
			}
		})
	}
	// A reader that came late would find the copy, or else load again, which shows.
	require.Eventually(t, func() bool { return loads.Load() == 1 }, 10*time.Second, time.Millisecond)
	close(release)
	group.Wait()
	require.EqualValues(t, 1, loads.Load())
	statistics := place.Cache.Statistics()
	require.EqualValues(t, readers, statistics.Hits+statistics.Misses+statistics.Shared)
}

// Who asks after an invalidation neither gets the load that began before it, nor finds
// what that left behind.
func testCacheInvalidationWins(t *testing.T, place CachePlace) {
	begun, release, old := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	go func() {
		found, _ := place.Cache.Get(context.Background(), "key", func(context.Context) (persistence.Loaded, error) {
			close(begun)
			<-release
			return persistence.Loaded{Value: []byte("old")}, nil
		})
		old <- string(found)
	}()
	<-begun
	place.Cache.Invalidate(t.Context(), "other", "key")
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	fresh, err := place.Cache.Get(soon, "key", value("new").load)
	close(release)
	require.NoError(t, err, "it waits for the load from before")
	require.Equal(t, "new", string(fresh))
	require.Equal(t, "old", <-old, "who had asked before got something else")
	for range 20 {
		found, err := place.Cache.Get(t.Context(), "key", value("new").load)
		require.NoError(t, err)
		require.Equal(t, "new", string(found))
	}
	requireKept(t, place.Cache, "key", value("new"))
}

// A reader never sees less than what was true when the last invalidation before it returned.
func testCacheInvalidationRace(t *testing.T, place CachePlace) {
	const readers, changes = 4, 300
	var truth, announced atomic.Int64
	ended := make(chan struct{})
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for running := true; running; {
				select {
				case <-ended:
					running = false
				default:
				}
				floor := announced.Load()
				found, err := place.Cache.Get(context.Background(), "key", func(context.Context) (persistence.Loaded, error) {
					return persistence.Loaded{Value: strconv.AppendInt(nil, truth.Load(), 10)}, nil
				})
				seen, parse := strconv.ParseInt(string(found), 10, 64)
				if err != nil || parse != nil || seen < floor {
					t.Errorf("%q, %v: the truth was %d at least", found, err, floor)
					return
				}
			}
		})
	}
	for range changes {
		now := truth.Add(1)
		place.Cache.Invalidate(t.Context(), "key")
		announced.Store(now)
	}
	close(ended)
	group.Wait()
}

func testCacheCallerGoes(t *testing.T, place CachePlace) {
	begun, release := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context) (persistence.Loaded, error) {
		close(begun)
		select {
		case <-release:
			return persistence.Loaded{Value: []byte("late")}, nil
		case <-ctx.Done():
			return persistence.Loaded{}, ctx.Err()
		}
	}
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := place.Cache.Get(first, "key", slow)
		left <- err
	}()
	<-begun
	stays := make(chan string, 1)
	go func() {
		found, _ := place.Cache.Get(context.Background(), "key", value("own").load)
		stays <- string(found)
	}()
	require.Eventually(t, func() bool { // it waits: nothing counts it before it is told
		leaveEarly, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := place.Cache.Get(leaveEarly, "key", value("own").load)
		return errors.Is(err, context.DeadlineExceeded) && place.Cache.Statistics().Shared >= 1
	}, 10*time.Second, time.Millisecond)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(release)
	require.Contains(t, []string{"late", "own"}, <-stays, "it got nothing because another had gone")

	alone, leaveAlone := context.WithCancel(t.Context())
	ended := make(chan struct{})
	time.AfterFunc(10*time.Millisecond, leaveAlone)
	_, err := place.Cache.Get(alone, "nobody waits", func(ctx context.Context) (persistence.Loaded, error) {
		<-ctx.Done()
		close(ended)
		return persistence.Loaded{}, ctx.Err()
	})
	require.ErrorIs(t, err, context.Canceled)
	<-ended
}

func testCacheLoadPanics(t *testing.T, place CachePlace) {
	_, err := place.Cache.Get(t.Context(), "key", func(context.Context) (persistence.Loaded, error) { panic("a bug") })
	require.ErrorIs(t, err, persistence.ErrLoadFailed)
	require.ErrorContains(t, err, "a bug")
	requireKept(t, place.Cache, "key", value("right"))
}
