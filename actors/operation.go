package actors

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
)

// step says what the next actor has to do with an operation.
type step uint8

const (
	// For order actors.
	stepPlace step = iota + 1
	stepTaken
	stepChange
	stepAdjust
	stepAdjustTaken
	stepKeyFound
	stepOrderFound
	stepRead
	stepReadByKey
	stepList
	stepExpire
	stepProjected
	stepRebuilt
	// For product actors.
	stepTake
	stepAdjustTake
	stepSettle
	stepUndo
	stepWake
	stepParkedTooLong
	stepRules
)

// The states of an operation between its caller and the engine. An operation that is
// not answered in time is recycled by the one of the two who leaves it last.
const (
	pending uint32 = iota
	answered
	// abandoned means that the caller's time is over and that it is about to leave, left
	// that it has left, and orphaned that the engine was done before that.
	abandoned
	left
	orphaned
)

// operation is one piece of work on its way. See the package comment for who
// owns it when. After Append it belongs to the journal.
//
// What every step of an order touches comes first: between the steps of one order come
// those of thousands, and each line of the processor's cache that it needs is fetched
// anew.
type operation struct {
	next *operation
	step step
	// begun marks work that a full mailbox must not refuse.
	begun bool
	// unattended operations have no caller: they are recycled when done.
	unattended bool
	// partial says that fewer units are welcome.
	partial bool
	// missing means that memory does not have what was asked for.
	missing  bool
	replayed bool

	state atomic.Uint32
	// done says that the operation is answered or abandoned, timeUp that the timer has
	// run out and done its work.
	done, timeUp chan struct{}
	timer        *time.Timer

	engine *Engine
	orders *orderActor
	// entry is the claim of the operation's key, and record the order to be made.
	entry  *keyEntry
	record *heldOrder
	// tenure is that of the order actor's memory when it began the operation.
	tenure uint64
	// slip is the routing slip: the owners of event.Lines, in their order.
	slip []slipLine
	// at is the place on the slip.
	at      int
	oneSlip [1]slipLine
	// waitFor is a sequence that must be durable before the answer leaves.
	waitFor uint64
	refusal inventory.Refusal
	// event is what will be appended.
	event   inventory.Event
	oneLine [1]inventory.Line
	// heldUntil is the end of the order's hold before the event, and order the state
	// after it, for the reply.
	heldUntil inventory.Instant
	order     inventory.Order
	// stock is the stock after an adjustment, for the reply.
	stock inventory.Stock

	// short says why some line of a partial order did not get all.
	short inventory.Refusal
	// parkedAt is when a product let the operation wait.
	parkedAt inventory.Instant
	// change is what is asked for in stepChange.
	change inventory.Change
	// owner is whom the order must belong to; zero is anyone.
	owner inventory.ID
	// settled is when the order was last changed before the event, if it was settled then.
	settled inventory.Instant
	// sequence is that of the event that a settlement is about.
	sequence uint64
	// lookup is the answer of SQL to stepKeyFound and stepOrderFound.
	lookup *lookupResult
	// filter and found are the question and answer of stepList.
	filter *persistence.OrderFilter
	found  []inventory.Order
	// rules are what stepRules puts in force, recount what was counted for them, and memory
	// what stepRebuilt brings.
	rules   *inventory.Product
	recount *recount
	memory  *orderMemory
}

// slipLine is one stop of a routing slip.
type slipLine struct {
	product *productActor
	// taken is the tenure under which the product gave units; nil when it gave none,
	// or has them back.
	taken *tenure
}

// lookupResult is what SQL said about a key or an order that is not in memory.
type lookupResult struct {
	key   persistence.IdempotencyKey
	order inventory.Order
	err   error
}

var operations = sync.Pool{New: func() any {
	op := &operation{done: make(chan struct{}, 1), timeUp: make(chan struct{}, 1)}
	op.timer = time.AfterFunc(time.Hour, op.runOut)
	op.timer.Stop()
	return op
}}

func newOperation(e *Engine, first step) *operation {
	op := operations.Get().(*operation)
	op.engine, op.step = e, first
	return op
}

// recycle forgets everything but the channels, which are empty, and the timer, which
// is stopped.
func (op *operation) recycle() {
	done, timeUp, timer := op.done, op.timeUp, op.timer
	*op = operation{done: done, timeUp: timeUp, timer: timer}
	operations.Put(op)
}

// finish answers the caller, or recycles the operation when nobody waits.
func (op *operation) finish() {
	if !op.unattended {
		op.engine.leave()
		switch {
		case op.state.CompareAndSwap(pending, answered):
			op.done <- struct{}{}
			return
		case op.state.CompareAndSwap(abandoned, orphaned):
			return
		}
	}
	op.recycle()
}

// refuse answers with a refusal.
func (op *operation) refuse(refusal inventory.Refusal) {
	op.refusal = refusal
	op.finish()
}

