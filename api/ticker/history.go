package ticker

import "holdfast/inventory"

// sample is what was shown of a product at one of the seconds that it was watched.
type sample struct{ available, sold int64 }

// history is the last samples of a product, one a second. It begins when somebody watches,
// and ends when nobody does.
type history struct {
	samples []sample
	// next is where the next one goes once all places are taken.
	next int
	at   inventory.Instant
}

func (h *history) add(s *state, now inventory.Instant) {
	one := sample{max(s.stock.Available(), 0), s.stock.Sold}
	h.at = now
	if len(h.samples) < historyMax {
		h.samples = append(h.samples, one)
		return
	}
	h.samples[h.next] = one
	h.next = (h.next + 1) % historyMax
}

// last returns the last samples, the oldest first, at most so many.
func (h *history) last(count int) (samples []sample, at inventory.Instant) {
	count = min(count, len(h.samples))
	samples = make([]sample, 0, count)
	for i := len(h.samples) - count; i < len(h.samples); i++ {
		samples = append(samples, h.samples[(h.next+i)%len(h.samples)])
	}
	return samples, h.at
}
