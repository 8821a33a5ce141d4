package persistencetest

import (
	"bytes"
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

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
}

// NewModel returns the model of a Store with products and without records.
func NewModel(products []persistence.CatalogueProduct) *Model {
	m := &Model{
		products:  make(map[inventory.ID]persistence.CatalogueProduct),
		stocks:    make(map[inventory.ID]inventory.Stock),
		orders:    make(map[inventory.ID]*inventory.Order),
		movements: make(map[inventory.ID][]persistence.Movement),
		keys:      make(map[inventory.Fingerprint]persistence.IdempotencyKey),
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
	if event.Kind == inventory.StockAdjusted {
		line := event.Lines[0]
		m.move(record, line.ProductID, line.Quantity, 0, 0)
		m.use(event, line.ProductID)
		return
	}
	if event.Kind == inventory.OrderPlaced {
		m.place(record)
		return
	}
	order := m.orders[event.Order]
	for _, line := range order.Lines {
		switch {
		case event.Kind == inventory.OrderConfirmed:
			m.move(record, line.ProductID, 0, -line.Quantity, line.Quantity)
		case order.State == inventory.Reserved:
			m.move(record, line.ProductID, 0, -line.Quantity, 0)
		default:
			m.move(record, line.ProductID, 0, 0, -line.Quantity)
		}
	}
	order.State = map[inventory.Kind]inventory.State{inventory.OrderConfirmed: inventory.Confirmed,
		inventory.OrderCancelled: inventory.Cancelled, inventory.OrderExpired: inventory.Expired}[event.Kind]
	order.UpdatedAt, order.Sequence = event.At, record.Sequence
}

func (m *Model) place(record *persistence.Record) {
	event := &record.Event
	order := &inventory.Order{ID: event.Order, Customer: event.Customer, State: inventory.Reserved, Currency: event.Currency,
		PlacedAt: event.At, ExpiresAt: event.ExpiresAt, UpdatedAt: event.At, Key: event.Key, Body: event.Body,
		Sequence: record.Sequence}
	for _, line := range event.Lines {
		line.StockVersion = m.move(record, line.ProductID, 0, line.Quantity, 0)
		order.Lines = append(order.Lines, line)
	}
	m.placed = append(m.placed, order)
	m.orders[order.ID] = order
	m.use(event, order.ID)
}

// move changes the stock of a product and returns its new version.
func (m *Model) move(record *persistence.Record, product inventory.ID, onHand, reserved, committed int64) uint64 {
	event := &record.Event
	before := m.stocks[product]
	after := inventory.Stock{OnHand: before.OnHand + onHand, Reserved: before.Reserved + reserved,
		Committed: before.Committed + committed, Version: before.Version + 1}
	if after.Reserved < 0 || after.Committed < 0 || after.Reserved+after.Committed > after.OnHand {
		panic(fmt.Sprintf("record %d is not legal", record.Sequence))
	}
	m.stocks[product] = after
	m.movements[product] = append(m.movements[product], persistence.Movement{ProductID: product, Sequence: record.Sequence,
		Kind: event.Kind, Order: event.Order, Before: before, After: after, By: event.By,
		Reason: event.Reason, Note: event.Note, At: event.At})
	return after.Version
}

func (m *Model) use(event *inventory.Event, subject inventory.ID) {
	if event.Key != (inventory.Fingerprint{}) {
		m.keys[event.Key] = persistence.IdempotencyKey{Key: event.Key, Body: event.Body, Kind: event.Kind,
			Subject: subject, At: event.At}
	}
}

// RequireHistory fails the test unless all that a Store has is what the history
// has at the Store's position. It returns the position's sequence.
func RequireHistory(t require.TestingT, store persistence.Store, history *History) uint64 {
	position, err := store.Position(background)
	require.NoError(t, err)
	require.LessOrEqual(t, position.Sequence, uint64(len(history.Records)))
	require.Equal(t, positionAt(position.Sequence), position)
	requireModel(t, store, history.Model(position.Sequence))
	return position.Sequence
}

// requireModel compares every row that a Store can be asked for.
func requireModel(t require.TestingT, store persistence.Store, m *Model) {
	requireStocks(t, store, m)
	requireOrders(t, store, m)
	keys := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
	require.NoError(t, store.EachKey(background, 0, func(key persistence.IdempotencyKey) error {
		require.NotContains(t, keys, key.Key, "a key is visited twice")
		keys[key.Key] = key
		return nil
	}))
	require.Equal(t, m.keys, keys)
}

// requireStocks compares products, stock and ledger. The stock must also be what
// the orders hold (N3, N4), and the movements must join without a gap.
func requireStocks(t require.TestingT, store persistence.Store, m *Model) {
	reserved, committed := make(map[inventory.ID]int64), make(map[inventory.ID]int64)
	for _, order := range m.placed {
		for _, line := range order.Lines {
			switch order.State {
			case inventory.Reserved:
				reserved[line.ProductID] += line.Quantity
			case inventory.Confirmed:
				committed[line.ProductID] += line.Quantity
			}
		}
	}
	visited := 0
	require.NoError(t, store.EachProduct(background, func(product persistence.CatalogueProduct, stock inventory.Stock) error {
		visited++
		require.Equal(t, m.products[product.ID], product)
		want := m.stocks[product.ID]
		want.Safety = product.Safety
		require.Equal(t, want, stock)
		require.Equal(t, reserved[product.ID], stock.Reserved)
		require.Equal(t, committed[product.ID], stock.Committed)
		return nil
	}))
	require.Equal(t, len(m.products), visited)
	for id := range m.products {
		found := movementsOf(t, store, id, 7)
		require.Equal(t, len(m.movements[id]), len(found))
		before := inventory.Stock{}
		for i := range found {
			movement := found[len(found)-1-i]
			require.Equal(t, m.movements[id][i], movement)
			require.Equal(t, before, movement.Before)
			before = movement.After
		}
	}
}

// movementsOf reads the whole ledger of a product in pages, newest first.
func movementsOf(t require.TestingT, store persistence.Store, product inventory.ID, limit int) (all []persistence.Movement) {
	filter := persistence.MovementFilter{Product: product, Limit: limit}
	for {
		page, err := ledger(t, store).Movements(background, filter)
		require.NoError(t, err)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		filter.Before = page[len(page)-1].After.Version
	}
}

func requireOrders(t require.TestingT, store persistence.Store, m *Model) {
	want := m.newestFirst()
	found := pagesOfOrders(t, store, persistence.OrderFilter{Limit: 50})
	require.Equal(t, len(want), len(found))
	for i := range want {
		require.Equal(t, want[i], found[i])
	}
	reserved := make(map[inventory.ID]inventory.Order)
	require.NoError(t, store.EachReservedOrder(background, func(order inventory.Order) error {
		reserved[order.ID] = order
		return nil
	}))
	for _, order := range want {
		if order.State == inventory.Reserved {
			require.Equal(t, order, reserved[order.ID])
			delete(reserved, order.ID)
		}
	}
	require.Empty(t, reserved)
}

// pagesOfOrders reads a list to its end.
func pagesOfOrders(t require.TestingT, store persistence.Store, filter persistence.OrderFilter) (all []inventory.Order) {
	for {
		page, err := store.Orders(background, filter)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), filter.Limit)
		all = append(all, page...)
		if len(page) < filter.Limit {
			return all
		}
		filter.Before = page[len(page)-1].ID
	}
}
