package persistencetest

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// History is a random legal history of one journal. Two histories of the same
// seed and size are the same.
type History struct {
	Products []persistence.CatalogueProduct
	Records  []persistence.Record

	random    *rand.Rand
	model     *Model
	at        inventory.Instant
	customers []inventory.ID
	keys      []inventory.Fingerprint
	purges    []purge
}

// purge is what was deleted when the projection stood at record at.
type purge struct {
	at   uint64
	from func(*Model)
}

// NewHistory makes products and a history that has no records yet.
func NewHistory(seed uint64, products int) *History {
	h := &History{random: rand.New(rand.NewPCG(seed, seed)), at: epoch}
	for n := range products {
		product := newProduct(n + 1)
		product.Safety = int64(n % 3)
		product.PurchaseLimit = int64(n%2) * 10
		product.Deleted = n == 1
		h.Products = append(h.Products, product)
	}
	for range 5 {
		h.customers = append(h.customers, h.id())
	}
	h.model = NewModel(h.Products)
	return h
}

// CreateProducts puts the products into a Store.
func (h *History) CreateProducts(t require.TestingT, store persistence.Store) {
	for _, product := range h.Products {
		require.NoError(t, store.CreateProducts(background, product))
	}
}

// positionAt returns the position of a history after a record.
func positionAt(sequence uint64) persistence.Position {
	if sequence == 0 {
		return persistence.Position{}
	}
	position := persistence.Position{Journal: inventory.ID{0xA5, 15: 1}, Epoch: uint32(1 + sequence/100), Sequence: sequence}
	binary.LittleEndian.PutUint64(position.Hash[:], sequence*0x9e3779b97f4a7c15)
	return position
}

// Run returns the records after from up to to, with both positions.
func (h *History) Run(from, to uint64) (persistence.Position, persistence.Position, []persistence.Record) {
	return positionAt(from), positionAt(to), h.Records[from:to]
}

// Grow adds records until there are n.
func (h *History) Grow(n int) {
	for len(h.Records) < n {
		h.at += inventory.Instant(h.random.Int64N(int64(inventory.Millisecond)))
		event, ok := h.event()
		if !ok {
			continue
		}
		// As it comes out of the journal: without what a record does not carry.
		decoded, err := persistence.DecodeEvent(persistence.AppendEvent(nil, &event))
		if err != nil {
			panic(err)
		}
		record := persistence.Record{Sequence: uint64(len(h.Records) + 1), Event: decoded}
		h.Records = append(h.Records, record)
		h.model.Apply(&record)
	}
}

// event proposes what happens next; ok is false when it is not possible now.
func (h *History) event() (event inventory.Event, ok bool) {
	switch choice := h.random.IntN(24); choice {
	case 0, 1, 2:
		return h.adjust()
	case 3, 4, 5, 6, 7, 8, 9:
		return h.place()
	case 10:
		return h.end(inventory.OrderExpired, inventory.Reserved)
	case 11:
		return h.end(inventory.OrderCancelled, inventory.Reserved)
	case 12:
		return h.end(inventory.OrderCancelled, inventory.Confirmed)
	case 13, 14, 15:
		return h.end(inventory.OrderConfirmed, inventory.Reserved)
	case 16:
		return h.reduce()
	case 17:
		return h.extend()
	case 18:
		return h.refund()
	case 19, 20, 21:
		return h.fulfil()
	default:
		return h.bringBack()
	}
}

func (h *History) adjust() (inventory.Event, bool) {
	product := &h.Products[h.random.IntN(len(h.Products))]
	quantity := h.random.Int64N(25) - 5
	stock := h.model.stocks[product.ID]
	if quantity == 0 || stock.OnHand+quantity < stock.Reserved+stock.Committed {
		return inventory.Event{}, false
	}
	key, body := h.key()
	return inventory.Event{Kind: inventory.StockAdjusted, At: h.at, By: h.customers[0], Reason: "count", Note: "nöte; --",
		Key: key, Body: body, Lines: []inventory.Line{{ProductID: product.ID, Quantity: quantity}}}, true
}

func (h *History) place() (inventory.Event, bool) {
	customer := h.customers[h.random.IntN(len(h.customers))]
	key, body := h.key()
	event := inventory.Event{Kind: inventory.OrderPlaced, At: h.at, By: customer, Customer: customer, Order: h.id(),
		ExpiresAt: h.at.Add(600 * inventory.Second), Currency: inventory.Currency{'E', 'U', 'R'}, Key: key, Body: body}
	partial, units := h.random.IntN(3) == 0, int64(0)
	for i := range h.Products {
		product := &h.Products[i]
		if h.random.IntN(len(h.Products)) >= 2 {
			continue
		}
		stock := h.model.stocks[product.ID]
		line := inventory.Line{ProductID: product.ID, Price: product.Price.Minor, SKU: product.SKU}
		if free := stock.OnHand - stock.Reserved - stock.Committed; free > 0 {
			line.Quantity = 1 + h.random.Int64N(min(free, 3))
		}
		if partial && (line.Quantity == 0 || h.random.IntN(2) == 0) {
			line.Dropped, line.DroppedFor = 1+h.random.Int32N(5), inventory.DropReason(1+h.random.IntN(8))
			line.Quantity *= h.random.Int64N(2)
		}
		if line.Quantity > 0 || line.Dropped > 0 {
			event.Lines = append(event.Lines, line)
			units += line.Quantity
		}
	}
	return event, units > 0
}

// key returns a new key most of the time, else none, else one that was used.
func (h *History) key() (key, body inventory.Fingerprint) {
	choice := h.random.IntN(10)
	switch {
	case choice == 0:
		return key, body
	case choice == 1 && len(h.keys) > 0:
		key = h.keys[h.random.IntN(len(h.keys))]
	default:
		key = h.fingerprint()
		h.keys = append(h.keys, key)
	}
	return key, h.fingerprint()
}

func (h *History) fingerprint() (f inventory.Fingerprint) {
	binary.LittleEndian.PutUint64(f[:8], h.random.Uint64())
	binary.LittleEndian.PutUint64(f[8:], h.random.Uint64())
	return f
}

func (h *History) id() inventory.ID {
	return inventory.NewID(h.at, uint16(h.random.Uint32()), uint16(h.random.Uint32()), h.random.Uint64())
}

// Model returns the naive fold of the first n records.
func (h *History) Model(n uint64) *Model {
	model := NewModel(h.Products)
	purges := h.purges
	for i := uint64(0); ; i++ {
		for ; len(purges) > 0 && purges[0].at == i; purges = purges[1:] {
			purges[0].from(model)
		}
		if i == n {
			return model
		}
		model.Apply(&h.Records[i])
	}
}

// newestFirst returns the orders of a model as lists have them.
func (m *Model) newestFirst() []inventory.Order {
	orders := make([]inventory.Order, 0, len(m.placed))
	for _, order := range m.placed {
		orders = append(orders, *order)
	}
	slices.SortFunc(orders, func(a, b inventory.Order) int { return compareIDs(b.ID, a.ID) })
	return orders
}
