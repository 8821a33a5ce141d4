package inventory

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// seen is what was taken in a time.
type seen struct {
	elapsed Instant
	units   int64
}

// paceOf returns the pace of a live product after some times.
func paceOf(times []seen) (p Pace) {
	at, taken := 7*Second, int64(3)
	p.Observe(taken, PhaseLive, at)
	for _, s := range times {
		at, taken = at+s.elapsed, taken+s.units
		p.Observe(taken, PhaseLive, at)
	}
	return p
}

func drawTimes(t *rapid.T) []seen {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) seen {
		return seen{Instant(rapid.Int64Range(int64(Millisecond), int64(20*Second)).Draw(t, "elapsed")), rapid.Int64Range(0, 1_000).Draw(t, "units")}
	}), 1, 40).Draw(t, "times")
}

// meanOf is the mean of all rates, each counting by how long ago its time was, from the
// definition: the integral of the rate times 2^(-age/half), by that of the weight.
func meanOf(times []seen, half Instant) float64 {
	sum, weight, age := 0.0, 0.0, 0.0
	for i := len(times) - 1; i >= 0; i-- {
		begun := age + float64(times[i].elapsed)
		counts := math.Exp2(-age/float64(half)) - math.Exp2(-begun/float64(half))
		sum += float64(times[i].units) / float64(times[i].elapsed) * float64(Second) * counts
		weight += counts
		age = begun
	}
	return sum / max(weight, 1-math.Exp2(-float64(Second)/float64(half)))
}

// The pace is the greater of the two means of what was taken, as they are defined.
func TestPaceIsTheMeanOfWhatWasTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := drawTimes(t)
		p := paceOf(times)
		require.InEpsilon(t, 1+max(meanOf(times, 5*Second), meanOf(times, 30*Second)), 1+p.PerSecond(), 1e-9)
	})
}

// How often the product was looked at makes no difference to the pace.
func TestPaceDoesNotDependOnHowOftenItIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seldom, often []seen
		for _, s := range drawTimes(t) {
			parts := rapid.Int64Range(1, 20).Draw(t, "parts")
			seldom = append(seldom, seen{s.elapsed * Instant(parts), s.units * parts})
			for range parts {
				often = append(often, s)
			}
		}
		one, many := paceOf(seldom), paceOf(often)
		require.InEpsilon(t, 1+one.PerSecond(), 1+many.PerSecond(), 1e-9)
		require.Equal(t, one.units, many.units)
	})
}

// A steady sale has its own pace from the first second on, and one end that is certain.
func TestPaceOfASteadySale(t *testing.T) {
	for _, seconds := range []int{1, 2, 60} {
		times := make([]seen, 20*seconds)
		for i := range times {
			times[i] = seen{Second / 20, 2}
		}
		p := paceOf(times)
		require.InDelta(t, 40, p.PerSecond(), 1e-6, "after %d s", seconds)
		least, most, known := p.SoldOutIn(4_000)
		require.True(t, known)
		require.InDelta(t, 100, float64(least)/float64(Second), 1e-3)
		require.InDelta(t, 100, float64(most)/float64(Second), 1e-3)
	}
}

// The end is between when it comes at the faster pace and at the slower one: later for more
// units, never before now, and never more than a day away.
func TestTheEndOfASaleIsARange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := paceOf(drawTimes(t))
		available := rapid.Int64Range(1, 1_000_000_000).Draw(t, "available")
		least, most, known := p.SoldOutIn(available)
		soonest := float64(available) / p.PerSecond()
		require.Equal(t, p.units >= 10 && p.PerSecond() >= 0.2 && soonest <= 24*60*60, known)
		if !known {
			require.Zero(t, least)
			require.Zero(t, most)
			return
		}
		require.InDelta(t, soonest, float64(least)/float64(Second), 1e-6*soonest+1e-6)
		require.LessOrEqual(t, least, most)
		require.LessOrEqual(t, most, 24*60*60*Second)
		if fewer, fewest, known := p.SoldOutIn(available / 2); known {
			require.LessOrEqual(t, fewer, least)
			require.LessOrEqual(t, fewest, most)
		}
	})
}

// When a sale slows down, the faster average halves every five seconds and the slower one
// every thirty, so the range opens; and when nothing is sold any more, it is not told.
func TestASaleThatStops(t *testing.T) {
	times := []seen{{600 * Second, 60_000}}
	after := func(pause Instant) Pace { return paceOf(append(times, seen{pause, 0})) }
	p := after(5 * Second)
	require.InEpsilon(t, 50, p.fast.value(paceFast), 1e-6)
	p = after(30 * Second)
	require.InEpsilon(t, 50, p.PerSecond(), 1e-3)
	least, most, known := p.SoldOutIn(100)
	require.True(t, known)
	require.InEpsilon(t, 2, float64(least)/float64(Second), 1e-3)
	require.InEpsilon(t, 64, float64(most)/float64(Second), 1e-3)
	p = after(300 * Second)
	_, _, known = p.SoldOutIn(100)
	require.False(t, known, "%f a second", p.PerSecond())
}

// A few units are no pace: neither ten in a moment, which count as of a whole second, nor
// nine in however short a time are told an end of.
func TestAFewUnitsAreNoPace(t *testing.T) {
	p := paceOf([]seen{{Millisecond, 10}})
	require.InEpsilon(t, 10, p.PerSecond(), 0.1)
	_, _, known := p.SoldOutIn(1)
	require.True(t, known)
	_, _, known = p.SoldOutIn(0)
	require.False(t, known, "nothing is left")
	p = paceOf([]seen{{Millisecond, 9}})
	_, _, known = p.SoldOutIn(1)
	require.False(t, known)
	var none Pace
	require.Zero(t, none.PerSecond())
	_, _, known = none.SoldOutIn(1)
	require.False(t, known)
}

// Only what is taken while the sale is live counts, from its last beginning on.
func TestASaleThatIsNotLiveHasNoPace(t *testing.T) {
	for phase := PhaseScheduled; phase <= PhaseEnded; phase++ {
		p := paceOf([]seen{{10 * Second, 1_000}})
		p.Observe(2_003, phase, 27*Second)
		_, _, known := p.SoldOutIn(50)
		require.Equal(t, phase == PhaseLive, known, phase)
		if phase == PhaseLive {
			continue
		}
		require.Zero(t, p.PerSecond(), phase)
		p.Observe(3_000, PhaseLive, 30*Second)
		require.Zero(t, p.PerSecond(), "what was taken meanwhile")
		p.Observe(3_020, PhaseLive, 32*Second)
		require.InDelta(t, 10, p.PerSecond(), 1e-6, phase)
	}
}

// Units that come back are no sales, and what was taken at a moment that was seen already
// counts with the next one.
func TestUnitsThatComeBackAreNoSales(t *testing.T) {
	var p Pace
	p.Observe(100, PhaseLive, Second)
	p.Observe(40, PhaseLive, 2*Second)
	require.Zero(t, p.PerSecond())
	p.Observe(60, PhaseLive, 2*Second)
	require.Zero(t, p.PerSecond())
	p.Observe(60, PhaseLive, 4*Second)
	require.Positive(t, p.PerSecond())
	require.EqualValues(t, 20, p.units)
}
