package actors

import (
	"bytes"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
)

// heldOrder is an order in the memory of its order actor.
type heldOrder struct {
	inventory.Order
	oneLine [1]inventory.Line
	// older and newer link the orders of one customer.
	older, newer *heldOrder
	// place is the index in the heap of deadlines, plus one; zero is outside.
	place int
	// placed is the sequence of the record that placed the order; 0 when it was
	// placed before the memory of this process begins.
	placed uint64
	// held says that the record is in the maps.
	held bool
}

// newHeldOrder returns a record with its own copy of lines.
func newHeldOrder(lines []inventory.Line) *heldOrder {
	record := &heldOrder{}
	if len(lines) <= len(record.oneLine) {
		record.Lines = record.oneLine[:copy(record.oneLine[:], lines)]
	} else {
		record.Lines = slices.Clone(lines)
	}
	return record
}

// orderMemory keeps what is in flight, held, or not in SQL yet.
//
// Every append puts its record at the end of unprojected. When SQL has reached a
// sequence, the records up to there are taken from the front: those whose last
// event is projected and that are not held leave memory, their keys go to the
// key filter. A held order stays until its next event puts it in the queue
// again. So the memory is bounded by the holds and the projection's backlog.
type orderMemory struct {
	orders map[inventory.ID]*heldOrder
	// newest is the newest order of each customer.
	newest      map[inventory.ID]*heldOrder
	unprojected queue[unprojected]
}

// unprojected is an appended record that SQL may not have yet.
type unprojected struct {
	sequence uint64
	// record is nil for an adjustment.
	record *heldOrder
	// key is that of the event, unless it placed the order: that one stays with the
	// order.
	key inventory.Fingerprint
}

func newOrderMemory() orderMemory {
	return orderMemory{
		orders: make(map[inventory.ID]*heldOrder),
		newest: make(map[inventory.ID]*heldOrder),
	}
}

// add puts a record in the maps. Orders of one customer come oldest first, but
// for those that return from SQL, which find their place.
func (m *orderMemory) add(record *heldOrder) {
	if record.held {
		return
	}
	record.held = true
	m.orders[record.ID] = record
	next := m.newest[record.Customer]
	if next == nil || bytes.Compare(next.ID[:], record.ID[:]) < 0 {
		record.older = next
		if next != nil {
			next.newer = record
		}
		m.newest[record.Customer] = record
		return
	}
	for next.older != nil && bytes.Compare(next.older.ID[:], record.ID[:]) > 0 {
		next = next.older
	}
	record.newer, record.older = next, next.older
	if next.older != nil {
		next.older.newer = record
	}
	next.older = record
}

// remove takes a record out of the maps.
func (m *orderMemory) remove(record *heldOrder) {
	delete(m.orders, record.ID)
	switch {
	case record.newer != nil:
		record.newer.older = record.older
	case record.older != nil:
		m.newest[record.Customer] = record.older
	default:
		delete(m.newest, record.Customer)
	}
	if record.older != nil {
		record.older.newer = record.newer
	}
	record.older, record.newer, record.held = nil, nil, false
}

// awaitProjection notes that SQL will have record (or the adjustment of key)
// once it has reached sequence.
func (m *orderMemory) awaitProjection(sequence uint64, record *heldOrder, key inventory.Fingerprint) {
	m.unprojected.push(unprojected{sequence: sequence, record: record, key: key})
}

// projectedTo forgets what SQL has now. forget is told each key that leaves, with the
// order that it placed, or else the sequence of the record that used it.
func (m *orderMemory) projectedTo(sequence uint64, forget func(key inventory.Fingerprint, placed *heldOrder, used uint64)) {
	for m.unprojected.length() > 0 && m.unprojected.front().sequence <= sequence {
		item := m.unprojected.pop()
		if item.key != (inventory.Fingerprint{}) {
			forget(item.key, nil, item.sequence)
		}
		record := item.record
		if record == nil || !record.held || record.State == inventory.Reserved || record.Sequence > sequence {
			continue
		}
		forget(record.Key, record, 0)
		m.remove(record)
	}
}

// ordersOf returns the filter's customer's orders in memory that were placed
// durably, newest first, until filter.Limit of them are selected, and the highest
// sequence among them. Of those that the filter does not select only ID and sequence
// are there: they overrule what SQL may still think of them.
func (m *orderMemory) ordersOf(filter *persistence.OrderFilter, durable uint64) (found []inventory.Order, sequence uint64) {
	selected := 0
	for record := m.newest[filter.Customer]; record != nil && selected < filter.Limit; record = record.older {
		if record.placed > durable || !filter.Before.IsZero() && bytes.Compare(record.ID[:], filter.Before[:]) >= 0 {
			continue
		}
		sequence = max(sequence, record.Sequence)
		if !selects(filter, &record.Order) {
			found = append(found, inventory.Order{ID: record.ID, Sequence: record.Sequence})
			continue
		}
		selected++
		found = append(found, record.Order)
	}
	return found, sequence
}
