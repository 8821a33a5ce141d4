package actors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// Acknowledgement says when what was appended is shown and answered.
type Acknowledgement uint8

const (
	// AcknowledgeJournal answers when the record is synced to the journal.
	AcknowledgeJournal Acknowledgement = iota
	// AcknowledgeDatabase answers when the transaction of the projection that has the
	// record is committed, for those who must survive the loss of the machine. Board,
	// orders and keys show nothing earlier either.
	AcknowledgeDatabase
)

// String returns the value of the option --ack.
func (a Acknowledgement) String() string {
	if a == AcknowledgeDatabase {
		return "database"
	}
	return "journal"
}

// shown is a record that is durable in the journal and waits to be shown and answered.
type shown interface {
	// show applies the record to what readers see.
	show(sequence uint64)
	// answer tells whoever waits that it is done, and abandon that nobody knows.
	answer()
	abandon()
}

// commits hold what is durable in the journal until SQL has it, in the order of
// sequences. There are at most as many as operations in flight, and one for each hold
// that has ended. The journal's writer adds, the projector releases.
type commits struct {
	// reached is the last sequence that SQL has and that is shown.
	reached atomic.Uint64

	mutex   sync.Mutex
	waiting queue[uncommitted]
	// changed is closed when reached has grown.
	changed chan struct{}
	// abandoned means that nothing is acknowledged any more.
	abandoned bool

	// due is what is being released. Only the projector touches it.
	due []uncommitted
}

// uncommitted is one record that SQL does not have yet.
type uncommitted struct {
	sequence uint64
	entry    shown
}

func newCommits(mode Acknowledgement) *commits {
	if mode != AcknowledgeDatabase {
		return nil
	}
	return &commits{changed: make(chan struct{})}
}

// add lets a durable record wait until SQL has it. The journal's durable sequence must
// not have passed it yet, so that the projector cannot have come by.
func (c *commits) add(sequence uint64, entry shown) {
	c.mutex.Lock()
	abandoned := c.abandoned
	if !abandoned {
		c.waiting.push(uncommitted{sequence, entry})
	}
	c.mutex.Unlock()
	if abandoned {
		entry.abandon()
	}
}

// release shows all that SQL has now, and then answers, in order: whoever is answered
// reads what was written.
func (c *commits) release(to uint64) {
	c.mutex.Lock()
	for c.waiting.length() > 0 && c.waiting.front().sequence <= to {
		c.due = append(c.due, c.waiting.pop())
	}
	c.mutex.Unlock()
	for i := range c.due {
		c.due[i].entry.show(c.due[i].sequence)
	}
	c.mutex.Lock()
	c.reached.Store(max(c.reached.Load(), to))
	close(c.changed)
	c.changed = make(chan struct{})
	c.mutex.Unlock()
	for i := range c.due {
		c.due[i].entry.answer()
	}
	clear(c.due)
	c.due = c.due[:0]
}

// abandon ends the acknowledgements: whoever waits, and whoever will, hears that the
// outcome is unknown.
func (c *commits) abandon() {
	c.mutex.Lock()
	c.abandoned = true
	waiting := c.waiting
	c.waiting = queue[uncommitted]{}
	c.mutex.Unlock()
	for waiting.length() > 0 {
		waiting.pop().entry.abandon()
	}
}

// wait returns when everything up to sequence is shown, or ctx ended.
func (c *commits) wait(ctx context.Context, sequence uint64) error {
	for {
		c.mutex.Lock()
		changed := c.changed
		c.mutex.Unlock()
		if c.reached.Load() >= sequence {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the commit of sequence %d: %w", sequence, ctx.Err())
		}
	}
}

// acknowledged returns the sequence up to which everything may be shown.
func (e *Engine) acknowledged() uint64 {
	if e.commits != nil {
		return e.commits.reached.Load()
	}
	return e.journal.DurableSequence()
}

// waitAcknowledged returns when everything up to sequence may be shown, or ctx ended.
func (e *Engine) waitAcknowledged(ctx context.Context, sequence uint64) error {
	if e.commits != nil {
		return e.commits.wait(ctx, sequence)
	}
	return e.journal.WaitDurable(ctx, sequence)
}

// giveUp ends the work for good: nothing new is taken, nobody hears of success any
// more, and the program is told to end.
func (e *Engine) giveUp(err error) {
	e.stopping.Store(true)
	if e.commits != nil {
		e.commits.abandon()
	}
	e.failed(err)
}

var refusedUncommitted = inventory.Refusal{Code: inventory.CodeUnknownOutcome,
	Detail: "The server had to stop. Repeat the request with the same key to learn what became of it."}
