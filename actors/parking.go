package actors

import (
	"sync/atomic"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

// parking is where orders wait for units that others hold and have not been decided
// about: first come, first served. An order that waits holds units of products with
// lower IDs only, so nobody waits in a circle.
type parking struct {
	operations queue[*operation]
	// count is for those who decide: they wake the actor when somebody waits.
	count atomic.Int32
	timer clock.Timer
	// timed says that the timer runs.
	timed bool
}

func (k *parking) waiting() int { return k.operations.length() }

// leave takes the first out.
func (k *parking) leave() *operation {
	op := k.operations.pop()
	k.count.Add(-1)
	return op
}

// park lets an order wait, or refuses it when too many do.
func (p *productActor) park(op *operation) {
	p.letGo(op)
	if p.parking.waiting() >= parkedMax {
		op.refusal = refusedOverloaded
		p.engine.refused.Add(1)
		p.sendBack(op)
		return
	}
	op.parkedAt = p.engine.clock.Now()
	p.parking.operations.push(op)
	// First the count, then another look: whoever decides looks at the count after
	// the units have changed, so one of the two sees the other.
	p.parking.count.Add(1)
	p.engine.parked.Add(1)
	p.serveParked()
}

// serveParked serves from the front until somebody still has to wait.
func (p *productActor) serveParked() {
	for p.parking.waiting() > 0 {
		op := *p.parking.operations.front()
		now := p.engine.clock.Now()
		verdict := p.judge(op)
		switch {
		case op.isAbandoned(), now >= op.parkedAt.Add(inventory.Instant(parkedTimeMax)):
			p.hand = p.parking.leave()
			op.refusal = refusedOverloaded
			p.sendBack(op)
		case verdict.wait:
			p.wakeAt(op.parkedAt.Add(inventory.Instant(parkedTimeMax)), now)
			return
		default:
			p.hand = p.parking.leave()
			p.serve(op, verdict)
		}
	}
}

// wakeAt makes the actor look at the front again when its time is over.
func (p *productActor) wakeAt(deadline, now inventory.Instant) {
	if p.parking.timed {
		return
	}
	p.parking.timed = true
	pause := untilInstant(now, deadline)
	if p.parking.timer == nil {
		p.parking.timer = p.engine.clock.AfterFunc(pause, func() { p.post(stepParkedTooLong) })
		return
	}
	p.parking.timer.Reset(pause)
}

// post sends the product a step without a caller.
func (p *productActor) post(do step) { p.push(p.engine.internal(do), false) }
