package actors

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/anthdm/hollywood/actor"
)

// behaviour is what an actor does with its messages. handle, failed and refuse
// each own the operation: they must answer it or pass it on.
type behaviour interface {
	// handle does the operation's next step. Only one goroutine at a time is in it.
	handle(op *operation)
	// failed is called when handle panicked with op in hand.
	failed(op *operation, cause any)
	// refuse is called on the sender's goroutine when the mailbox is full; it must
	// not touch the actor's state.
	refuse(op *operation)
}

// mailbox is a Hollywood Processer with a queue of its own: an intrusive stack
// that producers push to and the one consumer takes whole and reverses.
//
// head is nil when the actor is idle, the sentinel running when its consumer
// runs and nothing waits, and otherwise the newest waiting operation. Whoever
// pushes on nil becomes (or starts) the consumer; the consumer leaves by
// swapping running for nil, which fails when something came meanwhile. So there
// is never more than one consumer, and none is needed while the actor is idle.
type mailbox struct {
	head      atomic.Pointer[operation]
	waiting   atomic.Int32
	limit     int32
	started   bool
	pid       *actor.PID
	behaviour behaviour
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

// push hands op to the actor. With here, an idle actor works on the caller's
// goroutine; without, on one of its own. Callers that are inside an actor may
// use here only towards leaf actors, whose handling never pushes with here.
func (m *mailbox) push(op *operation, here bool) {
	if n := m.waiting.Add(1); n > m.limit && !op.begun {
		m.waiting.Add(-1)
		m.behaviour.refuse(op)
		return
	}
	for {
		old := m.head.Load()
		op.next = old
		if !m.head.CompareAndSwap(old, op) {
			continue
		}
		if old != nil {
			return
		}
		if here {
			m.run(inlineBudget)
		} else {
			go m.run(1 << 30)
		}
		return
	}
}

// run consumes until the mailbox is empty, or hands over to a goroutine of its
// own after budget messages.
func (m *mailbox) run(budget int) {
	for {
		queue := m.takeAll()
		for queue != nil {
			op := queue
			queue, op.next = op.next, nil
			m.waiting.Add(-1)
			m.guard(op)
			budget--
		}
		if m.head.CompareAndSwap(running, nil) {
			return
		}
		if budget <= 0 {
			go m.run(1 << 30)
			return
		}
	}
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
	defer func() {
		if cause := recover(); cause != nil {
			m.behaviour.failed(op, cause)
		}
	}()
	m.behaviour.handle(op)
}

// idle reports whether nothing waits and nobody consumes.
func (m *mailbox) idle() bool { return m.head.Load() == nil }
