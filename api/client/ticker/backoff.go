package ticker

import (
	"math/rand/v2"
	"time"
)

// backoff says how long to wait before coming back: a random time up to a bound that doubles.
type backoff struct {
	least, most time.Duration
	failures    int
	// random returns a time below its argument.
	random func(time.Duration) time.Duration
}

func newBackoff(o *Options) backoff {
	return backoff{least: o.PauseMin, most: o.PauseMax, random: rand.N[time.Duration]}
}

// bound is the longest pause of now.
func (b *backoff) bound() time.Duration {
	bound := b.least
	for range b.failures {
		if bound >= b.most/2 {
			return b.most
		}
		bound *= 2
	}
	return min(bound, b.most)
}

// lived begins anew.
func (b *backoff) lived() { b.failures = 0 }

// pause returns how long to wait after an end.
func (b *backoff) pause(end *ending) time.Duration {
	pause := b.between(0, b.bound())
	if end.atOnce && b.failures == 0 {
		pause = 0
	}
	if end.retry != nil {
		pause = max(pause, b.between(end.retry[0], end.retry[1]))
	}
	b.failures++
	return max(pause, end.after)
}

// between returns a random time of a range.
func (b *backoff) between(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + b.random(to-from+1)
}
