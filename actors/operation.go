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

// The states of an operation between its caller and the engine.
const (
	pending uint32 = iota
	answered
	abandoned
)

// operation is one piece of work on its way. See the package comment for who
// owns it when. After Append it belongs to the journal.
type operation struct {
	next *operation
	step step
	// begun marks work that a full mailbox must not refuse.
	begun bool
	// unattended operations have no caller: they are recycled when done.
	unattended bool

	state atomic.Uint32
	done  chan struct{}
	timer *time.Timer

	engine *Engine
	orders *orderActor
	// tenure is that of the order actor's memory when it began the operation.
	tenure uint64
	// slip is the routing slip: the owners of event.Lines, in their order.
	slip []slipLine
	// at is the place on the slip.
	at int
	// partial says that fewer units are welcome; short says why some line did not
	// get all.
	partial bool
	short   inventory.Refusal
	// parkedAt is when a product let the operation wait.
	parkedAt inventory.Instant

	// change is what is asked for in stepChange.
	change inventory.Change
	// event is what will be appended.
	event inventory.Event
	// order is the state after event, for the reply, and heldUntil the end of the
	// order's hold before it.
	order     inventory.Order
	heldUntil inventory.Instant
	// stock is the stock after an adjustment, for the reply.
	stock    inventory.Stock
	replayed bool
	// owner is whom the order must belong to; zero is anyone.
	owner inventory.ID
	// sequence is that of the event that a settlement is about.
	sequence uint64
	// missing means that memory does not have what was asked for.
	missing bool
	// waitFor is a sequence that must be durable before the answer leaves.
	waitFor uint64
	refusal inventory.Refusal

	// lookup is the answer of SQL to stepKeyFound and stepOrderFound.
	lookup lookupResult

	// filter and found are the question and answer of stepList.
	filter persistence.OrderFilter
	found  []inventory.Order

	// rules are what stepRules puts in force, memory what stepRebuilt brings.
	rules  *inventory.Product
	memory *orderMemory

	oneLine [1]inventory.Line
	oneSlip [1]slipLine
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
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &operation{done: make(chan struct{}, 1), timer: timer}
}}

func newOperation(e *Engine, first step) *operation {
	op := operations.Get().(*operation)
	op.engine, op.step = e, first
	return op
}

// recycle forgets everything but the channel and the timer.
func (op *operation) recycle() {
	done, timer := op.done, op.timer
	*op = operation{done: done, timer: timer}
	operations.Put(op)
}

// finish answers the caller, or recycles the operation when nobody waits.
func (op *operation) finish() {
	if !op.unattended {
		op.engine.leave()
		if op.state.CompareAndSwap(pending, answered) {
			op.done <- struct{}{}
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
	select {
	case <-op.done:
		return true
	case <-op.timer.C:
	}
	if op.state.CompareAndSwap(pending, abandoned) {
		return false
	}
	<-op.done
	op.timer.Reset(0) // its time is over, and whoever waits on must learn that
	return true
}

// abandoned reports whether the caller has given up.
func (op *operation) isAbandoned() bool { return !op.unattended && op.state.Load() == abandoned }

// errForgotten is returned by Encode when a product was rebuilt since it gave its
// units, errTooMuch when a product would have more units than its bound, and
// errIllegal when the event would break the stock's invariants.
var (
	errTooMuch   = errors.New("the product would have too many units")
	errForgotten = errors.New("a product has forgotten the units that it gave")
	errIllegal   = errors.New("BUG: the event would break the stock")
)

// Encode is the moment of decision: the journal calls it under its append lock. It
// checks that no product was rebuilt since it gave its units, and folds the event
// into the ledgers of the products.
func (op *operation) Encode(dst []byte, sequence uint64) ([]byte, error) {
	if err := op.event.Check(); err != nil {
		return dst, err
	}
	for i, line := range op.event.Moves() {
		stop := &op.slip[i]
		if op.event.Takes() && stop.product.tenure.Load() != stop.taken {
			return dst, errForgotten
		}
		if err := stop.product.ledger.admits(&op.event, line); err != nil {
			return dst, err
		}
	}
	op.engine.folding = true
	for i, line := range op.event.Moves() {
		product := op.slip[i].product
		op.stock = product.ledger.apply(&op.event, line, op.order.PlacedAt, product.rules.Load())
		product.free.Store(op.stock.Available())
		if product.parking.count.Load() > 0 {
			op.orders.toWake = append(op.orders.toWake, product)
		}
		if op.event.Kind == inventory.OrderPlaced {
			line.StockVersion = op.stock.Version
		}
	}
	before := len(dst)
	dst = persistence.AppendEvent(dst, &op.event)
	op.engine.appendedBytes.Add(int64(len(dst) - before))
	op.engine.folding = false
	// From here on the event is appended, even if the order actor panics now: the
	// operation is the journal's, and the products have to be told.
	op.orders.letGo(op)
	if !op.event.Takes() {
		op.orders.owed = debt{event: op.event, placed: op.order.PlacedAt, sequence: sequence}
	}
	return dst, nil
}

// Durable applies the event to the board; the answer leaves when the whole batch
// is published.
func (op *operation) Durable(sequence uint64, err error) {
	if err != nil {
		op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome,
			Detail: "The journal failed. Repeat the request with the same key to learn what became of it."})
		return
	}
	for i, line := range op.event.Moves() {
		op.slip[i].product.board.apply(&op.event, line, op.heldUntil)
	}
	if op.event.Kind == inventory.OrderExtended {
		for i := range op.slip {
			op.slip[i].product.board.extend(op.heldUntil, op.event.ExpiresAt)
		}
	}
	op.order.Sequence = sequence
	op.engine.published.add(op)
}
