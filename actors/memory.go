package actors

import (
	"bytes"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
)

// heldOrder is an order in the memory of its order actor, 176 bytes and its lines. Key
// does not change as long as the key table has it: others compare it, under the lock of
// a part of that table only. Lines are nobody's to write, and outlive the order: answers
// and events have them too.
type heldOrder struct {
	inventory.Order
	// placed is the sequence of the record that placed the order; 0 when it was
	// placed before the memory of this process begins.
	placed uint64
	// number is the order's own, as long as it is in use; older and newer link the orders
	// of one customer.
	number, older, newer orderNumber
	// place is the index in the heap of deadlines, plus one; zero is outside.
	place int32
	// owner is the order actor of the order, and does not change.
	owner actorNumber
	// held says that the record is in the maps.
	held bool
}

// become gives the record another state of its order. It writes neither Key nor Body,
// which stay as they are.
func (r *heldOrder) become(next *inventory.Order) {
	r.ID, r.Customer, r.State, r.Currency = next.ID, next.Customer, next.State, next.Currency
	r.PlacedAt, r.ExpiresAt, r.Extended, r.RefundDue = next.PlacedAt, next.ExpiresAt, next.Extended, next.RefundDue
	r.UpdatedAt, r.Lines, r.Sequence = next.UpdatedAt, next.Lines, next.Sequence
}

// orderMemory keeps what is in flight, held, or not in SQL yet.
//
// Every append puts its record at the end of unprojected. When SQL has reached a
// sequence, the records up to there are taken from the front: those whose last
// event is projected and that are not held leave memory, their keys go to the
// key filter. A held order stays until its next event puts it in the queue
// again. So the memory is bounded by the holds and the projection's backlog.
type orderMemory struct {
	directory *orderDirectory
	allocator *orderAllocator
	orders    *orderIndex
	// newest is the newest order of each customer.
	newest      *orderIndex
	unprojected queue[unprojected]
	// lines has room for the lines of the next orders.
	lines []inventory.Line
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

// lineBlock is how many lines have their memory together: 5 KiB stay as long as one of
// them is needed.
const lineBlock = 64

func newOrderMemory(directory *orderDirectory) orderMemory {
	return orderMemory{directory: directory, allocator: &orderAllocator{directory: directory},
		orders: newOrderIndex(directory, nameByID), newest: newOrderIndex(directory, nameByCustomer)}
}

// make returns a record of an order. It is the caller's until it is added, or
// dismissed.
func (m *orderMemory) make(order *inventory.Order, owner actorNumber) *heldOrder {
	record := m.allocator.take()
	record.Order, record.owner = *order, owner
	return record
}

// keepLines returns a copy of lines, for an order and for all who are told of it. Those
// of several orders are one object to the collector, which is never given out again.
func (m *orderMemory) keepLines(lines []inventory.Line) []inventory.Line {
	if len(lines) > lineBlock {
		return slices.Clone(lines)
	}
	if len(m.lines) < len(lines) {
		m.lines = make([]inventory.Line, lineBlock)
	}
	kept := m.lines[:len(lines):len(lines)]
	m.lines = m.lines[len(lines):]
	copy(kept, lines)
	return kept
}

// dismiss takes back a record that was not added, or was removed, and that no key
// stands for.
func (m *orderMemory) dismiss(record *heldOrder) { m.allocator.free(record) }

// add puts a record in the maps. Orders of one customer come oldest first, but
// for those that return from SQL, which find their place.
func (m *orderMemory) add(record *heldOrder) {
	if record.held {
		return
	}
	record.held = true
	m.orders.put(record)
	next := m.newest.put(record)
	if next == nil {
		return
	}
	if bytes.Compare(next.ID[:], record.ID[:]) < 0 {
		record.older, next.newer = next.number, record.number
		return
	}
	m.newest.put(next)
	for next.older != 0 && bytes.Compare(m.directory.at(next.older).ID[:], record.ID[:]) > 0 {
		next = m.directory.at(next.older)
	}
	record.newer, record.older = next.number, next.older
	if next.older != 0 {
		m.directory.at(next.older).newer = record.number
	}
	next.older = record.number
}

// remove takes a record out of the maps.
func (m *orderMemory) remove(record *heldOrder) {
	m.orders.delete(record.ID)
	switch {
	case record.newer != 0:
		m.directory.at(record.newer).older = record.older
	case record.older != 0:
		m.newest.put(m.directory.at(record.older))
	default:
		m.newest.delete(record.Customer)
	}
	if record.older != 0 {
		m.directory.at(record.older).newer = record.newer
	}
	record.older, record.newer, record.held = 0, 0, false
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
		m.dismiss(record)
	}
}

// ordersOf returns the filter's customer's orders in memory that were placed
// durably, newest first, until filter.Limit of them are selected, and the highest
// sequence among them. Of those that the filter does not select only ID and sequence
// are there: they overrule what SQL may still think of them.
func (m *orderMemory) ordersOf(filter *persistence.OrderFilter, durable uint64) (found []inventory.Order, sequence uint64) {
	selected := 0
	for record := m.newest.get(filter.Customer); record != nil && selected < filter.Limit; record = m.older(record) {
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

// older returns the customer's next older order, or nil.
func (m *orderMemory) older(record *heldOrder) *heldOrder {
	if record.older == 0 {
		return nil
	}
	return m.directory.at(record.older)
}
