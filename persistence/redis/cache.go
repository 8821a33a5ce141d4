package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/hints"
)

const (
	// markLifetime is how long a mark is there without an invalidation. When it ends, so do
	// the copies of its key, which live shorter anyhow.
	markLifetime = time.Hour
	// lifetimeMin is the shortest lifetime that the server knows.
	lifetimeMin = time.Millisecond
	// owedMax is how many keys may wait for their invalidation. With one more, nothing is
	// asked of the server until all copies of that time have ended.
	owedMax = 65_536
)

// Cache keeps copies in the server. It implements [persistence.Cache].
type Cache struct {
	server   *Server
	flights  hints.Flights
	counters hints.CacheCounters

	lock sync.Mutex
	// owed are the keys whose invalidation the server may not have got, each with the
	// number of the last one.
	owed      map[string]uint64
	owedCount uint64
	// blindUntil is when the server may be asked again after there were too many.
	blindUntil inventory.Instant
}

// NewCache returns a cache whose copies are in the server.
func (s *Server) NewCache() *Cache { return &Cache{server: s, owed: make(map[string]uint64)} }

// Get is that of [persistence.Cache].
func (c *Cache) Get(ctx context.Context, key string, load persistence.Load) ([]byte, error) {
	value, shared, err := c.flights.Do(ctx, key, func(ctx context.Context, flight *hints.Flight) {
		c.serve(ctx, flight, key, load)
	})
	if shared {
		c.counters.Shared.Add(1)
	}
	return value, err
}

// serve answers from the server or the load. What is loaded is told before it is kept.
func (c *Cache) serve(ctx context.Context, flight *hints.Flight, key string, load persistence.Load) {
	found, mark := c.look(ctx, key)
	if found != nil {
		c.counters.Hits.Add(1)
		if found.absent {
			flight.End(nil, persistence.ErrNotFound)
		} else {
			flight.End(found.value, nil)
		}
		return
	}
	c.counters.Misses.Add(1)
	begun := c.server.clock.Now()
	loaded, err := load(ctx)
	ends := begun.Add(inventory.Instant(hints.Lifetime(loaded, err)))
	left := time.Duration(ends - c.server.clock.Now())
	if mark == nil || left < lifetimeMin {
		flight.End(loaded.Value, err)
		return
	}
	flight.Tell(loaded.Value, err)
	current := false
	flight.IfCurrent(func() { current = true })
	if !current {
		return // its mark has gone; this spares the call
	}
	copied := &entry{key: []byte(key), mark: mark, ends: ends, absent: errors.Is(err, persistence.ErrNotFound), value: loaded.Value}
	sealed := c.server.seal.put(entryPurpose, encode(copied))
	c.try(ctx, func(ctx context.Context) error {
		return c.server.client.Set(ctx, c.entryName(key), sealed, left).Err()
	})
}

func (c *Cache) entryName(key string) string { return c.server.names + "copy:" + key }
func (c *Cache) markName(key string) string  { return c.server.names + "mark:" + key }

// look returns the copy of a key, or else the mark for a new one. Both are nil when the
// server cannot be asked.
func (c *Cache) look(ctx context.Context, key string) (found *entry, mark []byte) {
	if !hints.FitsKey(key) || !c.settle(ctx, key) {
		return nil, nil
	}
	var sealed string
	asked := c.try(ctx, func(ctx context.Context) (err error) {
		sealed, mark, err = c.read(ctx, key)
		return err
	})
	switch {
	case !asked:
		return nil, nil
	case len(mark) != markBytes:
		return nil, c.newMark(ctx, key)
	case sealed == "":
		return nil, mark
	}
	found, err := c.server.seal.entry([]byte(sealed), key, mark)
	if err != nil {
		c.counters.Refused.Add(1)
		return nil, mark
	}
	if !found.current(c.server.clock.Now()) {
		return nil, mark
	}
	return found, mark
}

// read reads a copy and its mark, and of each no more than it may have. What is there in
// another type of the server is as good as nothing.
func (c *Cache) read(ctx context.Context, key string) (sealed string, mark []byte, err error) {
	pipe := c.server.client.Pipeline()
	copied := pipe.GetRange(ctx, c.entryName(key), 0, entryBytesMax)
	marked := pipe.GetRange(ctx, c.markName(key), 0, markBytes)
	if _, err := pipe.Exec(ctx); err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return "", nil, err
	}
	if copied.Err() != nil {
		c.counters.Refused.Add(1)
	}
	return copied.Val(), []byte(marked.Val()), nil
}

