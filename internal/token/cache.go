package token

import (
	"sync"

	"holdfast/inventory"
)

// CacheEntriesDefault bounds a cache. A cached access token takes about 0.4 KiB,
// so a full cache takes about 50 MiB.
const CacheEntriesDefault = 131_072

// cacheShards spreads the locks; a power of two.
const cacheShards = 64

// Cache remembers verified credentials, so that a repeated one costs a look-up
// and not a verification. Memory is bounded by two generations per shard: when
// the young one is full it becomes the old one, and the former old one is
// forgotten. A hit in the old generation moves the entry to the young one, so
// what is used stays.
type Cache struct {
	shards        [cacheShards]cacheShard
	generationMax int
}

type cacheShard struct {
	lock       sync.RWMutex
	young, old map[string]cacheEntry
	// Keep the locks of two shards off one cache line.
	_ [64]byte
}

type cacheEntry struct {
	// key is the map's own key, so that an entry changes generation without a copy.
	key       string
	principal Principal
	expires   inventory.Instant
}

// NewCache returns a cache of at most entries credentials; zero is the default.
func NewCache(entries int) *Cache {
	if entries <= 0 {
		entries = CacheEntriesDefault
	}
	c := &Cache{generationMax: max(entries/cacheShards/2, 1)}
	for i := range c.shards {
		c.shards[i].young = make(map[string]cacheEntry)
		c.shards[i].old = make(map[string]cacheEntry)
	}
	return c
}

// shard picks by the last bytes but one: they are part of a signature or a hash,
// so they are spread evenly; only verified credentials ever get in.
func (c *Cache) shard(credential []byte) *cacheShard {
	n := len(credential)
	if n < 4 {
		return &c.shards[0]
	}
	mixed := uint32(credential[n-2])*31 + uint32(credential[n-3])*17 + uint32(credential[n-4])
	return &c.shards[mixed%cacheShards]
}

// Get returns whose credential it is, when it is known and has not ended at now.
// It does not allocate.
func (c *Cache) Get(credential []byte, now inventory.Instant) (Principal, bool) {
	shard := c.shard(credential)
	shard.lock.RLock()
	entry, found := shard.young[string(credential)]
	aged := false
	if !found {
		entry, found = shard.old[string(credential)]
		aged = found
	}
	shard.lock.RUnlock()
	if !found || now >= entry.expires {
		return Principal{}, false
	}
	if aged {
		shard.put(entry, c.generationMax)
	}
	return entry.principal, true
}

// Put remembers a verified credential until expires.
func (c *Cache) Put(credential []byte, principal Principal, expires inventory.Instant) {
	entry := cacheEntry{key: string(credential), principal: principal, expires: expires}
	c.shard(credential).put(entry, c.generationMax)
}

func (s *cacheShard) put(entry cacheEntry, generationMax int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, known := s.young[entry.key]; !known && len(s.young) >= generationMax {
		s.young, s.old = s.old, s.young
		clear(s.young)
	}
	s.young[entry.key] = entry
}

// Len returns how many entries are held, those that have ended included.
func (c *Cache) Len() int {
	total := 0
	for i := range c.shards {
		shard := &c.shards[i]
		shard.lock.RLock()
		total += len(shard.young) + len(shard.old)
		shard.lock.RUnlock()
	}
	return total
}
