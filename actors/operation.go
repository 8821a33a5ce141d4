package actors

import (
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
	// For product actors.
	stepTake
	stepAdjustTake
	stepSettle
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
	// products is the routing slip: the owners of event.Lines, in their order.
	products []*productActor
	// at is the place on the slip.
	at int

	// event is what will be appended.
	event inventory.Event
	// order is the state after event, for the reply.
	order inventory.Order
	// stock is the durable stock after an adjustment, for the reply.
	stock    inventory.Stock
	replayed bool
	// owner is whom the order must belong to; zero is anyone.
	owner inventory.ID
	// missing means that memory does not have what was asked for.
	missing bool
	// waitFor is a sequence that must be durable before the question is put again.
	waitFor uint64
	refusal inventory.Refusal

	// lookup is the answer of SQL to stepKeyFound and stepOrderFound.
	lookup lookupResult

	// filter and found are the question and answer of stepList.
	filter persistence.OrderFilter
	found  []inventory.Order

	oneLine    [1]inventory.Line
	oneProduct [1]*productActor
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
// timeout and returns false; then the caller must not touch it again.
func (op *operation) await(timeout time.Duration) bool {
	op.timer.Reset(timeout)
	select {
	case <-op.done:
		op.timer.Stop()
		return true
	case <-op.timer.C:
	}
	if op.state.CompareAndSwap(pending, abandoned) {
		return false
	}
	<-op.done
	return true
}

// Encode appends the operation's event: the journal calls it under its lock.
func (op *operation) Encode(dst []byte, _ uint64) ([]byte, error) {
	return persistence.AppendEvent(dst, &op.event), nil
}

// Durable applies the event to the board; the answer leaves when the whole batch
// is published.
func (op *operation) Durable(sequence uint64, err error) {
	if err != nil {
		op.refuse(inventory.Refusal{Code: inventory.CodeUnknownOutcome,
			Detail: "The journal failed. Repeat the request with the same key to learn what became of it."})
		return
	}
	for i := range op.event.Lines {
		line := &op.event.Lines[i]
		op.stock = op.products[i].board.apply(&op.event, line)
		if op.event.Kind == inventory.OrderPlaced {
			line.StockVersion = op.stock.Version
		}
	}
	op.order.Sequence = sequence
	op.engine.published.add(op)
}