// newMark gives a key another mark and returns it, nil when the server may not have it.
// All copies with the old one are refused from now on.
func (c *Cache) newMark(ctx context.Context, key string) []byte {
	mark := make([]byte, markBytes)
	_, _ = rand.Read(mark) // it never fails
	if !c.try(ctx, func(ctx context.Context) error {
		return c.server.client.Set(ctx, c.markName(key), mark, markLifetime).Err()
	}) {
		return nil
	}
	return mark
}

// try makes a call, unless the ones before have failed, and reports whether it succeeded.
func (c *Cache) try(ctx context.Context, run func(context.Context) error) bool {
	if !c.server.breaker.allows() {
		c.counters.Avoided.Add(1)
		return false
	}
	err := call(ctx, lookTimeMax, run)
	switch {
	case err == nil:
		c.server.breaker.succeeded()
		return true
	case ctx.Err() == nil: // otherwise it was the caller who gave up
		c.server.breaker.failed()
		c.counters.Failures.Add(1)
	}
	return false
}

// Invalidate is that of [persistence.Cache]. While it goes on, and until the server has
// it, this process does not ask for the keys. It takes no longer than a call, or one for
// every [invalidationsMax] keys.
func (c *Cache) Invalidate(ctx context.Context, keys ...string) {
	var number uint64
	c.flights.Invalidate(keys, func() { number = c.owe(keys) })
	keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !hints.FitsKey(key) }) // these have no copy
	for len(keys) > 0 {
		n := min(len(keys), invalidationsMax)
		if c.deliver(ctx, keys[:n]) {
			c.paid(keys[:n], number)
		}
		keys = keys[n:]
	}
}

// invalidationsMax is how many keys are invalidated in one call.
const invalidationsMax = 256

// deliver gives keys new marks.
func (c *Cache) deliver(ctx context.Context, keys []string) bool {
	// Who has changed the truth and gives up now has still changed it.
	return c.try(context.WithoutCancel(ctx), func(ctx context.Context) error {
		pipe := c.server.client.Pipeline()
		for _, key := range keys {
			mark := make([]byte, markBytes)
			_, _ = rand.Read(mark) // it never fails
			pipe.Set(ctx, c.markName(key), mark, markLifetime)
		}
		_, err := pipe.Exec(ctx)
		return err
	})
}

// owe notes keys whose invalidation begins.
func (c *Cache) owe(keys []string) (number uint64) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.owedCount++
	for _, key := range keys {
		if !hints.FitsKey(key) {
			continue // it has no copy
		}
		if len(c.owed) >= owedMax {
			c.blindUntil = c.server.clock.Now().Add(inventory.Instant(persistence.CacheLifetimeMax + persistence.CacheLoadTimeMax))
			clear(c.owed)
		}
		c.owed[key] = c.owedCount
	}
	return c.owedCount
}

// paid forgets what the server has, unless it was invalidated again meanwhile.
func (c *Cache) paid(keys []string, number uint64) {
	c.lock.Lock()
	defer c.lock.Unlock()
	for _, key := range keys {
		if c.owed[key] == number {
			delete(c.owed, key)
		}
	}
}

// settle delivers the invalidation of a key if it is owed, and reports whether the server
// may be asked for the key.
func (c *Cache) settle(ctx context.Context, key string) bool {
	c.lock.Lock()
	number, owed := c.owed[key]
	blind := c.server.clock.Now() < c.blindUntil
	c.lock.Unlock()
	if blind || !owed {
		return !blind
	}
	if !c.deliver(ctx, []string{key}) {
		return false
	}
	c.paid([]string{key}, number)
	return true
}

// Statistics is that of [persistence.Cache]. Entries and Bytes are zero: the copies are
// in the server.
func (c *Cache) Statistics() persistence.CacheStatistics { return c.counters.Statistics() }

// Close gives back nothing: the copies end by themselves, and the connections are the
// server's.
func (c *Cache) Close() error { return nil }
