package actors

// Statistics is a reading of the engine's figures.
type Statistics struct {
	ProjectionState
	// InFlight is the operations that wait for an answer, InFlightMax their bound.
	InFlight, InFlightMax int64
	// Waiting is the messages in the mailboxes of the order actors.
	Waiting int64
	// Products is the number of products, Quarantined the actors that panicked and
	// are not rebuilt yet, Keys the idempotency keys in memory.
	Products, Quarantined, Keys int64
	// Refused counts refusals before any effect because of a bound, RefusedEarly the
	// orders that were refused before any actor was involved, Parked those that had to
	// wait until others were decided, Rebuilt the panics after which an actor was
	// rebuilt.
	Refused, RefusedEarly, Parked, Rebuilt uint64
	// PurgedOrders and PurgedMovements count what was deleted because it was too old.
	PurgedOrders, PurgedMovements uint64
	// ClockJumped says that holds do not end, because the machine's clock has jumped.
	ClockJumped bool
}

// Statistics returns the figures of now. It takes no lock that an order needs.
func (e *Engine) Statistics() Statistics {
	s := Statistics{
		ProjectionState: e.Projection(),
		InFlight:        e.inFlight.Load(), InFlightMax: e.inFlightMax,
		Products: e.shelf.count.Load(), Quarantined: e.quarantined.Load(),
		Refused: e.refused.Load(), RefusedEarly: e.refusedEarly.Load(), Parked: e.parked.Load(), Rebuilt: e.rebuilt.Load(),
		PurgedOrders: e.retention.orders.purged.Load(), PurgedMovements: e.retention.movements.purged.Load(),
		Keys: e.keys.length(), ClockJumped: e.jumped.Load(),
	}
	for _, a := range e.actors {
		s.Waiting += int64(a.waiting.Load())
	}
	return s
}
