package actors

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/anthdm/hollywood/actor"

	"holdfast/inventory"
)

// behaviour is what an actor does with its messages. handle, failed and refuse
// each own the operation: they must answer it or pass it on.
type behaviour interface {
	// handle does the operation's next step. Only one goroutine at a time is in it.
	handle(op *operation)
	// failed is called when handle panicked. op is what it had in hand; nil when it
	// had passed it on already.
	failed(op *operation, cause any)
	// refuse is called on the sender's goroutine when the mailbox is full; it must
	// not touch the actor's state.
	refuse(op *operation)
}

// mailbox is a Hollywood Processer with a queue of its own: an intrusive stack
// that producers push to and the one consumer takes whole and reverses.
//
// head is nil when the actor is idle, the sentinel running when it is somebody's
// turn to consume and nothing waits, and otherwise the newest waiting operation.
// Whoever enqueues on nil must see that the actor gets its turn; a turn ends by
// swapping running for nil, which fails when something came meanwhile. So there
// is never more than one consumer, and none is needed while the actor is idle.
//
// An actor that sends to another one does not run it: forward only notes that the
// other needs a turn, and [takeTurns] gives it one after the sender's. So nothing
// nests, however long the way of an operation is, and most requests are served on
// the goroutine of their caller from end to end.
type mailbox struct {
	head      atomic.Pointer[operation]
	waiting   atomic.Int32
	limit     int32
	started   bool
	pid       *actor.PID
	behaviour behaviour

	// hand is the operation that the actor has to answer or to pass on now. Only the
	// consumer touches it. It tells after a panic what is left to be answered.
	hand *operation
	// rest is what was taken from the queue and not handled yet, oldest first. Only
	// the consumer touches it.
	rest *operation
	// woken are the mailboxes that this actor's messages made non-empty. Only the
	// consumer touches it.
	woken turns
	// nextTurn links mailboxes that need a turn.
	nextTurn *mailbox
}

// turns is a line of mailboxes that need a turn, and belongs to one goroutine.
type turns struct{ first, last *mailbox }

func (t *turns) add(m *mailbox) {
	m.nextTurn = nil
	if t.last == nil {
		t.first = m
	} else {
		t.last.nextTurn = m
	}
	t.last = m
}

// addAll moves all of other to the end of t.
func (t *turns) addAll(other *turns) {
	if other.first == nil {
		return
	}
	if t.last == nil {
		t.first = other.first
	} else {
		t.last.nextTurn = other.first
	}
	t.last = other.last
	*other = turns{}
}

func (t *turns) take() *mailbox {
	m := t.first
	if m == nil {
		return nil
	}
	if t.first = m.nextTurn; t.first == nil {
		t.last = nil
	}
	m.nextTurn = nil
	return m
}

// running marks a mailbox whose consumer is at work.
var running = new(operation)

// spawn registers the actor with the engine under kind/id. It fails when the
// name is taken.
func (m *mailbox) spawn(engine *actor.Engine, kind, id string, limit int32, b behaviour) error {
	m.pid, m.limit, m.behaviour = actor.NewPID(engine.Address(), kind+"/"+id), limit, b
	engine.SpawnProc(m)
	if !m.started {
		return fmt.Errorf("actor %s/%s exists already", kind, id)
	}
	return nil
}

// Start is called by the engine's registry when the name was free.
func (m *mailbox) Start() { m.started = true }

// PID returns the actor's address.
func (m *mailbox) PID() *actor.PID { return m.pid }

// Invoke belongs to Hollywood's own inbox, which is not used.
func (m *mailbox) Invoke([]actor.Envelope) {}

// Shutdown has nothing to do: an idle actor holds no goroutine.
func (m *mailbox) Shutdown() {}

// Send takes what comes through the engine. Only operations are understood.
func (m *mailbox) Send(_ *actor.PID, message any, _ *actor.PID) {
	op, ok := message.(*operation)
	if !ok {
		slog.Warn("an actor dropped a message of a foreign type", "actor", m.pid.ID, "type", fmt.Sprintf("%T", message))
		return
	}
	m.push(op, false)
}

