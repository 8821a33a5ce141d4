package hints

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"holdfast/persistence"
)

// CacheCounters are what every Cache counts.
type CacheCounters struct {
	Hits, Misses, Shared, Refused, Failures, Avoided atomic.Uint64
}

// Statistics returns the counts.
func (c *CacheCounters) Statistics() persistence.CacheStatistics {
	return persistence.CacheStatistics{
		Hits: c.Hits.Load(), Misses: c.Misses.Load(), Shared: c.Shared.Load(),
		Refused: c.Refused.Load(), Failures: c.Failures.Load(), Avoided: c.Avoided.Load(),
	}
}

// jitterShare is the part of a lifetime that chance may take away, so that what was
// loaded together does not end together.
const jitterShare = 8

// Lifetime returns how long the outcome of a load is kept, zero for not at all.
func Lifetime(loaded persistence.Loaded, err error) time.Duration {
	keep := loaded.KeepFor
	switch {
	case err != nil && !errors.Is(err, persistence.ErrNotFound):
		return 0
	case len(loaded.Value) > persistence.CacheValueBytesMax, keep < 0:
		return 0
	case keep == 0 && err != nil:
		return 0
	case keep == 0:
		keep = persistence.CacheLifetimeDefault
	}
	keep = min(keep, persistence.CacheLifetimeMax)
	return keep - time.Duration(rand.Int64N(int64(keep)/jitterShare+1)) // #nosec G404 -- no secret
}

// FitsKey reports whether values of the key are kept at all.
func FitsKey(key string) bool { return key != "" && len(key) <= persistence.CacheKeyBytesMax }
