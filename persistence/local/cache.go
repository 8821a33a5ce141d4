package local

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/hints"
)

// Bounds of a [Cache] when its options say nothing.
const (
	EntriesMaxDefault = 65_536
	BytesMaxDefault   = 64 << 20
)

// entryBytes is about what an entry takes beside its key and value.
const entryBytes = 200

// CacheOptions configure a [Cache]. Clock is required.
type CacheOptions struct {
	Clock clock.Clock
	// EntriesMax and BytesMax bound what is kept; zero is the default of each.
	EntriesMax, BytesMax int
}

// Cache keeps copies in memory. It implements [persistence.Cache].
type Cache struct {
	clock                clock.Clock
	entriesMax, bytesMax int
	flights              hints.Flights
	counters             hints.CacheCounters

	lock    sync.Mutex
	entries map[string]*list.Element
	// recent has the entry that was used last at its front.
	recent *list.List
	bytes  int
}

type entry struct {
	key    string
	value  []byte
	absent bool
	ends   inventory.Instant
}

func (e *entry) size() int { return entryBytes + len(e.key) + len(e.value) }

// NewCache returns an empty cache, or an error when a bound is negative.
func NewCache(options CacheOptions) (*Cache, error) {
	c := &Cache{clock: options.Clock, entriesMax: options.EntriesMax, bytesMax: options.BytesMax,
		entries: make(map[string]*list.Element), recent: list.New()}
	if c.entriesMax < 0 || c.bytesMax < 0 {
		return nil, fmt.Errorf("a cache of %d entries and %d bytes is none", c.entriesMax, c.bytesMax)
	}
	if c.entriesMax == 0 {
		c.entriesMax = EntriesMaxDefault
	}
	if c.bytesMax == 0 {
		c.bytesMax = BytesMaxDefault
	}
	return c, nil
}

// Get is that of [persistence.Cache].
func (c *Cache) Get(ctx context.Context, key string, load persistence.Load) ([]byte, error) {
	if found := c.find(key); found != nil {
		c.counters.Hits.Add(1)
		return found.outcome()
	}
	value, shared, err := c.flights.Do(ctx, key, func(ctx context.Context, flight *hints.Flight) {
		c.load(ctx, flight, key, load)
	})
	if shared {
		c.counters.Shared.Add(1)
	}
	return value, err
}

func (e *entry) outcome() ([]byte, error) {
	if e.absent {
		return nil, persistence.ErrNotFound
	}
	return e.value, nil
}

func (c *Cache) load(ctx context.Context, flight *hints.Flight, key string, load persistence.Load) {
	if found := c.find(key); found != nil { // it came while this flight was made
		c.counters.Hits.Add(1)
		flight.End(found.outcome())
		return
	}
	c.counters.Misses.Add(1)
	begun := c.clock.Now()
	loaded, err := load(ctx)
	if lifetime := hints.Lifetime(loaded, err); lifetime > 0 && hints.FitsKey(key) {
		flight.IfCurrent(func() {
			c.keep(&entry{key: key, value: loaded.Value, absent: errors.Is(err, persistence.ErrNotFound),
				ends: begun.Add(inventory.Instant(lifetime))})
		})
	}
	flight.End(loaded.Value, err)
}

// find returns the entry of a key, nil when there is none or its time has passed.
func (c *Cache) find(key string) *entry {
	c.lock.Lock()
	defer c.lock.Unlock()
	element := c.entries[key]
	if element == nil {
		return nil
	}
	found := element.Value.(*entry)
	if c.clock.Now() >= found.ends {
		c.drop(element)
		return nil
	}
	c.recent.MoveToFront(element)
	return found
}

// keep makes room first (M1).
func (c *Cache) keep(one *entry) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if old := c.entries[one.key]; old != nil {
		c.drop(old)
	}
	if one.size() > c.bytesMax {
		return
	}
	for c.recent.Len() >= c.entriesMax || c.bytes+one.size() > c.bytesMax {
		c.drop(c.recent.Back())
	}
	c.entries[one.key] = c.recent.PushFront(one)
	c.bytes += one.size()
}

func (c *Cache) drop(element *list.Element) {
	one := c.recent.Remove(element).(*entry)
	delete(c.entries, one.key)
	c.bytes -= one.size()
}

// Invalidate is that of [persistence.Cache].
func (c *Cache) Invalidate(_ context.Context, keys ...string) {
	c.flights.Invalidate(keys, func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		for _, key := range keys {
			if element := c.entries[key]; element != nil {
				c.drop(element)
			}
		}
	})
}

// Statistics is that of [persistence.Cache].
func (c *Cache) Statistics() persistence.CacheStatistics {
	statistics := c.counters.Statistics()
	c.lock.Lock()
	defer c.lock.Unlock()
	statistics.Entries, statistics.Bytes = int64(c.recent.Len()), int64(c.bytes)
	return statistics
}

// Close forgets everything.
func (c *Cache) Close() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	clear(c.entries)
	c.recent.Init()
	c.bytes = 0
	return nil
}
