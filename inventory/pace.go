package inventory

import "math"

const (
	// paceFast and paceSlow are after how long a sale counts half in the two averages.
	paceFast = 5 * Second
	paceSlow = 30 * Second
	// paceLeast is what the averages are taken over at least: a few units in the first
	// moment are no pace yet.
	paceLeast = Second
	// paceUnitsMin and pacePerSecondMin are what must have been sold, and how fast, for an
	// estimate of the end.
	paceUnitsMin     = 10
	pacePerSecondMin = 0.2
	// paceEndMax is the latest end that is worth telling.
	paceEndMax = 24 * 60 * 60 * Second
)

// Pace estimates how fast a product sells while its sale is live, and when it will be sold
// out, from what was seen of it now and then. The zero Pace has seen nothing.
type Pace struct {
	fast, slow average
	// at is when the product was last seen, taken what was sold or held of it then, and
	// units what was taken since it is live.
	at           Instant
	taken, units int64
	live         bool
}

// Observe notes the product's state at now: taken is the units that are sold or held, all
// together, as [Stock] has them in Sold and Reserved. Units that come back count as none
// that were taken. A sale that is not live has no pace, and begins with none when it is
// live again.
func (p *Pace) Observe(taken int64, phase Phase, now Instant) {
	switch {
	case phase != PhaseLive || !p.live:
		*p = Pace{at: now, taken: taken, live: phase == PhaseLive}
	case now > p.at:
		units := max(taken-p.taken, 0)
		elapsed := now - p.at
		perSecond := float64(units) * float64(Second) / float64(elapsed)
		p.fast.add(perSecond, elapsed, paceFast)
		p.slow.add(perSecond, elapsed, paceSlow)
		p.units, p.taken, p.at = p.units+units, taken, now
	}
}

// PerSecond returns how many units are taken in a second: the greater of two averages, of
// which one follows in seconds what changes and the other remembers longer.
func (p *Pace) PerSecond() float64 {
	return max(p.fast.value(paceFast), p.slow.value(paceSlow))
}

// SoldOutIn returns between when and when, from the last state on, so many available units
// will be taken, if it goes on as it did. known is false when that would be a guess: the
// sale is not live, too little was taken or too slowly, or the end is days away.
func (p *Pace) SoldOutIn(available int64) (least, most Instant, known bool) {
	perSecond := p.PerSecond()
	if available <= 0 || p.units < paceUnitsMin || perSecond < pacePerSecondMin {
		return 0, 0, false
	}
	slower := min(p.fast.value(paceFast), p.slow.value(paceSlow))
	soonest := float64(available) / perSecond * float64(Second)
	if soonest > float64(paceEndMax) {
		return 0, 0, false
	}
	latest := min(float64(available)/slower*float64(Second), float64(paceEndMax))
	return Instant(soonest), Instant(latest), true
}

// average is a mean over time in which the past counts less and less.
type average struct{ sum, weight float64 }

// add brings in what a rate was for so long until now.
func (a *average) add(rate float64, elapsed, half Instant) {
	share := shareOf(elapsed, half)
	a.sum += (rate - a.sum) * share
	a.weight += (1 - a.weight) * share
}

// value returns the mean of what was seen, or of paceLeast if that is longer.
func (a *average) value(half Instant) float64 { return a.sum / max(a.weight, shareOf(paceLeast, half)) }

// shareOf returns how much the last time counts against all that was before.
func shareOf(elapsed, half Instant) float64 {
	return -math.Expm1(-math.Ln2 * float64(elapsed) / float64(half))
}
