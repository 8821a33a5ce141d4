package actors

import (
	"sync/atomic"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// parking is where orders wait for what others have and have not been decided about:
// first come, first served. An order that waits holds units of products with lower IDs
// only, so nobody waits in a circle.
type parking struct {
	// lot is made for the first order that waits: few products ever need one, and a
	// product takes little memory without.
	lot *parkingLot
	// count is for those who decide: they wake the actor when somebody waits.
	count atomic.Int32
}

// parkingLot has the orders that wait.
type parkingLot struct {
	// units are the orders that wait for units, limit those that wait for orders of the
	// same customer. They wait apart: one customer must not hold up the others.
	units, limit queue[*operation]
	timer        clock.Timer
	// timed says that the timer runs.
	timed bool
}

// queues returns the places where orders wait; none before the first has waited.
func (k *parking) queues() []*queue[*operation] {
	if k.lot == nil {
		return nil
	}
	return []*queue[*operation]{&k.lot.units, &k.lot.limit}
}

// waitsForUnits reports whether an order waits for units.
func (k *parking) waitsForUnits() bool { return k.lot != nil && k.lot.units.length() > 0 }

// leave takes the first out of one of the queues.
func (k *parking) leave(queue *queue[*operation]) *operation {
	op := queue.pop()
	k.count.Add(-1)
	return op
}

// place returns the queue for a wait, or nil when it has no room.
func (k *parking) place(what wait) *queue[*operation] {
	if k.lot == nil {
		k.lot = &parkingLot{}
	}
	place, bound := &k.lot.units, parkedMax
	if what == waitLimit {
		place, bound = &k.lot.limit, parkedForLimitMax
	}
	if place.length() >= bound {
		return nil
	}
	return place
}

// park lets an order wait, or refuses it when too many do.
func (p *productActor) park(op *operation, what wait) {
	p.letGo(op)
	op.parkedAt = p.engine.clock.Now()
	if p.parkAt(op, what) {
		p.engine.parked.Add(1)
		p.serveParked()
	}
}

// parkAt puts an order into the queue that it has to wait in.
func (p *productActor) parkAt(op *operation, what wait) bool {
	place := p.parking.place(what)
	if place == nil {
		op.refusal = refusedOverloaded
		p.engine.refused.Add(1)
		p.sendBack(op)
		return false
	}
	place.push(op)
	// First the count, then another look: whoever decides looks at the count after
	// the units have changed, so one of the two sees the other.
	p.parking.count.Add(1)
	return true
}

// serveParked serves those who wait, each queue from its front, until somebody still
// has to wait for units. Who waits for a limit keeps nobody waiting.
func (p *productActor) serveParked() {
	lot := p.parking.lot
	if lot == nil {
		return
	}
	for range lot.limit.length() {
		if p.serveWaiting(*lot.limit.front(), &lot.limit) == waitLimit {
			lot.limit.push(lot.limit.pop()) // the order of those who stay is the same
		}
	}
	for lot.units.length() > 0 {
		if p.serveWaiting(*lot.units.front(), &lot.units) == waitUnits {
			break
		}
	}
	p.wakeForFirst()
}

// serveWaiting serves the front of a queue, refuses it, or lets it wait in the other
// queue. It returns what the order waits for if it stays where it is.
func (p *productActor) serveWaiting(op *operation, queue *queue[*operation]) wait {
	verdict, lot := p.judge(op), p.parking.lot
	if queue == &lot.limit && verdict.wait == waitNot && verdict.granted > 0 && p.parking.waitsForUnits() {
		verdict.wait = waitUnits
	}
	stays := queue == &lot.limit && verdict.wait == waitLimit || queue == &lot.units && verdict.wait == waitUnits
	switch {
	case op.isAbandoned(), p.engine.clock.Now() >= parkedUntil(op):
		p.hand = p.parking.leave(queue)
		op.refusal = refusedOverloaded
		p.sendBack(op)
	case stays:
		return verdict.wait
	case verdict.wait != waitNot:
		p.hand = p.parking.leave(queue)
		p.letGo(op)
		p.parkAt(op, verdict.wait)
	default:
		p.hand = p.parking.leave(queue)
		p.serve(op, verdict)
	}
	return waitNot
}

func parkedUntil(op *operation) inventory.Instant {
	return op.parkedAt.Add(inventory.Instant(parkedTimeMax))
}

// wakeForFirst makes the actor look again when the first of those who wait has waited
// long enough.
func (p *productActor) wakeForFirst() {
	var first inventory.Instant
	for _, queue := range p.parking.queues() {
		if queue.length() == 0 {
			continue
		}
		if until := parkedUntil(*queue.front()); first == 0 || until < first {
			first = until
		}
	}
	if first != 0 {
		p.wakeAt(first, p.engine.clock.Now())
	}
}

// wakeAt makes the actor look again at the moment, unless it does so already.
func (p *productActor) wakeAt(deadline, now inventory.Instant) {
	lot := p.parking.lot
	if lot.timed {
		return
	}
	lot.timed = true
	pause := untilInstant(now, deadline)
	if lot.timer == nil {
		lot.timer = p.engine.clock.AfterFunc(pause, func() { p.post(stepParkedTooLong) })
		return
	}
	lot.timer.Reset(pause)
}

// post sends the product a step without a caller.
func (p *productActor) post(do step) { p.push(p.engine.internal(do), false) }
