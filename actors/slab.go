package actors

import (
	"sync"
	"sync/atomic"
)

// orderNumber says where an order is in memory; zero is nowhere. Tables keep numbers in
// place of pointers: they are half as large, and the collector does not look at them.
type orderNumber uint32

const (
	slabOrdersBits = 8
	// slabOrders is how many orders a slab has.
	slabOrders = 1 << slabOrdersBits
)

// orderSlab is the memory of a number of orders (Bonwick, The Slab Allocator, 1994). To
// the collector it is one object: an order of its own would cost it a line of the
// processor's cache for every pointer to it.
type orderSlab struct {
	// number is the slab's in the directory, and never zero.
	number uint32
	owner  *orderAllocator
	// live orders are in use. Of the others, those up to fresh were, and are linked from
	// free by their place, less one.
	live, fresh, free int32
	// before and after link the slabs of the allocator that have room.
	before, after *orderSlab
	orders        [slabOrders]heldOrder
}

// orderDirectory finds the slabs of all order actors by number. Anyone may look.
type orderDirectory struct {
	mutex sync.Mutex
	// slabs is replaced as a whole when it has to grow; places are written under the
	// mutex.
	slabs atomic.Pointer[[]atomic.Pointer[orderSlab]]
	// vacant are the places of slabs that are gone.
	vacant []uint32
}

func newOrderDirectory() *orderDirectory {
	d := &orderDirectory{}
	d.slabs.Store(&[]atomic.Pointer[orderSlab]{{}}) // nobody gets number zero
	return d
}

// at returns the order of a number, which must be in use.
func (d *orderDirectory) at(number orderNumber) *heldOrder {
	return &(*d.slabs.Load())[number>>slabOrdersBits].Load().orders[number%slabOrders]
}

// add gives the slab a number.
func (d *orderDirectory) add(slab *orderSlab) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if len(d.vacant) == 0 {
		d.grow()
	}
	last := len(d.vacant) - 1
	slab.number, d.vacant = d.vacant[last], d.vacant[:last]
	(*d.slabs.Load())[slab.number].Store(slab)
}

// grow makes twice as many places.
func (d *orderDirectory) grow() {
	before := *d.slabs.Load()
	slabs := make([]atomic.Pointer[orderSlab], 2*len(before))
	for i := range before {
		slabs[i].Store(before[i].Load())
	}
	for i := len(slabs) - 1; i >= len(before); i-- {
		d.vacant = append(d.vacant, uint32(i))
	}
	d.slabs.Store(&slabs)
}

// remove forgets a slab.
func (d *orderDirectory) remove(slab *orderSlab) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	(*d.slabs.Load())[slab.number].Store(nil)
	d.vacant = append(d.vacant, slab.number)
}

// removeAll forgets the slabs of an allocator.
func (d *orderDirectory) removeAll(of *orderAllocator) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	slabs := *d.slabs.Load()
	for i := range slabs {
		if slab := slabs[i].Load(); slab != nil && slab.owner == of {
			slabs[i].Store(nil)
			d.vacant = append(d.vacant, uint32(i))
		}
	}
}

// orderAllocator gives out the orders of an actor's memory, from slabs that have some in
// use already where it can. A slab without any goes back to the collector.
type orderAllocator struct {
	directory *orderDirectory
	// roomy is the first slab with room.
	roomy *orderSlab
}

// take returns an order without content but its number.
func (a *orderAllocator) take() *heldOrder {
	slab := a.roomy
	if slab == nil {
		slab = &orderSlab{owner: a}
		a.directory.add(slab)
		a.link(slab)
	}
	index := slab.fresh
	if slab.free > 0 {
		index = slab.free - 1
		slab.free = slab.orders[index].place
	} else {
		slab.fresh++
	}
	if slab.live++; slab.live == slabOrders {
		a.unlink(slab)
	}
	record := &slab.orders[index]
	record.place, record.number = 0, orderNumber(slab.number<<slabOrdersBits|uint32(index))
	return record
}

// free takes an order back, which nothing may point to any more.
func (a *orderAllocator) free(record *heldOrder) {
	number := record.number
	slab := (*a.directory.slabs.Load())[number>>slabOrdersBits].Load()
	*record = heldOrder{place: slab.free}
	slab.free = int32(number%slabOrders) + 1
	if slab.live--; slab.live == slabOrders-1 {
		a.link(slab)
	}
	if slab.live == 0 && (slab.before != nil || slab.after != nil) {
		a.unlink(slab)
		a.directory.remove(slab)
	}
}

// link puts a slab in front of those with room.
func (a *orderAllocator) link(slab *orderSlab) {
	slab.before, slab.after = nil, a.roomy
	if a.roomy != nil {
		a.roomy.before = slab
	}
	a.roomy = slab
}

// unlink takes a slab out of those with room.
func (a *orderAllocator) unlink(slab *orderSlab) {
	if slab.before == nil {
		a.roomy = slab.after
	} else {
		slab.before.after = slab.after
	}
	if slab.after != nil {
		slab.after.before = slab.before
	}
	slab.before, slab.after = nil, nil
}
