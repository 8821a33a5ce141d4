// Package clock is where the program's time comes from, so that a test can own it.
//
// Time never goes back while the process lives, and setting the machine's clock
// does not move it: deadlines and the order of records rest on that. [System] is
// for the program, [Manual] for tests.
package clock

import (
	"sync/atomic"
	"time"

	"holdfast/inventory"
)

// Clock tells the time and wakes functions up.
type Clock interface {
	// Now returns the current moment. It never goes back while the process lives.
	Now() inventory.Instant
	// AfterFunc calls run on its own goroutine after the duration, and each time
	// that the timer is Reset and runs out again.
	AfterFunc(duration time.Duration, run func()) Timer
}

// Guarded is a Clock that deadlines can rest on: it can be told what time it was
// before, and compares itself with the machine's.
type Guarded interface {
	Clock
	// NotBefore moves the clock on to a moment that it has not reached yet.
	NotBefore(moment inventory.Instant)
	// Drift returns how far the machine's wall clock is ahead of this one.
	Drift() time.Duration
}

// Timer is a pending call of [Clock].AfterFunc.
type Timer interface {
	// Stop prevents the call; false means that it has begun already.
	Stop() bool
	// Reset makes the timer run out after the duration from now.
	Reset(duration time.Duration) bool
}

// System is the machine's clock: the wall time at the start of the process plus
// the monotonic time since then. Setting the machine's clock does not move it.
type System struct {
	start time.Time
	// ahead is what NotBefore has added, in nanoseconds.
	ahead atomic.Int64
}

// NewSystem returns a clock that starts at the machine's wall time.
func NewSystem() *System { return &System{start: time.Now()} }

// Now returns the wall time at the start plus what has passed since.
func (s *System) Now() inventory.Instant {
	return inventory.Instant(s.start.UnixNano() + int64(time.Since(s.start)) + s.ahead.Load())
}

// NotBefore moves the clock on.
func (s *System) NotBefore(moment inventory.Instant) {
	if missing := int64(moment - s.Now()); missing > 0 {
		s.ahead.Add(missing)
	}
}

// Drift compares with the machine's wall clock.
func (s *System) Drift() time.Duration {
	return time.Duration(time.Now().UnixNano() - int64(s.Now()))
}

// AfterFunc is time.AfterFunc.
func (s *System) AfterFunc(duration time.Duration, run func()) Timer {
	return time.AfterFunc(duration, run)
}