// await returns when the operation is answered, or gives it up after the
// timeout and returns false; then the caller must not touch it again. The timer runs
// on, for what the caller may still have to wait for: the caller stops it.
func (op *operation) await(timeout time.Duration) bool {
	op.timer.Reset(timeout)
	<-op.done // one channel: to select among two costs three times as much
	if op.state.Load() == answered {
		return true
	}
	<-op.timeUp
	if !op.state.CompareAndSwap(abandoned, left) {
		op.recycle()
	}
	return false
}

// runOut is called by the timer when the caller's time is over.
func (op *operation) runOut() {
	if op.state.CompareAndSwap(pending, abandoned) {
		op.done <- struct{}{}
	}
	op.timeUp <- struct{}{}
}

// stopTimer returns when the timer does nothing any more.
func (op *operation) stopTimer() {
	if !op.timer.Stop() {
		<-op.timeUp
	}
}

// isAbandoned reports whether the caller has given up.
func (op *operation) isAbandoned() bool { return !op.unattended && op.state.Load() >= abandoned }

// errForgotten is returned by Encode when a product was rebuilt since it gave its
// units, errTooMuch when a product would have more units than its bound, and
// errIllegal when the event would break the stock's invariants.
var (
	errTooMuch   = errors.New("the product would have too many units")
	errForgotten = errors.New("a product has forgotten the units that it gave")
	errIllegal   = errors.New("BUG: the event would break the stock")
)

// Encode is the moment of decision: the journal calls it under its append lock. It
// checks that no product was rebuilt since it gave its units, and that the order is not
// about to be deleted, and folds the event into the ledgers of the products.
func (op *operation) Encode(dst []byte, sequence uint64) ([]byte, error) {
	if err := op.event.Check(); err != nil {
		return dst, err
	}
	if op.engine.retention.refuses(op.settled) {
		return dst, errSettledLongAgo
	}
	if err := op.admitted(); err != nil {
		return dst, err
	}
	op.engine.folding = true
	op.fold(sequence)
	before := len(dst)
	dst = persistence.AppendEvent(dst, &op.event)
	op.engine.appendedBytes.Add(int64(len(dst) - before))
	op.engine.folding = false
	// From here on the event is appended, even if the order actor panics now: the
	// operation is the journal's, and the products have to be told.
	op.orders.letGo(op)
	if !op.event.Takes() {
		owed := &op.orders.owed
		owed.event, owed.placed, owed.sequence, owed.next = op.event, op.order.PlacedAt, sequence, 0
	}
	return dst, nil
}

// admitted returns nil when all products can have the event.
func (op *operation) admitted() error {
	takes := op.event.Takes()
	for i, line := range op.event.Moves() {
		stop := &op.slip[i]
		if takes && stop.product.tenure.Load() != stop.taken {
			return errForgotten
		}
		if err := stop.product.ledger.admits(&op.event, line); err != nil {
			return err
		}
	}
	return nil
}

// fold applies the event to the ledgers of its products.
func (op *operation) fold(sequence uint64) {
	for i, line := range op.event.Moves() {
		product := op.slip[i].product
		op.stock = product.ledger.apply(&op.event, line, op.order.PlacedAt, product.rules.Load())
		product.free.Store(op.stock.Available())
		if counting := op.engine.recount; counting != nil && counting.product == product {
			counting.note(sequence, &op.event, line, op.order.PlacedAt)
		}
		if product.parking.count.Load() > 0 {
			op.orders.toWake = append(op.orders.toWake, product)
		}
		if op.event.Kind == inventory.OrderPlaced {
			line.StockVersion = op.stock.Version
		}
	}
}

// Durable applies the event to the board; the answer leaves when the whole batch is
// published. When answers wait for SQL, both come later.
func (op *operation) Durable(sequence uint64, err error) {
	switch {
	case err != nil:
		op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome,
			Detail: "The journal failed. Repeat the request with the same key to learn what became of it."})
	case op.engine.commits != nil:
		op.engine.commits.add(sequence, op)
	default:
		op.show(sequence)
		op.engine.published.add(op)
	}
}

// show applies the event to the board.
func (op *operation) show(sequence uint64) {
	for i, line := range op.event.Moves() {
		product := op.slip[i].product
		product.board.apply(&op.event, line, op.heldUntil)
		op.engine.broadcast.mark(product)
	}
	if op.event.Kind == inventory.OrderExtended {
		for i := range op.slip {
			op.slip[i].product.board.extend(op.heldUntil, op.event.ExpiresAt)
		}
	}
	op.order.Sequence = sequence
}

// answer tells those who watch the order, and the caller that it is done.
func (op *operation) answer() {
	op.tellNews()
	op.finish()
}

// abandon tells the caller that the outcome is unknown.
func (op *operation) abandon() { op.refuse(refusedUncommitted) }
