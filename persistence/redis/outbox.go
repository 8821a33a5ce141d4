package redis

import (
	"sync"

	"holdfast/inventory"
	"holdfast/persistence"
)

// refreshBeacons is after how many beacons a part is written again, before it ends.
const refreshBeacons = 20

// outbox is what a process has published: the last state of each product, what of it was
// not sent yet, and which parts are not in their keys as they are here.
type outbox struct {
	lock sync.Mutex
	// slots are the places of products in states; a part is BusStatesMax of them.
	slots  map[inventory.ID]int
	states []persistence.StockState
	// unsent are slots, each once; isUnsent are the same.
	unsent   []int
	isUnsent []bool
	unstored []bool // per part
}

// add takes a state that is later than the one before.
func (o *outbox) add(state *persistence.StockState) {
	o.lock.Lock()
	defer o.lock.Unlock()
	slot, known := o.slots[state.Product]
	if !known {
		if o.slots == nil {
			o.slots = make(map[inventory.ID]int)
		}
		slot = len(o.states)
		o.slots[state.Product] = slot
		o.states, o.isUnsent = append(o.states, persistence.StockState{}), append(o.isUnsent, false)
		if slot%persistence.BusStatesMax == 0 {
			o.unstored = append(o.unstored, true)
		}
	}
	o.states[slot] = *state
	o.unstored[slot/persistence.BusStatesMax] = true
	if !o.isUnsent[slot] {
		o.isUnsent[slot] = true
		o.unsent = append(o.unsent, slot)
	}
}

// takeUnsent returns the states for the next batch, as they are now.
func (o *outbox) takeUnsent() (states []persistence.StockState) {
	o.lock.Lock()
	defer o.lock.Unlock()
	n := min(len(o.unsent), persistence.BusStatesMax)
	for _, slot := range o.unsent[:n] {
		states = append(states, o.states[slot])
		o.isUnsent[slot] = false
	}
	if o.unsent = o.unsent[n:]; len(o.unsent) == 0 {
		o.unsent = nil
	}
	return states
}

// forgetUnsent leaves to the parts what would have been sent, and reports whether there
// was something.
func (o *outbox) forgetUnsent() bool {
	some := false
	for len(o.takeUnsent()) > 0 {
		some = true
	}
	return some
}

// parts returns how many parts there are.
func (o *outbox) parts() int {
	o.lock.Lock()
	defer o.lock.Unlock()
	return len(o.unstored)
}

// takePart returns the states of a part if they have to be stored, and takes them for
// stored; keepPart takes that back.
func (o *outbox) takePart(index int, refresh bool) []persistence.StockState {
	o.lock.Lock()
	defer o.lock.Unlock()
	if !o.unstored[index] && !refresh {
		return nil
	}
	o.unstored[index] = false
	from := index * persistence.BusStatesMax
	return append([]persistence.StockState(nil), o.states[from:min(from+persistence.BusStatesMax, len(o.states))]...)
}

func (o *outbox) keepPart(index int) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.unstored[index] = true
}
