package actors

import (
	"time"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// deadlines is a heap of held orders, the earliest deadline first, with one timer
// that wakes the actor. Only the actor touches it; wake is called by the timer.
//
// The heap has four children to a node, and the deadline beside the order: one line
// of the processor's cache holds all that is compared at a level, and an order is
// written to only when it moves. A million holds that end within seconds, while the
// collector marks them, is what it is made for.
type deadlines struct {
	heap  []deadline
	clock clock.Clock
	timer clock.Timer
	wake  func()
	// wakesAt is when the timer runs out; zero when it is not set.
	wakesAt inventory.Instant
	// awake says that the actor has been asked to end holds once. Before that, in
	// recovery, no timer may run: the actor's state is not its own yet.
	awake bool
}

// deadline is when an order's hold ends, as it was when the order was added.
type deadline struct {
	at     inventory.Instant
	record *heldOrder
}

// deadlineChildren is how many children a node of the heap has.
const deadlineChildren = 4

// follow puts an order in the heap while it is held, at its present deadline.
func (d *deadlines) follow(record *heldOrder) {
	d.remove(record)
	if record.State == inventory.Reserved {
		d.add(record)
	}
}

func (d *deadlines) add(record *heldOrder) {
	d.heap = append(d.heap, deadline{})
	d.up(len(d.heap)-1, deadline{record.ExpiresAt, record})
	d.set(d.heap[0].at)
}

// remove takes an order out; it does nothing when the order is not in the heap.
func (d *deadlines) remove(record *heldOrder) {
	i := int(record.place) - 1
	if i < 0 {
		return
	}
	record.place = 0
	last := len(d.heap) - 1
	moved := d.heap[last]
	d.heap[last] = deadline{}
	if d.heap = d.heap[:last]; i < last {
		d.down(i, moved)
	}
}

// clear forgets all.
func (d *deadlines) clear() { d.heap = nil }

// due returns the earliest order when its hold has ended at now, or nil.
func (d *deadlines) due(now inventory.Instant) *heldOrder {
	if len(d.heap) == 0 || !d.heap[0].record.Due(now) {
		return nil
	}
	return d.heap[0].record
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

// up puts an item at i or, as long as their deadlines are later, in the place of those
// above it, which make room.
func (d *deadlines) up(i int, item deadline) {
	for i > 0 {
		parent := (i - 1) / deadlineChildren
		if d.heap[parent].at <= item.at {
			break
		}
		d.put(i, d.heap[parent])
		i = parent
	}
	d.put(i, item)
}

// down puts an item where i is free: below it, as long as there are earlier deadlines,
// which make room, or else above it.
func (d *deadlines) down(i int, item deadline) {
	for {
		first := deadlineChildren*i + 1
		if first >= len(d.heap) {
			break
		}
		earliest := first
		for child := first + 1; child < min(first+deadlineChildren, len(d.heap)); child++ {
			if d.heap[child].at < d.heap[earliest].at {
				earliest = child
			}
		}
		if item.at <= d.heap[earliest].at {
			break
		}
		d.put(i, d.heap[earliest])
		i = earliest
	}
	d.up(i, item)
}

func (d *deadlines) put(i int, item deadline) {
	d.heap[i] = item
	item.record.place = int32(i) + 1
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
		a.deadlines.set(max(next, a.deadlines.heap[0].at))
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
	err := a.appendChange(op, record)
	if err == nil {
		return inventory.Refusal{}
	}
	refusal := a.refusalOfAppend(op, err)
	op.recycle()
	return refusal
}

// clockJumped reports whether the machine's clock disagrees with ours by more than
// clockJumpMax: then one of the two is wrong, and no hold is ended, and nothing deleted, by
// either.
func (e *Engine) clockJumped() bool {
	drift := e.clock.Drift()
	jumped := drift > clockJumpMax || drift < -clockJumpMax
	if e.jumped.Swap(jumped) != jumped {
		e.log.Error("the machine's clock has jumped; no hold ends and nothing old is deleted until it agrees again, or the program is restarted",
			"jumped", jumped, "drift", drift)
	}
	return jumped
}

// untilInstant returns how long it is from now to then, not below zero.
func untilInstant(now, then inventory.Instant) time.Duration { return time.Duration(max(then-now, 0)) }
