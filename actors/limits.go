package actors

import "time"

// Every bound of the engine, with what happens at it.
const (
	// InFlightMaxDefault bounds the operations that wait for an answer. Beyond it a
	// request is refused with overloaded, before any effect.
	InFlightMaxDefault = 16_384
	// mailboxMax bounds new work in one mailbox; beyond it: overloaded.
	mailboxMax = 8_192
	// RequestTimeoutDefault is how long a caller waits; then: unknown_outcome.
	RequestTimeoutDefault = 5 * time.Second
	// BacklogRecordsMaxDefault and BacklogBytesMaxDefault bound the durable records
	// that are not in SQL yet. Beyond either, new orders get store_unavailable.
	BacklogRecordsMaxDefault = 5_000_000
	BacklogBytesMaxDefault   = 2 << 30
	// OrderProductsMax is how many products one order may name.
	OrderProductsMax = 1
	// keyRetention is how long a key is remembered after its record.
	keyRetention = 24 * time.Hour
	// lookupsMax bounds the parallel reads of SQL for orders and keys that have
	// left memory; further ones wait for their turn.
	lookupsMax = 16
	// expiriesPerTurn bounds the holds that one message ends, so that a mass
	// expiry does not keep other messages waiting.
	expiriesPerTurn = 512
	// expiryRetryPause is the pause before holds are tried again that could not be
	// ended because the journal had no room.
	expiryRetryPause = 250 * time.Millisecond
	// projectionRecordsMax bounds the records of one SQL transaction.
	projectionRecordsMax = 16_384
	// ProjectionIntervalDefault is how long records gather for a transaction.
	ProjectionIntervalDefault = 100 * time.Millisecond
	// projectionRestFactor is how many times longer the projection rests than it
	// works, while fewer than projectionEagerRecords wait. Those are about 110 MiB
	// of memory.
	projectionRestFactor   = 3
	projectionEagerRecords = 250_000
	// projectionPauseMin and projectionPauseMax bound the pauses between attempts
	// while SQL fails.
	projectionPauseMin = 50 * time.Millisecond
	projectionPauseMax = 5 * time.Second
	// projectionTimeout bounds one SQL transaction.
	projectionTimeout = 30 * time.Second
	// inlineBudget is how many messages a sender handles on its own goroutine
	// before the rest goes to another.
	inlineBudget = 64
)