// enqueue puts op into the queue, or refuses it. It returns true when the actor was
// idle: then the caller must see that it gets a turn.
func (m *mailbox) enqueue(op *operation) bool {
	if n := m.waiting.Add(1); n > m.limit && !op.begun {
		m.waiting.Add(-1)
		m.behaviour.refuse(op)
		return false
	}
	for {
		old := m.head.Load()
		op.next = old
		if m.head.CompareAndSwap(old, op) {
			return old == nil
		}
	}
}

// push hands op to the actor from outside of all actors. With here, an idle actor
// works on the caller's goroutine; without, on one of its own.
func (m *mailbox) push(op *operation, here bool) {
	switch {
	case !m.enqueue(op):
	case here:
		takeTurns(turns{m, m}, inlineBudget)
	default:
		go takeTurns(turns{m, m}, 1<<62)
	}
}

// forward hands op to another actor, from inside a message of m.
func (m *mailbox) forward(op *operation, to *mailbox) {
	m.letGo(op)
	if to.enqueue(op) {
		m.woken.add(to)
	}
}

// letGo notes that op is not the actor's to answer any more.
func (m *mailbox) letGo(op *operation) {
	if m.hand == op {
		m.hand = nil
	}
}

// finish answers op, or recycles it when it has no caller.
func (m *mailbox) finish(op *operation) {
	m.letGo(op)
	op.finish()
}

// refuseWith answers op with a refusal.
func (m *mailbox) refuseWith(op *operation, refusal inventory.Refusal) {
	op.refusal = refusal
	m.finish(op)
}

// takeTurns gives each mailbox of the line a turn, and those that they wake, until
// all are idle. After budget messages the rest goes to a goroutine of its own.
func takeTurns(line turns, budget int) {
	for m := line.take(); m != nil; m = line.take() {
		budget -= m.turn()
		line.addAll(&m.woken)
		if m.rest != nil || !m.head.CompareAndSwap(running, nil) {
			line.add(m)
		}
		if budget <= 0 && line.first != nil {
			go takeTurns(line, 1<<62)
			return
		}
	}
}

// turn handles what waits, at most messagesPerTurn, and returns how many that was.
func (m *mailbox) turn() int {
	if m.rest == nil {
		m.rest = m.takeAll()
	}
	handled := 0
	for ; m.rest != nil && handled < messagesPerTurn; handled++ {
		op := m.rest
		m.rest, op.next = op.next, nil
		m.waiting.Add(-1)
		m.guard(op)
	}
	return handled
}

// takeAll returns what waits, oldest first.
func (m *mailbox) takeAll() *operation {
	var oldestFirst *operation
	for newest := m.head.Swap(running); newest != nil && newest != running; {
		newest.next, newest, oldestFirst = oldestFirst, newest.next, newest
	}
	return oldestFirst
}

// guard handles one operation and keeps a panic inside the actor.
func (m *mailbox) guard(op *operation) {
	m.hand = op
	defer func() {
		if cause := recover(); cause != nil {
			left := m.hand
			m.hand = nil
			m.failed(left, cause)
		}
	}()
	m.behaviour.handle(op)
}

// failed lets the behaviour mend itself. When that panics too, nobody knows any more
// what the actor has answered: the program ends, loudly (P9). The panic has a goroutine
// of its own, where no caller's recover can silence it.
func (m *mailbox) failed(op *operation, cause any) {
	defer func() {
		if second := recover(); second != nil {
			stack := debug.Stack()
			go panic(fmt.Sprintf("actor %s could not mend itself: %v, after %v\n%s", m.pid.ID, second, cause, stack))
			select {}
		}
	}()
	m.behaviour.failed(op, cause)
}

// idle reports whether nothing waits and nobody consumes.
func (m *mailbox) idle() bool { return m.head.Load() == nil }
