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
	// slots are the places of products in states; a part is partStatesMax of them.
	slots  map[inventory.ID]int
	states []persistence.StockState
	// unsent are slots, each once; isUnsent are the same.
	unsent   []int
	isUnsent []unsent
	unstored []bool // per part
	// changed is, per part, the number of the beacon before which it has changed last.
	changed []uint64
}

// unsent says what of a slot has to be sent.
type unsent uint8

const (
	// stateUnsent is set when the slot is among the unsent, rulesUnsent when its rules
	// have another revision than those that were sent last.
	stateUnsent unsent = 1 << iota
	rulesUnsent
)

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
		o.states, o.isUnsent = append(o.states, persistence.StockState{}), append(o.isUnsent, rulesUnsent)
		if slot%partStatesMax == 0 {
			o.unstored, o.changed = append(o.unstored, true), append(o.changed, 0)
		}
	}
	if o.states[slot].Revision != state.Revision {
		o.isUnsent[slot] |= rulesUnsent
	}
	o.states[slot] = *state
	o.unstored[slot/partStatesMax] = true
	if o.isUnsent[slot]&stateUnsent == 0 {
		o.isUnsent[slot] |= stateUnsent
		o.unsent = append(o.unsent, slot)
	}
}

// takeUnsent returns the states for the next batch, as they are now. Rules that were sent
// already are left out.
func (o *outbox) takeUnsent() (states []persistence.StockState) {
	o.lock.Lock()
	defer o.lock.Unlock()
	room := rulesBytesMax
	for _, slot := range o.unsent {
		state := o.states[slot]
		if len(states) == persistence.BusStatesMax {
			break
		}
		if o.isUnsent[slot]&rulesUnsent == 0 {
			state.Rules = nil
		} else if room -= rulesBytes(state.Rules); room < 0 {
			break
		}
		states = append(states, state)
		o.isUnsent[slot] = 0
	}
	if o.unsent = o.unsent[len(states):]; len(o.unsent) == 0 {
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

// takePart returns the states of a part if they have to be stored before a beacon, and the
// beacon before which they have changed last, and takes them for stored; keepPart takes that
// back.
func (o *outbox) takePart(index int, beacon uint64, refresh bool) (states []persistence.StockState, changed uint64) {
	o.lock.Lock()
	defer o.lock.Unlock()
	if !o.unstored[index] && !refresh {
		return nil, 0
	}
	if o.unstored[index] {
		o.unstored[index], o.changed[index] = false, beacon
	}
	from := index * partStatesMax
	return append([]persistence.StockState(nil), o.states[from:min(from+partStatesMax, len(o.states))]...), o.changed[index]
}

func (o *outbox) keepPart(index int) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.unstored[index] = true
}
