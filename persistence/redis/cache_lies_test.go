package redis

import (
	"log/slog"
	"strings"
	"testing"

	driver "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence"
)

// lies change what the server has of the key "victim", whose truth is "true now". There
// is a copy of another key beside it, and old is what was there before the last
// invalidation.
var lies = map[string]func(t *testing.T, client *driver.Client, cache *Cache, old string){
	"garbage": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		set(t, client, cache.entryName("victim"), strings.Repeat("garbage", 100))
	},
	"much garbage": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		set(t, client, cache.entryName("victim"), strings.Repeat("g", 4<<20))
	},
	"cut off": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		now := client.Get(t.Context(), cache.entryName("victim")).Val()
		set(t, client, cache.entryName("victim"), now[:len(now)-1])
	},
	"cut to its seal": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		now := client.Get(t.Context(), cache.entryName("victim")).Val()
		set(t, client, cache.entryName("victim"), now[len(now)-sealBytes:])
	},
	"another key's": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		set(t, client, cache.entryName("victim"), client.Get(t.Context(), cache.entryName("another")).Val())
	},
	"another-key-with-its-mark": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		set(t, client, cache.entryName("victim"), client.Get(t.Context(), cache.entryName("another")).Val())
		set(t, client, cache.markName("victim"), client.Get(t.Context(), cache.markName("another")).Val())
	},
	"older": func(t *testing.T, client *driver.Client, cache *Cache, old string) {
		set(t, client, cache.entryName("victim"), old)
	},
	"SETRANGE in the middle": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		now := client.Get(t.Context(), cache.entryName("victim")).Val()
		at := strings.Index(now, "true now")
		require.Positive(t, at)
		require.NoError(t, client.SetRange(t.Context(), cache.entryName("victim"), int64(at), "lies").Err())
	},
	"SETRANGE far behind": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		require.NoError(t, client.SetRange(t.Context(), cache.entryName("victim"), 1<<20, "lies").Err())
	},
	"made-up-without-the-secret": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		mark := client.Get(t.Context(), cache.markName("victim")).Val()
		ends := cache.server.clock.Now().Add(inventory.Instant(persistence.CacheLifetimeDefault))
		made := encode(&entry{key: []byte("victim"), mark: []byte(mark), ends: ends, value: []byte("lies")})
		set(t, client, cache.entryName("victim"), string(sealer{}.put(entryPurpose, made)))
	},
	"another mark": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		set(t, client, cache.markName("victim"), strings.Repeat("m", markBytes))
	},
	"a mark that is none": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		set(t, client, cache.markName("victim"), strings.Repeat("m", 1<<20))
	},
	"no mark": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		require.NoError(t, client.Del(t.Context(), cache.markName("victim")).Err())
	},
	"a list": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		list(t, client, cache.entryName("victim"))
	},
	"a list for a mark": func(t *testing.T, client *driver.Client, cache *Cache, _ string) {
		list(t, client, cache.markName("victim"))
	},
}

func set(t *testing.T, client *driver.Client, key, text string) {
	require.NotEmpty(t, text)
	require.NoError(t, client.Set(t.Context(), key, text, 0).Err())
}

func list(t *testing.T, client *driver.Client, key string) {
	require.NoError(t, client.Del(t.Context(), key).Err())
	require.NoError(t, client.LPush(t.Context(), key, "lies").Err())
}

// A server that lies is found out, and the key can be kept again.
func TestLiesAreNeverReturned(t *testing.T) {
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			cache := openCache(t, testserver.SharedRedis(t).URL(), newNamespace())
			client := raw(t, testserver.SharedRedis(t).URL())
			awaitKept(t, cache, "another", "of another key")
			awaitKept(t, cache, "victim", "true once")
			old := client.Get(t.Context(), cache.entryName("victim")).Val()
			cache.Invalidate(t.Context(), "victim")
			awaitKept(t, cache, "victim", "true now")
			misses := cache.Statistics().Misses
			lie(t, client, cache, old)
			found, err := cache.Get(t.Context(), "victim", load("true now"))
			require.NoError(t, err)
			require.Equal(t, "true now", string(found))
			require.Equal(t, misses+1, cache.Statistics().Misses, "it was not found out")
			awaitKept(t, cache, "victim", "true now")
		})
	}
}

// A server that forgets nothing, or brings back a copy together with its mark, is believed
// for no longer than the copy may be kept.
func TestACopyEndsWithoutItsServer(t *testing.T) {
	manual := clock.NewManual(inventory.Second)
	server, err := Open(Options{URL: testserver.SharedRedis(t).URL(), Namespace: newNamespace(), Secret: testSecret, Clock: manual,
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer server.Close()
	cache, client := server.NewCache(), raw(t, testserver.SharedRedis(t).URL())
	awaitKept(t, cache, "key", "true once")
	old, mark := client.Get(t.Context(), cache.entryName("key")).Val(), client.Get(t.Context(), cache.markName("key")).Val()
	cache.Invalidate(t.Context(), "key")
	manual.Advance(persistence.CacheLifetimeDefault)
	set(t, client, cache.entryName("key"), old)
	set(t, client, cache.markName("key"), mark)
	found, err := cache.Get(t.Context(), "key", load("true now"))
	require.NoError(t, err)
	require.Equal(t, "true now", string(found))
	require.Zero(t, cache.Statistics().Refused, "it is old, not foreign")
	awaitKept(t, cache, "key", "true now")
}
