package actors

import (
	"time"

	"holdfast/inventory"
)

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
	OrderProductsMax = inventory.OrderLinesMax
	// parkedMax bounds the orders that wait at one product for units that others have
	// not been decided about, parkedTimeMax how long; beyond either: overloaded.
	parkedMax     = 4_096
	parkedTimeMax = time.Second
	// parkedForLimitMax bounds those among them that wait for other orders of the same
	// customer, up to its limit: all of them are looked at when something was decided.
	parkedForLimitMax = 256
	// openingsParallel bounds the opening receipts that a start issues at once.
	openingsParallel = 256
	// clockJumpMax is how far the machine's clock may be from ours before holds are
	// not ended any more.
	clockJumpMax = time.Minute
	// keyRetention is how long a key is remembered after its record, that of an order
	// after the order's last change once nothing of it is held or to be shipped.
	keyRetention = 24 * time.Hour
	// lookupsMax bounds the parallel reads of SQL for orders and keys that have left
	// memory, lookupsWaitingMax those that wait for their turn, which counts towards
	// the caller's time; beyond it: store_unavailable. It is far below the operations
	// in flight, so that selling goes on while SQL hangs.
	lookupsMax        = 16
	lookupsWaitingMax = 1_024
	// expiriesPerTurn bounds the holds that one message ends, so that a mass
	// expiry does not keep other messages waiting.
	expiriesPerTurn = 512
	// expiryRetryPause is the pause before holds are tried again that could not be
	// ended because the journal had no room.
	expiryRetryPause = 20 * time.Millisecond
	// projectionRecordsMax and projectionBytesMax bound the records of one SQL
	// transaction, and what they take in memory; the last batch may go beyond.
	projectionRecordsMax = 16_384
	projectionBytesMax   = 4 << 20
	// ProjectionIntervalDefault is how long records gather for a transaction.
	ProjectionIntervalDefault = 100 * time.Millisecond
	// projectionRestFactor is how many times longer the projection rests than it
	// works while orders come, as long as fewer than projectionEagerRecords wait. Those
	// are about 440 MiB of memory.
	projectionRestFactor = 9
	// projectionRestMax bounds the rest: a transaction of the most records works for less
	// than a ninth of that, unless the database keeps it waiting.
	projectionRestMax      = 5 * time.Second
	projectionEagerRecords = 1_000_000
	// projectionIdleFactor is how many times fewer records come during a transaction than
	// it has when so little is sold that the projection need not rest. While it catches up
	// with large transactions, that can be a few thousand a second.
	projectionIdleFactor = 16
	// projectionPauseMin and projectionPauseMax bound the pauses between attempts
	// while SQL fails.
	projectionPauseMin = 50 * time.Millisecond
	projectionPauseMax = 5 * time.Second
	// commitPauseMax bounds the pause instead when answers wait for SQL, and
	// positionTimeout the question where SQL is.
	commitPauseMax  = 250 * time.Millisecond
	positionTimeout = 5 * time.Second
	// projectionTimeout bounds one SQL transaction. After each that took longer it is
	// doubled, up to projectionTimeoutMax, and the next has half as many records. After
	// each that was committed it is at most projectionTimeoutSlack times what that took,
	// which leaves room for a next one of twice the records.
	projectionTimeout      = 30 * time.Second
	projectionTimeoutMax   = 16 * time.Minute
	projectionTimeoutSlack = 4
	// purgeKeysMax bounds the idempotency keys that are deleted between two
	// transactions of the projection, purgeInterval is the pause after which it is
	// looked for more.
	purgeKeysMax  = 2_000
	purgeInterval = 10 * time.Second
	// purgeRetryPause is the pause after which old orders are looked at again that could
	// not be deleted because SQL was behind.
	purgeRetryPause = time.Second
	// purgePatience is how long what is too old stays because others need the processors.
	purgePatience = 10 * time.Minute
	// purgeLinesMax bounds the lines of the old orders, and purgeMovementsMax the old
	// movements, that are deleted by one transaction.
	purgeLinesMax     = 500
	purgeMovementsMax = 1_000
	// RetentionMin is the shortest time that orders and movements are kept, unless it is
	// for ever: several times as long as keys are remembered.
	RetentionMin = 7 * keyRetention
	// categoriesMax bounds the categories whose products share the bytes of its text. A
	// shop has hundreds; one with more has a few bytes more for each product of the rest.
	categoriesMax = 4_096
	// ruleChangesMax bounds the changes of rules that are remembered, 64 KiB: whoever asks
	// every second misses one only when there are more in a second.
	ruleChangesMax = 4_096
	// patrolProductsMax is how many products are enough for one look at the invariants: a
	// few milliseconds. Asked every second, a million products take a minute.
	patrolProductsMax = 16_384
	// broadcastInterval is the least time between two states of a product that other
	// processes are told.
	broadcastInterval = 20 * time.Millisecond
	// inlineBudget is how many messages a sender handles on its own goroutine
	// before the rest goes to another.
	inlineBudget = 64
	// messagesPerTurn is how many messages an actor handles before those that it woke
	// get their turn.
	messagesPerTurn = 64
)
