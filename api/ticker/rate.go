package ticker

import "holdfast/inventory"

// rate is what may be done: burst at once, and one more each time that every has
// passed.
type rate struct {
	burst int64
	every inventory.Instant
}

// meter measures something against a rate. The zero meter has its whole burst. It is
// one moment: when the burst will be whole again.
type meter struct{ whole inventory.Instant }

// take takes units, or returns how long it takes until they are there.
func (m *meter) take(r rate, units int64, now inventory.Instant) (wait inventory.Instant) {
	after := max(m.whole, now) + inventory.Instant(units)*r.every
	if wait := after - now - inventory.Instant(r.burst)*r.every; wait > 0 {
		return wait
	}
	m.whole = after
	return 0
}
