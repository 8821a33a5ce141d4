package persistencetest

import (
	"bytes"
	"context"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// background is for helpers that may run after the test's own context ended.
var background = context.Background()

func compareIDs(a, b inventory.ID) int { return bytes.Compare(a[:], b[:]) }

// Model is what a projection must have, folded naively in memory. It shares no
// arithmetic with package inventory nor with the Stores.
type Model struct {
	products  map[inventory.ID]persistence.CatalogueProduct
	stocks    map[inventory.ID]inventory.Stock
	placed    []*inventory.Order
	orders    map[inventory.ID]*inventory.Order
	movements map[inventory.ID][]persistence.Movement
	keys      map[inventory.Fingerprint]persistence.IdempotencyKey
	// purgedBefore is until when orders were purged, and soldByPurged what they had sold.
	purgedBefore inventory.Instant
	soldByPurged map[inventory.ID]int64
}

// NewModel returns the model of a Store with products and without records.
func NewModel(products []persistence.CatalogueProduct) *Model {
	m := &Model{
		products:  make(map[inventory.ID]persistence.CatalogueProduct),
		stocks:    make(map[inventory.ID]inventory.Stock),
		orders:    make(map[inventory.ID]*inventory.Order),
		movements: make(map[inventory.ID][]persistence.Movement),
		keys:      make(map[inventory.Fingerprint]persistence.IdempotencyKey),

		soldByPurged: make(map[inventory.ID]int64),
	}
	for _, product := range products {
		m.products[product.ID] = product
		m.stocks[product.ID] = inventory.Stock{}
	}
	return m
}

// Apply folds one record, which must be legal.
func (m *Model) Apply(record *persistence.Record) {
	event := &record.Event
	switch event.Kind {
	case inventory.StockAdjusted:
		line := event.Lines[0]
		m.move(record, line.ProductID, line.Quantity, 0, 0)
		m.use(event, line.ProductID)
	case inventory.OrderPlaced:
		m.place(record)
		m.use(event, event.Order)
	default:
		m.change(record)
		m.use(event, event.Order)
	}
}

func (m *Model) place(record *persistence.Record) {
	event := &record.Event
	order := &inventory.Order{ID: event.Order, Customer: event.Customer, State: inventory.Reserved, Currency: event.Currency,
		PlacedAt: event.At, ExpiresAt: event.ExpiresAt, UpdatedAt: event.At, Key: event.Key, Body: event.Body,
		Sequence: record.Sequence}
	for _, line := range event.Lines {
		if line.Quantity > 0 {
			line.StockVersion = m.move(record, line.ProductID, 0, line.Quantity, 0)
		}
		order.Lines = append(order.Lines, line)
	}
	m.placed = append(m.placed, order)
	m.orders[order.ID] = order
}

// change folds what happens to an order.
func (m *Model) change(record *persistence.Record) {
	event := &record.Event
	order := m.orders[event.Order]
	for _, moved := range event.Lines {
		for i := range order.Lines {
			if order.Lines[i].ProductID == moved.ProductID {
				m.moveLine(record, order, &order.Lines[i], moved.Quantity)
			}
		}
	}
	switch event.Kind {
	case inventory.OrderExtended:
		order.ExpiresAt, order.Extended = event.ExpiresAt, true
	case inventory.OrderRefundDue:
		order.RefundDue = event.Amount
	}
	order.State = stateAfter(event.Kind, order)
	order.UpdatedAt, order.Sequence = event.At, record.Sequence
}

// moveLine moves units of a line, in the state that the order had before.
func (m *Model) moveLine(record *persistence.Record, order *inventory.Order, line *inventory.Line, units int64) {
	switch kind := record.Event.Kind; {
	case kind == inventory.OrderConfirmed:
		m.move(record, line.ProductID, 0, -units, units)
		m.sell(line.ProductID, units)
	case kind == inventory.OrderFulfilled:
		m.move(record, line.ProductID, -units, 0, -units)
		line.Shipped += int32(units)
	case kind == inventory.OrderReturned && record.Event.Restock:
		m.move(record, line.ProductID, units, 0, 0)
		line.Returned += int32(units)
	case kind == inventory.OrderReturned:
		m.move(record, line.ProductID, 0, 0, 0)
		line.Returned += int32(units)
	case order.State == inventory.Reserved:
		m.move(record, line.ProductID, 0, -units, 0)
	default:
		m.move(record, line.ProductID, 0, 0, -units)
		m.sell(line.ProductID, -units)
	}
	if record.Event.Kind == inventory.OrderReduced {
		line.Quantity -= units
		line.Released += int32(units)
	}
}

// stateAfter returns the state of an order whose lines have been moved.
func stateAfter(kind inventory.Kind, order *inventory.Order) inventory.State {
	shipped, returned := true, true
	for _, line := range order.Lines {
		shipped = shipped && int64(line.Shipped) == line.Quantity
		returned = returned && line.Returned == line.Shipped
	}
	switch {
	case kind == inventory.OrderConfirmed:
		return inventory.Confirmed
	case kind == inventory.OrderCancelled:
		return inventory.Cancelled
	case kind == inventory.OrderExpired:
		return inventory.Expired
	case kind == inventory.OrderFulfilled && shipped:
		return inventory.Fulfilled
	case kind == inventory.OrderFulfilled:
		return inventory.PartiallyFulfilled
	case kind == inventory.OrderReturned && returned:
		return inventory.Returned
	case kind == inventory.OrderReturned:
		return inventory.PartiallyReturned
	}
	return order.State
}

// move changes the stock of a product and returns its new version.
func (m *Model) move(record *persistence.Record, product inventory.ID, onHand, reserved, committed int64) uint64 {
	event := &record.Event
	before := m.stocks[product]
	after := inventory.Stock{OnHand: before.OnHand + onHand, Reserved: before.Reserved + reserved,
		Committed: before.Committed + committed, Sold: before.Sold, Version: before.Version + 1}
	if after.Reserved < 0 || after.Committed < 0 || after.Reserved+after.Committed > after.OnHand {
		panic(fmt.Sprintf("record %d is not legal", record.Sequence))
	}
	m.stocks[product] = after
	before.Sold, after.Sold = 0, 0 // a movement is of units that are there
	m.movements[product] = append(m.movements[product], persistence.Movement{ProductID: product, Sequence: record.Sequence,
		Kind: event.Kind, Order: event.Order, Before: before, After: after, By: event.By,
		Reason: event.Reason, Note: event.Note, At: event.At})
	return after.Version
}

// sell counts units that were paid for, or, negative, of which the sale was cancelled.
func (m *Model) sell(product inventory.ID, units int64) {
	stock := m.stocks[product]
	stock.Sold += units
	m.stocks[product] = stock
}

func (m *Model) use(event *inventory.Event, subject inventory.ID) {
	if event.Key != (inventory.Fingerprint{}) {
		m.keys[event.Key] = persistence.IdempotencyKey{Key: event.Key, Body: event.Body, Kind: event.Kind,
			Subject: subject, At: event.At}
	}
}

// retains reports whether a key counts at since: it was used then or later, or its
// order was changed then or later, or has units that are held or wait to be shipped.
func (m *Model) retains(key persistence.IdempotencyKey, since inventory.Instant) bool {
	if key.At >= since || key.Kind == inventory.StockAdjusted {
		return key.At >= since
	}
	order := m.orders[key.Subject]
	switch order.State {
	case inventory.Reserved, inventory.Confirmed, inventory.PartiallyFulfilled:
		return true
	}
	return order.UpdatedAt >= since
}

// startKeys are the keys that a start reads: all but those of opening receipts.
func (m *Model) startKeys() map[inventory.Fingerprint]persistence.IdempotencyKey {
	keys := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
	for _, key := range m.keys {
		if key.Kind != inventory.StockAdjusted || key.Key != inventory.Fingerprint(key.Subject) {
			keys[key.Key] = key
		}
	}
	return keys
}

// purge deletes the keys that do not count any more.
func (m *Model) purge(since inventory.Instant) {
	for fingerprint, key := range m.keys {
		if !m.retains(key, since) {
			delete(m.keys, fingerprint)
		}
	}
}

// purchase is what a customer has of a product.
type purchase struct{ product, customer inventory.ID }

// purchases returns the units that count towards the limits of products.
func (m *Model) purchases() map[purchase]int64 {
	units := make(map[purchase]int64)
	for _, order := range m.placed {
		for _, line := range order.Lines {
			product := m.products[line.ProductID]
			if product.PurchaseLimit > 0 && line.Quantity > 0 && order.PlacedAt >= product.SaleStartsAt &&
				order.State != inventory.Cancelled && order.State != inventory.Expired {
				units[purchase{line.ProductID, order.Customer}] += line.Quantity
			}
		}
	}
	return units
}
