package clock

import (
	"slices"
	"sync"
	"time"

	"holdfast/inventory"
)

// Manual is a clock that stands still until it is moved. It is for tests.
type Manual struct {
	mutex  sync.Mutex
	now    inventory.Instant
	drift  time.Duration
	timers []*manualTimer
}

// NewManual returns a clock that shows now.
func NewManual(now inventory.Instant) *Manual { return &Manual{now: now} }

// Now returns the moment that the clock was moved to.
func (m *Manual) Now() inventory.Instant {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.now
}

// NotBefore moves the clock on, without running timers.
func (m *Manual) NotBefore(moment inventory.Instant) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now = max(m.now, moment)
}

// SetDrift makes the machine's clock seem to be ahead by drift.
func (m *Manual) SetDrift(drift time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.drift = drift
}

// Drift returns what SetDrift said.
func (m *Manual) Drift() time.Duration {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.drift
}

// Advance moves the clock and runs what is due, in order of its deadline, on the
// caller's goroutine. It returns how many timers ran out. What these wake may set
// timers when the clock has moved on already: Advance(0) runs them.
func (m *Manual) Advance(duration time.Duration) (ran int) {
	m.mutex.Lock()
	until := m.now + inventory.Instant(duration)
	m.mutex.Unlock()
	for timer := m.nextDue(until); timer != nil; timer = m.nextDue(until) {
		timer.run()
		ran++
	}
	return ran
}

// nextDue takes the earliest timer that is due and moves the clock to it; without
// one it moves the clock to until.
func (m *Manual) nextDue(until inventory.Instant) *manualTimer {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var earliest *manualTimer
	for _, timer := range m.timers {
		if timer.at <= until && (earliest == nil || timer.at < earliest.at) {
			earliest = timer
		}
	}
	if earliest == nil {
		m.now = until
		return nil
	}
	m.now = max(m.now, earliest.at)
	m.remove(earliest)
	return earliest
}

func (m *Manual) remove(timer *manualTimer) bool {
	i := slices.Index(m.timers, timer)
	if i >= 0 {
		m.timers = slices.Delete(m.timers, i, i+1)
	}
	return i >= 0
}

// AfterFunc runs the function when the clock is moved past the duration.
func (m *Manual) AfterFunc(duration time.Duration, run func()) Timer {
	timer := &manualTimer{clock: m, run: run}
	timer.Reset(duration)
	return timer
}

type manualTimer struct {
	clock *Manual
	at    inventory.Instant
	run   func()
}

func (t *manualTimer) Stop() bool {
	t.clock.mutex.Lock()
	defer t.clock.mutex.Unlock()
	return t.clock.remove(t)
}

func (t *manualTimer) Reset(duration time.Duration) bool {
	t.clock.mutex.Lock()
	defer t.clock.mutex.Unlock()
	pending := t.clock.remove(t)
	t.at = t.clock.now + inventory.Instant(duration)
	t.clock.timers = append(t.clock.timers, t)
	return pending
}
