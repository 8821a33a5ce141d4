package api

import (
	"slices"
	"sync"
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// handClock is a clock that moves when a test says so. A pending call is made
// when the clock passes its moment.
type handClock struct {
	lock    sync.Mutex
	now     inventory.Instant
	pending []*handTimer
	// armed hears of every timer that starts to wait.
	armed chan struct{}
}

type handTimer struct {
	clock *handClock
	due   inventory.Instant
	run   func()
	set   bool
}

func newHandClock() *handClock {
	return &handClock{now: 1_764_000_000_000 * inventory.Millisecond, armed: make(chan struct{}, 1024)}
}

func (c *handClock) Now() inventory.Instant {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.now
}

func (c *handClock) AfterFunc(duration time.Duration, run func()) clock.Timer {
	timer := &handTimer{clock: c, run: run}
	timer.Reset(duration)
	return timer
}

func (t *handTimer) Stop() bool {
	t.clock.lock.Lock()
	defer t.clock.lock.Unlock()
	was := t.set
	t.set = false
	return was
}

func (t *handTimer) Reset(duration time.Duration) bool {
	t.clock.lock.Lock()
	defer t.clock.lock.Unlock()
	was := t.set
	t.due, t.set = t.clock.now.Add(inventory.Instant(duration)), true
	if !slices.Contains(t.clock.pending, t) {
		t.clock.pending = append(t.clock.pending, t)
	}
	t.clock.armed <- struct{}{}
	return was
}

func (c *handClock) advance(duration time.Duration) {
	c.lock.Lock()
	c.now = c.now.Add(inventory.Instant(duration))
	var due []func()
	for _, timer := range c.pending {
		if timer.set && timer.due <= c.now {
			timer.set = false
			due = append(due, timer.run)
		}
	}
	c.lock.Unlock()
	for _, run := range due {
		run()
	}
}
