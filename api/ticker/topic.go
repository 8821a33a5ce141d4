package ticker

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// topic is a product that somebody watches.
type topic struct {
	product inventory.ID
	// newest is its frame, never nil.
	newest atomic.Pointer[frame]
	// watchers is how many shards have an audience of it; topics guards it.
	watchers int
}

// topics are all that somebody watches.
type topics struct {
	lock sync.Mutex
	all  map[inventory.ID]*topic
	// encoded counts the frames that were made.
	encoded atomic.Uint64
}

// watch returns the topic of a product, with a frame of this moment, for one more
// audience; nil when there is no such product.
func (t *topics) watch(board Board, product inventory.ID, now inventory.Instant) *topic {
	t.lock.Lock()
	defer t.lock.Unlock()
	found := t.all[product]
	if found == nil {
		found = &topic{product: product}
		if !t.refresh(board, found, now) {
			return nil
		}
		t.all[product] = found
	} else if t.refresh(board, found, now); found.newest.Load().rules.Deleted {
		return nil
	}
	found.watchers++
	return found
}

// unwatch takes an audience away, and a topic that nobody watches with it (K7).
func (t *topics) unwatch(left *topic) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if left.watchers--; left.watchers == 0 {
		delete(t.all, left.product)
	}
}

// renew brings one topic up to date.
func (t *topics) renew(board Board, one *topic, now inventory.Instant) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.refresh(board, one, now)
}

// sweep brings all topics up to date and returns how many there are.
func (t *topics) sweep(board Board, now inventory.Instant) int {
	t.lock.Lock()
	defer t.lock.Unlock()
	for _, one := range t.all {
		t.refresh(board, one, now)
	}
	return len(t.all)
}

// refresh makes a frame when a topic shows something else than before. It is called
// under the lock, so that readings of the board follow each other (K2). It returns false
// when the product is not for sale.
func (t *topics) refresh(board Board, one *topic, now inventory.Instant) bool {
	rules, stock, found := board.Sale(one.product)
	if !found {
		return false
	}
	before, at := one.newest.Load(), rules.PhaseAt(&stock, now)
	if before == nil && rules.Deleted {
		return false // who watches already is told that it has ended
	}
	if before == nil || before.stock != stock || before.phase != at || before.rules != rules {
		t.encoded.Add(1)
		one.newest.Store(newFrame(state{product: one.product, epoch: board.Epoch(), stock: stock, rules: rules, phase: at, at: now}))
	}
	return true
}

// count is how many topics there are.
func (t *topics) count() int {
	t.lock.Lock()
	defer t.lock.Unlock()
	return len(t.all)
}
