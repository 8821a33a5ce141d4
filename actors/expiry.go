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
}

// add puts a held order in the heap.
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

// due returns the earliest order when its hold has ended at now, or nil.
func (d *deadlines) due(now inventory.Instant) *heldOrder {
	if len(d.heap) == 0 || !d.heap[0].Due(now) {
		return nil
	}
	return d.heap[0]
}

// set makes the timer run out at the given moment, unless it does so before.
func (d *deadlines) set(at inventory.Instant) {
	if d.wakesAt != 0 && d.wakesAt <= at {
		return
	}
	d.wakesAt = at
	pause := time.Duration(max(at-d.clock.Now(), 0))
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

// expire ends the holds that are due, a bounded number at a time.
func (a *orderActor) expire(tick *operation) {
	a.deadlines.wakesAt = 0
	now := a.engine.clock.Now()
	for range expiriesPerTurn {
		record := a.deadlines.due(now)
		if record == nil || a.engine.stopping.Load() {
			break
		}
		if !a.endHold(record, now) {
			now += inventory.Instant(expiryRetryPause)
			break
		}
	}
	if len(a.deadlines.heap) > 0 && !a.engine.stopping.Load() {
		a.deadlines.set(max(now, a.deadlines.heap[0].ExpiresAt))
	}
	tick.recycle()
}

// endHold records that a hold has ended; false when the journal has no room now.
func (a *orderActor) endHold(record *heldOrder, now inventory.Instant) bool {
	op := newOperation(a.engine, stepExpire)
	op.unattended = true
	op.event = record.FollowUp(inventory.OrderExpired, now, inventory.ID{})
	return a.appendChange(op, record)
}
