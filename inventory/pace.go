package inventory

import "math"

// Pace measures how fast something sells, from readings of how much was sold in all. It
// keeps two averages that forget at different speed: what is told of the future is the
// range between them. The zero Pace has seen nothing.
type Pace struct {
	begun     bool
	since, at Instant
	last      int64
	seen      int64
	// fast and slow are units a second, before the correction for the time before since.
	fast, slow float64
}

const (
	paceFastHalfLife = 5 * Second
	paceSlowHalfLife = 30 * Second
	// paceMin is what a pace must be at least, in units a second, and paceSeenMin how many
	// units must have been seen, before anything is told of the future.
	paceMin     = 0.2
	paceSeenMin = 10
)

// Observe notes how many units were sold in all at a moment, which is not before the one
// of the last call. A count that falls, for a cancelled order, is a pause.
func (p *Pace) Observe(sold int64, at Instant) {
	if !p.begun {
		*p = Pace{begun: true, since: at, at: at, last: sold}
		return
	}
	came := max(sold-p.last, 0)
	p.last = sold
	p.seen += came
	p.fast = decayed(p.fast, at-p.at, paceFastHalfLife) + float64(came)*weight(paceFastHalfLife)
	p.slow = decayed(p.slow, at-p.at, paceSlowHalfLife) + float64(came)*weight(paceSlowHalfLife)
	p.at = at
}

// weight is what one unit adds to an average, in units a second.
func weight(halfLife Instant) float64 { return math.Ln2 * float64(Second) / float64(halfLife) }

// decayed is what is left of a value after some time.
func decayed(value float64, after, halfLife Instant) float64 {
	return value * math.Exp2(-float64(after)/float64(halfLife))
}

// rate is an average at a moment, as if it had been measured from the beginning of time.
func (p *Pace) rate(value float64, at, halfLife Instant) float64 {
	watched := 1 - math.Exp2(-float64(at-p.since)/float64(halfLife))
	if value == 0 || watched <= 0 {
		return 0
	}
	return decayed(value, at-p.at, halfLife) / watched
}

// PerSecond returns how many units are sold in a second, by the last seconds.
func (p *Pace) PerSecond(at Instant) float64 { return p.rate(p.fast, at, paceFastHalfLife) }

// Lasts returns how long units will last, between the two averages; known is false when
// too little was sold to tell.
func (p *Pace) Lasts(units int64, at Instant) (low, high Instant, known bool) {
	fast, slow := p.rate(p.fast, at, paceFastHalfLife), p.rate(p.slow, at, paceSlowHalfLife)
	if units <= 0 || p.seen < paceSeenMin || min(fast, slow) <= 0 || max(fast, slow) < paceMin {
		return 0, 0, false
	}
	longest := float64(units) / min(fast, slow)
	if longest > float64(math.MaxInt64/Second) {
		return 0, 0, false
	}
	return Instant(float64(units) / max(fast, slow) * float64(Second)), Instant(longest * float64(Second)), true
}
