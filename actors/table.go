package actors

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// table finds items by names of 16 bytes, IDs and fingerprints. It is open addressed
// with linear probing, and a deleted slot is filled from behind it (Knuth, The Art of
// Computer Programming 3, 6.4, algorithm R), so there are no gravestones. Against the
// built-in map it takes half the memory a name, and one line of the processor's cache
// a search instead of two or three. The zero table is empty. It has no lock.
type table[T any] struct {
	// slots are none or a power of two.
	slots []slot[T]
	used  int
}

// slot is free when it has no item.
type slot[T any] struct {
	name [16]byte
	item *T
}

// tableSlotsMin is the size of the smallest table.
const tableSlotsMin = 8

// tableSeed makes it impossible to choose names that meet in one place.
var tableSeed = [2]uint64{rand.Uint64(), rand.Uint64()}

// spread returns a hash of the name.
func spread(name *[16]byte) uint64 {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(name[:8])^tableSeed[0], binary.LittleEndian.Uint64(name[8:])^tableSeed[1])
	return high ^ low
}

// home is where the name stands when nothing is in its way. It goes by the upper bits of
// those that [partOf] does not take, so that a table of another size has the same order.
func (t *table[T]) home(name *[16]byte) int {
	return int(uint64(tagOf(spread(name))) * uint64(len(t.slots)) >> 32)
}

// find returns the place of the name, or the free place where it would be put.
func (t *table[T]) find(name *[16]byte) int {
	mask := len(t.slots) - 1
	i := t.home(name)
	for t.slots[i].item != nil && t.slots[i].name != *name {
		i = (i + 1) & mask
	}
	return i
}

// get returns the item of the name, or nil.
func (t *table[T]) get(name *[16]byte) *T {
	if t.used == 0 {
		return nil
	}
	return t.slots[t.find(name)].item
}

// put puts the item in the place of the one that may be there.
func (t *table[T]) put(name *[16]byte, item *T) {
	t.makeRoom()
	place := &t.slots[t.find(name)]
	if place.item == nil {
		t.used++
	}
	*place = slot[T]{*name, item}
}

// delete takes the name out, if it is there.
func (t *table[T]) delete(name *[16]byte) {
	if t.used == 0 {
		return
	}
	free, mask := t.find(name), len(t.slots)-1
	if t.slots[free].item == nil {
		return
	}
	t.used--
	for i := (free + 1) & mask; t.slots[i].item != nil; i = (i + 1) & mask {
		if home := t.home(&t.slots[i].name); (i-home)&mask >= (i-free)&mask {
			t.slots[free], free = t.slots[i], i
		}
	}
	t.slots[free] = slot[T]{}
	if len(t.slots) > tableSlotsMin && t.used < len(t.slots)/8 {
		t.resize(len(t.slots) / 2)
	}
}

// makeRoom keeps at least three places of eight free for the searches to end at.
func (t *table[T]) makeRoom() {
	if (t.used+1)*8 > len(t.slots)*5 {
		t.resize(max(tableSlotsMin, 2*len(t.slots)))
	}
}

func (t *table[T]) resize(slots int) {
	before := t.slots
	t.slots = make([]slot[T], slots)
	for i := range before {
		if before[i].item != nil {
			t.slots[t.find(&before[i].name)] = before[i]
		}
	}
}

// each calls visit with every item until it returns false. The table must not change
// meanwhile.
func (t *table[T]) each(visit func(name [16]byte, item *T) bool) bool {
	for i := range t.slots {
		if t.slots[i].item != nil && !visit(t.slots[i].name, t.slots[i].item) {
			return false
		}
	}
	return true
}

// indexParts is how many tables a large index has: so many times less is moved at once
// when it grows.
const indexParts = 256

// partOf returns which part has the name. It takes other bits than the place in it.
func partOf(name *[16]byte) int { return int(spread(name) >> 56) }

// tagOf returns the bits of a hash that say where a name stands in a table.
func tagOf(hash uint64) uint32 { return uint32(hash >> 24) }
