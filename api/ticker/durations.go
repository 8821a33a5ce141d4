package ticker

import (
	"math/bits"
	"sync/atomic"
	"time"

	"holdfast/inventory"
)

// durationClasses is how many classes of durations there are: each is half as long again as
// or twice the one before, from an eighth of a millisecond to a minute.
const durationClasses = 40

// durationUnit is the length of the first class.
const durationUnit = inventory.Millisecond / 8

// durations counts durations by classes. Whoever counts takes nothing from anybody.
type durations struct {
	counts [durationClasses]atomic.Uint64
	sum    atomic.Int64
}

// note counts a duration.
func (d *durations) note(took inventory.Instant) {
	d.counts[durationClass(took)].Add(1)
	d.sum.Add(int64(max(took, 0)))
}

// durationClass is two for each power of two.
func durationClass(took inventory.Instant) int {
	units := uint64(max(took, 0) / durationUnit) // #nosec G115 -- not negative
	if units < 2 {
		return int(units) // #nosec G115 -- 0 or 1
	}
	power := bits.Len64(units) - 1
	half := int(units>>(power-1)) & 1 // #nosec G115 -- one bit
	return min(2*power+half, durationClasses-1)
}

// durationBound is the upper bound of a class; the last one has what is longer, too.
func durationBound(class int) time.Duration {
	if class < 2 {
		return time.Duration(class+1) * time.Duration(durationUnit)
	}
	power, half := class/2, class%2
	return time.Duration(durationUnit) * time.Duration(uint64(2+half+1)<<(power-1)) // #nosec G115 -- small
}

// Durations are counts of durations by class: see [Durations.Quantile].
type Durations struct {
	// Counts are by class.
	Counts [durationClasses]uint64
	// Sum is that of all durations.
	Sum time.Duration
}

// add counts what a shard has counted.
func (d *Durations) add(counted *durations) {
	for i := range counted.counts {
		d.Counts[i] += counted.counts[i].Load()
	}
	d.Sum += time.Duration(counted.sum.Load())
}

// Within returns how many were at most as long as each of some bounds, and how many there
// are. A class counts as within a bound when its own upper bound is.
func (d *Durations) Within(bounds []time.Duration) (within []uint64, all uint64) {
	within = make([]uint64, len(bounds))
	for class, count := range d.Counts {
		all += count
		for i, bound := range bounds {
			if class < durationClasses-1 && durationBound(class) <= bound {
				within[i] += count
			}
		}
	}
	return within, all
}

// Since are those that came after an earlier reading.
func (d Durations) Since(before *Durations) Durations {
	for i := range d.Counts {
		d.Counts[i] -= before.Counts[i]
	}
	d.Sum -= before.Sum
	return d
}

// Quantile returns the upper bound of the class that a part of all are within; zero for
// none.
func (d *Durations) Quantile(part float64) time.Duration {
	all := uint64(0)
	for _, count := range d.Counts {
		all += count
	}
	if all == 0 {
		return 0
	}
	wanted, seen := uint64(part*float64(all)), uint64(0)
	for i, count := range d.Counts {
		if seen += count; seen > wanted {
			return durationBound(i)
		}
	}
	return durationBound(durationClasses - 1)
}
