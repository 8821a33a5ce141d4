package actors

// orderName is one of the names that orders are found by.
type orderName func(*heldOrder) *[16]byte

func nameByID(record *heldOrder) *[16]byte       { return (*[16]byte)(&record.ID) }
func nameByKey(record *heldOrder) *[16]byte      { return (*[16]byte)(&record.Key) }
func nameByCustomer(record *heldOrder) *[16]byte { return (*[16]byte)(&record.Customer) }

// orderFinder says what the orders of a table are found by, and where they are.
type orderFinder struct {
	directory *orderDirectory
	name      orderName
}

// orderTable finds orders by one of their names. It is a [table] whose slots have no
// names: a slot is half of the name's hash and the number of the order, which knows its
// name. So eight places are in one line of the processor's cache, a name that is not
// there is told by that line alone, and a larger table is made without looking at the
// orders. The zero table is empty. It has no lock.
type orderTable struct {
	// slots are none or a power of two. A slot is free when it is zero.
	slots []orderSlot
	used  int
}

// orderSlot has the tag in the upper half and the number in the lower.
type orderSlot uint64

func (s orderSlot) tag() uint32         { return uint32(s >> 32) }
func (s orderSlot) number() orderNumber { return orderNumber(s) }

// home is where the tag stands when nothing is in its way. It goes by the upper bits, so
// that a table of another size has the same order.
func (t *orderTable) home(tag uint32) int { return int(uint64(tag) * uint64(len(t.slots)) >> 32) }

// find returns the place of the name, or the free place where it would be put.
func (t *orderTable) find(f *orderFinder, name *[16]byte, tag uint32) int {
	mask := len(t.slots) - 1
	i := t.home(tag)
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if t.slots[i].tag() == tag && *f.name(f.directory.at(t.slots[i].number())) == *name {
			break
		}
	}
	return i
}

// get returns the order of the name, or nil.
func (t *orderTable) get(f *orderFinder, name *[16]byte) *heldOrder {
	if t.used == 0 {
		return nil
	}
	slot := t.slots[t.find(f, name, tagOf(spread(name)))]
	if slot == 0 {
		return nil
	}
	return f.directory.at(slot.number())
}

// put lets the name of the order stand for it, and returns what it stood for before, or
// nil. With replace false that stays.
func (t *orderTable) put(f *orderFinder, record *heldOrder, replace bool) (before *heldOrder) {
	t.makeRoom()
	name := f.name(record)
	tag := tagOf(spread(name))
	place := &t.slots[t.find(f, name, tag)]
	if *place != 0 {
		if before = f.directory.at(place.number()); !replace {
			return before
		}
	} else {
		t.used++
	}
	*place = orderSlot(tag)<<32 | orderSlot(record.number)
	return before
}

// delete takes the name out, if it is there.
func (t *orderTable) delete(f *orderFinder, name *[16]byte) {
	if t.used == 0 {
		return
	}
	free, mask := t.find(f, name, tagOf(spread(name))), len(t.slots)-1
	if t.slots[free] == 0 {
		return
	}
	t.used--
	for i := (free + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if home := t.home(t.slots[i].tag()); (i-home)&mask >= (i-free)&mask {
			t.slots[free], free = t.slots[i], i
		}
	}
	t.slots[free] = 0
	if len(t.slots) > tableSlotsMin && t.used < len(t.slots)/8 {
		t.resize(len(t.slots) / 2)
	}
}

// makeRoom keeps at least three places of eight free for the searches to end at.
func (t *orderTable) makeRoom() {
	if (t.used+1)*8 > len(t.slots)*5 {
		t.resize(max(tableSlotsMin, 2*len(t.slots)))
	}
}

func (t *orderTable) resize(slots int) {
	before := t.slots
	t.slots = make([]orderSlot, slots)
	mask := slots - 1
	for _, slot := range before {
		if slot == 0 {
			continue
		}
		i := t.home(slot.tag())
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = slot
	}
}

// each calls visit with every order. The table must not change meanwhile.
func (t *orderTable) each(f *orderFinder, visit func(*heldOrder)) {
	for _, slot := range t.slots {
		if slot != 0 {
			visit(f.directory.at(slot.number()))
		}
	}
}

// orderIndex is a large [orderTable] in parts.
type orderIndex struct {
	orderFinder
	parts [indexParts]orderTable
	items int
}

func newOrderIndex(directory *orderDirectory, name orderName) *orderIndex {
	return &orderIndex{orderFinder: orderFinder{directory, name}}
}

func (x *orderIndex) length() int { return x.items }

// get returns the order of the name, or nil.
func (x *orderIndex) get(name [16]byte) *heldOrder {
	return x.parts[partOf(&name)].get(&x.orderFinder, &name)
}

// put lets the name of the order stand for it, and returns what it stood for before, or
// nil.
func (x *orderIndex) put(record *heldOrder) (before *heldOrder) {
	part := &x.parts[partOf(x.name(record))]
	used := part.used
	before = part.put(&x.orderFinder, record, true)
	x.items += part.used - used
	return before
}

// delete takes the name out, if it is there.
func (x *orderIndex) delete(name [16]byte) {
	part := &x.parts[partOf(&name)]
	used := part.used
	part.delete(&x.orderFinder, &name)
	x.items += part.used - used
}

// each calls visit with every order. The index must not change meanwhile.
func (x *orderIndex) each(visit func(*heldOrder)) {
	for i := range x.parts {
		x.parts[i].each(&x.orderFinder, visit)
	}
}
