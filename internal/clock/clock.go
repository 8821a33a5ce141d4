// Package clock is where the program's time comes from, so that a test can own it.
//
// Time never goes back while the process lives, and setting the machine's clock
// does not move it: deadlines and the order of records rest on that. [System] is
// for the program, [Manual] for tests.
package clock

import (
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

// Timer is a pending call of [Clock].AfterFunc.
type Timer interface {
	// Stop prevents the call; false means that it has begun already.
	Stop() bool
	// Reset makes the timer run out after the duration from now.
	Reset(duration time.Duration) bool
}

// System is the machine's clock: the wall time at the start of the process plus
// the monotonic time since then. Setting the machine's clock does not move it.
type System struct{ start time.Time }

// NewSystem returns a clock that starts at the machine's wall time.
func NewSystem() *System { return &System{start: time.Now()} }

// Now returns the wall time at the start plus what has passed since.
func (s *System) Now() inventory.Instant {
	return inventory.Instant(s.start.UnixNano() + int64(time.Since(s.start)))
}

// AfterFunc is time.AfterFunc.
func (s *System) AfterFunc(duration time.Duration, run func()) Timer {
	return time.AfterFunc(duration, run)
}
