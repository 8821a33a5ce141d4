package actors

import (
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// deadlines is a heap of held orders, the earliest deadline first, with one timer
// that wakes the actor. Only the actor touches it; wake is called by the timer.
type deadlines struct {
	heap  []*heldOrder
	clock clock.Clock
	timer clock.Timer
	wake  func()
	// wakesAt is when the timer runs out; zero when it is not set.
	wakesAt inventory.Instant
	// awake says that the actor has been asked to end holds once. Before that, in
	// recovery, no timer may run: the actor's state is not its own yet.
	awake bool
}

// follow puts an order in the heap while it is held, at its present deadline.
func (d *deadlines) follow(record *heldOrder) {
	d.remove(record)
	if record.State == inventory.Reserved {
		d.add(record)
	}
}

func (d *deadlines) add(record *heldOrder) {
	d.heap = append(d.heap, record)
	record.place = len(d.heap)
	d.up(len(d.heap) - 1)
	d.set(d.heap[0].ExpiresAt)
}

// remove takes an order out; it does nothing when the order is not in the heap.
func (d *deadlines) remove(record *heldOrder) {
	i := record.place - 1
	if i < 0 {
		return
	}
	last := len(d.heap) - 1
	d.swap(i, last)
	d.heap[last] = nil
	d.heap = d.heap[:last]
	record.place = 0
	if i < last {
		d.down(i)
		d.up(i)
	}
}

// clear forgets all.
func (d *deadlines) clear() { d.heap = nil }

// due returns the earliest order when its hold has ended at now, or nil.
func (d *deadlines) due(now inventory.Instant) *heldOrder {
	if len(d.heap) == 0 || !d.heap[0].Due(now) {
		return nil
	}
	return d.heap[0]
}

// set makes the timer run out at the given moment, unless it does so before.
func (d *deadlines) set(at inventory.Instant) {
	if !d.awake || d.wakesAt != 0 && d.wakesAt <= at {
		return
	}
	d.wakesAt = at
	pause := untilInstant(d.clock.Now(), at)
	if d.timer == nil {
		d.timer = d.clock.AfterFunc(pause, d.wake)
		return
	}
	d.timer.Reset(pause)
}

func (d *deadlines) swap(i, j int) {
	d.heap[i], d.heap[j] = d.heap[j], d.heap[i]
	d.heap[i].place, d.heap[j].place = i+1, j+1
}

func (d *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if d.heap[parent].ExpiresAt <= d.heap[i].ExpiresAt {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d *deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(d.heap) {
			return
		}
		if child+1 < len(d.heap) && d.heap[child+1].ExpiresAt < d.heap[child].ExpiresAt {
			child++
		}
		if d.heap[i].ExpiresAt <= d.heap[child].ExpiresAt {
			return
		}
		d.swap(i, child)
		i = child
	}
}

// expire ends the holds that are due, a bounded number at a time. While the clock
// cannot be trusted, no hold ends. It reports with missing that some are left that can
// be ended soon: a full disk may stay full.
func (a *orderActor) expire(tick *operation) {
	a.deadlines.awake, a.deadlines.wakesAt = true, 0
	now := a.engine.clock.Now()
	next, full := now, false
	for range expiriesPerTurn {
		record := a.deadlines.due(now)
		if record == nil || a.engine.stopping.Load() {
			break
		}
		if a.engine.clockJumped() {
			next += inventory.Instant(expiryRetryPause)
			break
		}
		if refusal := a.endHold(record, now); refusal.Refused() {
			next += inventory.Instant(expiryRetryPause)
			full = refusal.Code != inventory.CodeOverloaded
			break
		}
	}
	if len(a.deadlines.heap) > 0 && !a.engine.stopping.Load() {
		a.deadlines.set(max(next, a.deadlines.heap[0].ExpiresAt))
	}
	tick.missing = a.deadlines.due(now) != nil && !full && !a.engine.jumped.Load()
	a.finish(tick)
}

// endHold records that a hold has ended. It refuses when the journal has no room
// now.
func (a *orderActor) endHold(record *heldOrder, now inventory.Instant) inventory.Refusal {
	op := newOperation(a.engine, stepExpire)
	op.unattended, op.orders = true, a
	op.event = record.FollowUp(inventory.OrderExpired, now, inventory.ID{})
	refusal := a.appendChange(op, record)
	if refusal.Refused() {
		op.recycle()
	}
	return refusal
}

// clockJumped reports whether the machine's clock disagrees with ours by more than
// clockJumpMax: then one of the two is wrong, and holds are not ended by either.
func (e *Engine) clockJumped() bool {
	drift := e.clock.Drift()
	jumped := drift > clockJumpMax || drift < -clockJumpMax
	if e.jumped.Swap(jumped) != jumped {
		e.log.Error("the machine's clock has jumped; no hold ends until it agrees again, or the program is restarted",
			"jumped", jumped, "drift", drift)
	}
	return jumped
}

// untilInstant returns how long it is from now to then, not below zero.
func untilInstant(now, then inventory.Instant) time.Duration { return time.Duration(max(then-now, 0)) }
