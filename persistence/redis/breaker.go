package redis

import (
	"sync"
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

const (
	// failuresMax is how many calls in a row fail before no more are tried, restTime how
	// long until one is, to look.
	failuresMax = 3
	restTime    = time.Second
)

// breaker keeps a dead server from costing every call its time-out.
type breaker struct {
	clock clock.Clock

	lock     sync.Mutex
	failures int
	nextLook inventory.Instant
}

// allows reports whether a call should be tried. The caller then tells the outcome, or
// nothing when it gave up itself.
func (b *breaker) allows() bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.failures < failuresMax {
		return true
	}
	now := b.clock.Now()
	if now < b.nextLook {
		return false
	}
	b.nextLook = now.Add(inventory.Instant(restTime)) // this call looks, the others do not
	return true
}

// rests reports whether calls are held back.
func (b *breaker) rests() bool {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.failures >= failuresMax
}

func (b *breaker) succeeded() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.failures = 0
}

func (b *breaker) failed() {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.failures++; b.failures >= failuresMax {
		b.nextLook = b.clock.Now().Add(inventory.Instant(restTime))
	}
}
