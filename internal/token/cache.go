package token

import (
	"hash/maphash"
	"sync"

	"holdfast/inventory"
	"holdfast/persistence"
)

// CacheEntriesDefault bounds a cache. A credential takes about 150 bytes in it, so a
// full cache takes about 20 MiB.
const CacheEntriesDefault = 131_072

// cacheShards spreads the locks; a power of two.
const cacheShards = 64

// Cache remembers verified credentials, so that a repeated one costs a look-up
// and not a verification. It knows them by 128 bits of a hash under seeds of this
// process: so none lies in memory, and a look-up fetches two lines of the processor's
// cache instead of all of a token that was last used thousands of requests ago.
//
// The hash need not be a cryptographic one, which would cost five times as much: nobody
// ever sees what it makes, nor its seeds. Whoever guesses a text that has the hash of
// somebody's credential succeeds once in 2^128 tries for each that is held, and whoever
// finds one for a credential that he knows has gained what he had.
//
// Memory is bounded by two generations per shard: when
// the young one is full it becomes the old one, and the former old one is
// forgotten. A hit in the old generation moves the entry to the young one, so
// what is used stays.
type Cache struct {
	seeds         [2]maphash.Seed
	shards        [cacheShards]cacheShard
	generationMax int
}

type cacheShard struct {
	lock sync.RWMutex
	// young and old are by the first half of a hash.
	young, old map[uint64]cacheEntry
	// Keep the locks of two shards off one cache line.
	_ [64]byte
}

type cacheEntry struct {
	// check is the second half of the hash.
	check     uint64
	principal Principal
	expires   inventory.Instant
}

// NewCache returns a cache of at most entries credentials; zero is the default.
func NewCache(entries int) *Cache {
	if entries <= 0 {
		entries = CacheEntriesDefault
	}
	c := &Cache{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, generationMax: max(entries/cacheShards/2, 1)}
	for i := range c.shards {
		c.shards[i].young = make(map[uint64]cacheEntry)
		c.shards[i].old = make(map[uint64]cacheEntry)
	}
	return c
}

// find returns both halves of the credential's hash, and its shard.
func (c *Cache) find(credential []byte) (shard *cacheShard, hash, check uint64) {
	hash, check = maphash.Bytes(c.seeds[0], credential), maphash.Bytes(c.seeds[1], credential)
	return &c.shards[check%cacheShards], hash, check
}

// Get returns whose credential it is, when it is known and has not ended at now.
// It does not allocate.
func (c *Cache) Get(credential []byte, now inventory.Instant) (Principal, bool) {
	shard, hash, check := c.find(credential)
	shard.lock.RLock()
	entry, found := shard.young[hash]
	aged := false
	if !found {
		entry, found = shard.old[hash]
		aged = found
	}
	shard.lock.RUnlock()
	if !found || entry.check != check || now >= entry.expires {
		return Principal{}, false
	}
	if aged {
		shard.put(hash, entry, c.generationMax)
	}
	return entry.principal, true
}

// Put remembers a verified credential until expires.
func (c *Cache) Put(credential []byte, principal Principal, expires inventory.Instant) {
	principal.Role = wellKnown(principal.Role)
	shard, hash, check := c.find(credential)
	shard.put(hash, cacheEntry{check: check, principal: principal, expires: expires}, c.generationMax)
}

// wellKnown returns the role as the one string that all have, which is always at hand.
func wellKnown(role persistence.Role) persistence.Role {
	for _, known := range [...]persistence.Role{persistence.RoleCustomer, persistence.RoleService, persistence.RoleAdmin} {
		if role == known {
			return known
		}
	}
	return role
}

func (s *cacheShard) put(hash uint64, entry cacheEntry, generationMax int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, known := s.young[hash]; !known && len(s.young) >= generationMax {
		s.young, s.old = s.old, s.young
		clear(s.young)
	}
	s.young[hash] = entry
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
