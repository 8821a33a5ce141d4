package api

import (
	"math/bits"
	"sync/atomic"
	"time"

	"holdfast/inventory"
)

// The classes of latencies: one for each microsecond below latencyFine, and then as many
// for each doubling, so that a class is at most an eighth wide of what it counts.
const (
	latencyFineBits = 3
	latencyFine     = 1 << latencyFineBits
	// latencyBits is the length of the longest time that is told from longer ones, in
	// microseconds: 67 s, far beyond the time of a request.
	latencyBits    = 26
	latencyClasses = (latencyBits - latencyFineBits + 1) * latencyFine
)

// latencies counts times by classes. Who counts waits for nobody and allocates nothing.
type latencies [latencyClasses]atomic.Uint64

// latencyCounts is what latencies have counted until a moment, or between two.
type latencyCounts [latencyClasses]uint64

func (l *latencies) observe(elapsed inventory.Instant) { l[latencyClass(elapsed)].Add(1) }

// latencyClass returns the class of a time.
func latencyClass(elapsed inventory.Instant) int {
	micros := uint64(max(elapsed, 0) * 1_000 / inventory.Millisecond) // #nosec G115 -- it is not negative
	if micros < latencyFine {
		return int(micros)
	}
	doublings := bits.Len64(micros) - latencyFineBits - 1
	return min(doublings*latencyFine+int(micros>>doublings), latencyClasses-1) // #nosec G115 -- below 2*latencyFine
}

// latencyEnd returns the first time above a class.
func latencyEnd(class int) time.Duration {
	if class < latencyFine {
		return time.Duration(class+1) * time.Microsecond
	}
	doublings := class/latencyFine - 1
	return time.Duration(class-doublings*latencyFine+1) << doublings * time.Microsecond
}

func (l *latencies) read(into *latencyCounts) {
	for i := range l {
		into[i] = l[i].Load()
	}
}

// since returns what was counted after an earlier reading.
func (c *latencyCounts) since(earlier *latencyCounts) (between latencyCounts) {
	for i := range c {
		between[i] = c[i] - earlier[i]
	}
	return between
}

// quantile returns a time that the share of all was below, at most an eighth more than the
// least such; zero when nothing was counted.
func (c *latencyCounts) quantile(share float64) time.Duration {
	var total, below uint64
	for _, count := range c {
		total += count
	}
	for class, count := range c {
		if below += count; count > 0 && float64(below) >= share*float64(total) {
			return latencyEnd(class)
		}
	}
	return 0
}
