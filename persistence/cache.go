package persistence

import (
	"context"
	"errors"
	"time"
)

// Bounds of a [Cache].
const (
	// CacheKeyBytesMax and CacheValueBytesMax are the longest key and value that are kept.
	CacheKeyBytesMax   = 256
	CacheValueBytesMax = 256 << 10
	// CacheLifetimeDefault is how long a value is kept unless its load says otherwise,
	// CacheLifetimeMax the longest that it may say.
	CacheLifetimeDefault = 30 * time.Second
	CacheLifetimeMax     = 5 * time.Minute
	// CacheLoadsMax is how many loads are shared at once. The next ones are not shared.
	CacheLoadsMax = 1024
	// CacheLoadTimeMax is how long a shared load may take.
	CacheLoadTimeMax = 10 * time.Second
)

// ErrLoadFailed is returned by [Cache].Get when a load has panicked.
var ErrLoadFailed = errors.New("the load of a value to be cached has failed")

// Loaded is what a load has found.
type Loaded struct {
	// Value belongs to the cache and its readers from now on: nobody may change it.
	Value []byte
	// KeepFor is how long it may be kept at most, from when the load began. Zero is [CacheLifetimeDefault] for a
	// value, and not at all for an [ErrNotFound]; what is negative is not kept.
	KeepFor time.Duration
}

// Load reads from the truth what a cache does not have. An [ErrNotFound] says that there
// is nothing; another error is told to whoever asked, and not kept.
type Load func(ctx context.Context) (Loaded, error)

// Cache keeps copies of what can be read again: pages and details of the catalogue. It
// is a help and never a truth: what it cannot do, the load does.
//
//	C1  Get returns what the load of this key returned, or nothing: a value that belongs to
//	    another key, is older than the last Invalidate, damaged or unreadable is a miss.
//	C2  A Get that begins after Invalidate has returned sees nothing from a load that began
//	    before it. Where several processes share a cache, that holds in all of them if
//	    the shared server took part; where it did not, others may see it, and where it
//	    brings back what was there before, all: for [CacheLifetimeMax] at most.
//	C3  A cache that is broken, slow or away is a miss, and its errors are only counted.
//	C4  Gets of one key at the same time share one load.
//	C5  Memory is bounded, and nothing is returned after its time.
type Cache interface {
	// Get returns the value of key, of which nobody may change the bytes: a copy, or else
	// what load returns, or the error of load. It returns ctx's error when that ends first.
	// The load goes on while anybody waits for it, with the values of the first one's ctx.
	Get(ctx context.Context, key string, load Load) ([]byte, error)
	// Invalidate forgets what is known of the keys. It is called after their truth has
	// changed.
	Invalidate(ctx context.Context, keys ...string)
	// Statistics returns what has happened so far.
	Statistics() CacheStatistics
	// Close gives back what the cache holds. It is not used afterwards.
	Close() error
}

// CacheStatistics count since the start, but for Entries and Bytes.
type CacheStatistics struct {
	// Hits, Misses and Shared are Gets that were answered with a copy, by a load, and by
	// waiting for what another Get had begun already.
	Hits, Misses, Shared uint64
	// Refused are copies that were not what was asked for.
	Refused uint64
	// Failures are calls of a server that failed, Avoided those that were not tried because
	// the ones before had failed.
	Failures, Avoided uint64
	// Entries and Bytes are what is in this process's memory now.
	Entries, Bytes int64
}
