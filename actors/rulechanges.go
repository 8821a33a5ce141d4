package actors

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// ruleChanges remembers the last products whose rules have changed, so that whoever keeps
// something of the rules of all products need not read all of them again. A change is
// noted after the rules are in force: who reads the rules of a product that it is told of
// reads these or later ones, and of what is noted too late it is told the next time.
type ruleChanges struct {
	// revision counts the changes. It is written under the mutex.
	revision atomic.Uint64
	mutex    sync.Mutex
	// last has change n at n-1 modulo its length.
	last [ruleChangesMax]inventory.ID
}

// note notes that the rules of a product have changed.
func (c *ruleChanges) note(product inventory.ID) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	revision := c.revision.Load()
	c.last[revision%ruleChangesMax] = product
	c.revision.Store(revision + 1)
}

// since returns the products of the changes after a revision, in their order, and the
// revision of the last one.
func (c *ruleChanges) since(revision uint64) (changed []inventory.ID, now uint64, complete bool) {
	if now = c.revision.Load(); now == revision {
		return nil, now, true
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now = c.revision.Load()
	if revision > now || now-revision > ruleChangesMax {
		return nil, now, false
	}
	changed = make([]inventory.ID, 0, now-revision)
	for ; revision < now; revision++ {
		changed = append(changed, c.last[revision%ruleChangesMax])
	}
	return changed, now, true
}

// RulesSince implements [Facade].
func (e *Engine) RulesSince(revision uint64) (changed []inventory.ID, now uint64, complete bool) {
	return e.ruleChanges.since(revision)
}

// EachProduct implements [Facade].
func (e *Engine) EachProduct(visit func(*inventory.Product) bool) {
	e.shelf.eachUnlocked(func(p *productActor) bool { return visit(p.rules.Load()) })
}
