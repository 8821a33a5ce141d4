package actors

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// keyTable knows the idempotency keys that are in flight, or whose record or order
// has not left memory. Each key belongs to one order actor, which alone may look into
// what it stands for; everyone may ask whether it is there, so that a repeat of an
// accepted order is never refused for what has happened to stock or window since. A key
// is in the table before its order is tried, and leaves it only after the key filter
// knows it.
//
// The key that places an order stands for the order itself, from before it is placed:
// nearly all keys do, and so need no more memory than their place.
type keyTable struct {
	// byKey finds the orders of the parts.
	byKey orderFinder
	parts [indexParts]keyPart
}

type keyPart struct {
	mutex sync.Mutex
	// placed has the keys that placed orders, used those of everything else.
	placed orderTable
	used   table[keyEntry]
	// count is the keys in both, for those who do not take the lock.
	count atomic.Int64
}

// keyEntry says what a key stands for.
type keyEntry struct {
	body inventory.Fingerprint
	// record is the order that was placed or changed with the key; nil for an
	// adjustment, and while nothing is decided.
	record *heldOrder
	// sequence is that of the event's record, kind the event's, owner the number of the
	// order actor.
	sequence uint64
	owner    actorNumber
	kind     inventory.Kind
	// inFlight means that nothing is decided yet.
	inFlight bool
}

// settle notes what has become of a key in flight.
func (e *keyEntry) settle(record *heldOrder, sequence uint64) {
	e.record, e.sequence, e.inFlight = record, sequence, false
}

// placedEntry returns what the key that placed the order stands for.
func (r *heldOrder) placedEntry() keyEntry {
	return keyEntry{body: r.Body, record: r, sequence: r.placed, owner: r.owner, kind: inventory.OrderPlaced, inFlight: r.State == 0}
}

func newKeyTable(directory *orderDirectory) *keyTable {
	return &keyTable{byKey: orderFinder{directory, nameByKey}}
}

func (t *keyTable) lock(key *inventory.Fingerprint) (*keyPart, *[16]byte) {
	name := (*[16]byte)(key)
	part := &t.parts[partOf(name)]
	part.mutex.Lock()
	return part, name
}

func (p *keyPart) unlock() {
	p.count.Store(int64(p.placed.used + p.used.used))
	p.mutex.Unlock()
}

// entry returns what the key stands for in its part, if it is there.
func (t *keyTable) entry(part *keyPart, name *[16]byte) (keyEntry, bool) {
	if record := part.placed.get(&t.byKey, name); record != nil {
		return record.placedEntry(), true
	}
	if entry := part.used.get(name); entry != nil {
		return *entry, true
	}
	return keyEntry{}, false
}

// has reports whether the key is there. Anyone may ask.
func (t *keyTable) has(key inventory.Fingerprint) bool {
	part, name := t.lock(&key)
	defer part.mutex.Unlock()
	return part.placed.get(&t.byKey, name) != nil || part.used.get(name) != nil
}

// get returns what a key stands for, if it is there.
func (t *keyTable) get(key inventory.Fingerprint) (keyEntry, bool) {
	part, name := t.lock(&key)
	defer part.mutex.Unlock()
	return t.entry(part, name)
}

// claimOrder lets a key that is not there stand for an order that is to be placed, or
// returns what it stands for. The order has Key and Body, and no state.
func (t *keyTable) claimOrder(record *heldOrder) (taken keyEntry, known bool) {
	part, name := t.lock(&record.Key)
	defer part.unlock()
	if entry := part.used.get(name); entry != nil {
		return *entry, true
	}
	if first := part.placed.put(&t.byKey, record, false); first != nil {
		return first.placedEntry(), true
	}
	return keyEntry{}, false
}

// claim lets a key that is not there stand for entry, or returns what it stands for.
func (t *keyTable) claim(key inventory.Fingerprint, entry *keyEntry) (taken keyEntry, known bool) {
	part, name := t.lock(&key)
	defer part.unlock()
	if taken, known = t.entry(part, name); !known {
		part.used.put(name, entry)
	}
	return taken, known
}

// putOrder lets the key of an order stand for it. The zero key is that of an order
// without one.
func (t *keyTable) putOrder(record *heldOrder) {
	if record.Key == (inventory.Fingerprint{}) {
		return
	}
	part, name := t.lock(&record.Key)
	defer part.unlock()
	part.used.delete(name)
	part.placed.put(&t.byKey, record, true)
}

// put lets a key stand for entry. The zero key is that of an event without one.
func (t *keyTable) put(key inventory.Fingerprint, entry *keyEntry) {
	if key == (inventory.Fingerprint{}) {
		return
	}
	part, name := t.lock(&key)
	defer part.unlock()
	part.placed.delete(&t.byKey, name)
	part.used.put(name, entry)
}

func (t *keyTable) delete(key inventory.Fingerprint) {
	part, name := t.lock(&key)
	defer part.unlock()
	part.placed.delete(&t.byKey, name)
	part.used.delete(name)
}

// length returns how many keys are in the table. It takes no lock.
func (t *keyTable) length() (keys int64) {
	for i := range t.parts {
		keys += t.parts[i].count.Load()
	}
	return keys
}

// forget removes all keys of an order actor, and tells each to the filter first.
func (t *keyTable) forget(owner actorNumber, filter *keyFilter) {
	for i := range t.parts {
		part := &t.parts[i]
		part.mutex.Lock()
		var keys []inventory.Fingerprint
		part.placed.each(&t.byKey, func(record *heldOrder) {
			if record.owner == owner {
				keys = append(keys, record.Key)
			}
		})
		part.used.each(func(name [16]byte, entry *keyEntry) bool {
			if entry.owner == owner {
				keys = append(keys, name)
			}
			return true
		})
		for i := range keys {
			filter.add(keys[i])
			part.placed.delete(&t.byKey, (*[16]byte)(&keys[i]))
			part.used.delete((*[16]byte)(&keys[i]))
		}
		part.unlock()
	}
}
