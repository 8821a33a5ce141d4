package actors

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// keyTable knows the idempotency keys that are in flight, or whose record or order
// has not left memory. Each key is written by one order actor; everyone may look
// whether it is there, so that a repeat of an accepted order is never refused for
// what has happened to stock or window since. A key is in the table before its
// order is tried, and leaves it only after the key filter knows it.
type keyTable struct {
	count atomic.Int64
	parts [256]struct {
		mutex sync.RWMutex
		keys  map[inventory.Fingerprint]keyEntry
	}
}

// keyEntry says what a key stands for.
type keyEntry struct {
	body inventory.Fingerprint
	// record is the order that was placed or changed with the key. Only its order
	// actor may look into it.
	record *heldOrder
	owner  *orderActor
	// sequence is that of the event's record, kind the event's.
	sequence uint64
	kind     inventory.Kind
	// inFlight means that nothing is decided yet.
	inFlight bool
}

func newKeyTable() *keyTable {
	t := &keyTable{}
	for i := range t.parts {
		t.parts[i].keys = make(map[inventory.Fingerprint]keyEntry)
	}
	return t
}

func (t *keyTable) get(key inventory.Fingerprint) (keyEntry, bool) {
	part := &t.parts[key[0]]
	part.mutex.RLock()
	defer part.mutex.RUnlock()
	entry, ok := part.keys[key]
	return entry, ok
}

// claim puts an entry for a key that has none, or returns the one that it has.
func (t *keyTable) claim(key inventory.Fingerprint, entry keyEntry) (taken keyEntry, claimed bool) {
	part := &t.parts[key[0]]
	part.mutex.Lock()
	defer part.mutex.Unlock()
	if taken, known := part.keys[key]; known {
		return taken, false
	}
	part.keys[key] = entry
	t.count.Add(1)
	return entry, true
}

func (t *keyTable) put(key inventory.Fingerprint, entry keyEntry) {
	part := &t.parts[key[0]]
	part.mutex.Lock()
	defer part.mutex.Unlock()
	before := len(part.keys)
	part.keys[key] = entry
	t.count.Add(int64(len(part.keys) - before))
}

func (t *keyTable) delete(key inventory.Fingerprint) {
	part := &t.parts[key[0]]
	part.mutex.Lock()
	defer part.mutex.Unlock()
	before := len(part.keys)
	delete(part.keys, key)
	t.count.Add(int64(len(part.keys) - before))
}

// forget removes all keys of an order actor, and tells each to the filter first.
func (t *keyTable) forget(owner *orderActor, filter *keyFilter) {
	for i := range t.parts {
		part := &t.parts[i]
		part.mutex.Lock()
		for key, entry := range part.keys {
			if entry.owner == owner {
				filter.add(key)
				delete(part.keys, key)
				t.count.Add(-1)
			}
		}
		part.mutex.Unlock()
	}
}
