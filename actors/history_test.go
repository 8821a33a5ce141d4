package actors

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// storm runs a random mix of everything at once.
func (h *house) storm(seed uint64, products []inventory.ID, workers, each int) {
	var group sync.WaitGroup
	for worker := range workers {
		customer := h.customer()
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			var mine []inventory.Order
			for range each {
				product := products[random.IntN(len(products))]
				switch random.IntN(8) {
				case 0:
					if len(mine) > 0 {
						h.change(inventory.OrderConfirmed, mine[random.IntN(len(mine))].ID, customer, inventory.ID{})
					}
				case 1, 2:
					if len(mine) > 0 {
						h.change(inventory.OrderCancelled, mine[random.IntN(len(mine))].ID, customer, inventory.ID{})
					}
				case 3:
					h.engine.AdjustStock(&AdjustStock{Product: product, Caller: customer, Delta: random.Int64N(9) - 4,
						Key: h.key(), Reason: "storm"})
				default:
					reply, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1+random.Int64N(3)))
					if !refusal.Refused() {
						mine = append(mine, reply.Order)
					}
				}
			}
		})
	}
	group.Wait()
}

// fold is a naive twin of the engine's state: it applies records one by one and
// checks every prefix.
type fold struct {
	t      testing.TB
	stocks map[inventory.ID]*inventory.Stock
	orders map[inventory.ID]*inventory.Order
	keys   map[inventory.Fingerprint]inventory.ID
	last   uint64
}

func newFold(t testing.TB) *fold {
	return &fold{t: t, stocks: map[inventory.ID]*inventory.Stock{}, orders: map[inventory.ID]*inventory.Order{},
		keys: map[inventory.Fingerprint]inventory.ID{}}
}

func (f *fold) apply(sequence uint64, event *inventory.Event) {
	require.Equal(f.t, f.last+1, sequence)
	f.last = sequence
	for _, line := range event.Moves() {
		stock := f.stocks[line.ProductID]
		if stock == nil {
			stock = &inventory.Stock{}
			f.stocks[line.ProductID] = stock
		}
		require.NoError(f.t, stock.Evolve(event, line), "prefix %d", sequence)
		require.GreaterOrEqual(f.t, stock.Available(), int64(0), "prefix %d", sequence)
	}
	if event.Kind == inventory.StockAdjusted {
		return
	}
	order := f.orders[event.Order]
	if event.Kind == inventory.OrderPlaced {
		require.Nil(f.t, order, "prefix %d: an order was placed twice", sequence)
		require.NotContains(f.t, f.keys, event.Key, "prefix %d: a key made two orders", sequence)
		f.keys[event.Key] = event.Order
		order = &inventory.Order{}
		f.orders[event.Order] = order
	}
	require.NotNil(f.t, order)
	require.NoError(f.t, order.Evolve(event, sequence), "prefix %d", sequence)
}

// read folds the whole journal.
func (f *fold) read(journal persistence.Journal) {
	f.each(journal, func(uint64, *inventory.Event) {})
}

// each folds the whole journal and calls visit after every record.
func (f *fold) each(journal persistence.Journal, visit func(sequence uint64, event *inventory.Event)) {
	reader, err := journal.ReadFrom(persistence.Position{})
	require.NoError(f.t, err)
	defer reader.Close()
	for {
		batch, ok, err := reader.TryNext()
		require.NoError(f.t, err)
		if !ok {
			return
		}
		for i, data := range batch.Records {
			event, err := persistence.DecodeEvent(data)
			require.NoError(f.t, err)
			f.apply(batch.First+uint64(i), &event)
			visit(batch.First+uint64(i), &event)
		}
	}
}

// compare requires that board and orders of the engine are those of the fold.
func (f *fold) compare(h *house) {
	f.t.Helper()
	for id, want := range f.stocks {
		got, ok := h.engine.Stock(id)
		require.True(f.t, ok)
		got.Safety = 0 // a rule, not a fact of the journal
		require.Equal(f.t, *want, got)
	}
	for id, want := range f.orders {
		got, refusal := h.engine.Order(context.Background(), id, inventory.ID{})
		require.Equal(f.t, inventory.Refusal{}, refusal)
		require.Equal(f.t, want.State, got.State)
		require.Equal(f.t, want.Sequence, got.Sequence)
		require.Equal(f.t, want.ExpiresAt, got.ExpiresAt)
	}
}

// compareSQL requires that SQL is the fold, once it has caught up.
func (f *fold) compareSQL(h *house) {
	f.t.Helper()
	h.awaitProjection()
	require.NoError(f.t, h.store.EachProduct(context.Background(), func(p persistence.CatalogueProduct, stock inventory.Stock) error {
		if want := f.stocks[p.ID]; want != nil {
			require.Equal(f.t, *want, stock)
		}
		return nil
	}))
	for id, want := range f.orders {
		got, err := h.store.OrderByID(context.Background(), id)
		require.NoError(f.t, err)
		require.Equal(f.t, want.State, got.State)
		require.Equal(f.t, want.Sequence, got.Sequence)
	}
}

// Whatever runs at once, every prefix of the journal is a legal history, and
// memory, board and SQL are its fold, before and after a restart.
func TestEveryPrefixIsLegal(t *testing.T) { inEachMode(t, requirePrefixesAreLegal) }

func requirePrefixesAreLegal(t *testing.T, mode func(*Options)) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := newHouse(t, mode)
	products := []inventory.ID{h.product(40), h.product(15), h.product(3)}
	h.storm(seed, products, 16, 150)
	h.clock.Advance(holdTime / 2)
	h.storm(seed+1, products, 16, 50)
	h.clock.Advance(holdTime)
	h.awaitIdle()

	f := newFold(t)
	f.read(h.journal)
	f.compare(h)
	f.compareSQL(h)
	h.requireMemorySound()
	h.restart()
	f.compare(h)
	for _, product := range products {
		require.Zero(t, h.stock(product)[1], "all holds have ended")
		p := h.engine.shelf.get(product)
		board := p.board.read()
		require.Equal(t, board.Available(), p.stock.Available(), "the product actor has what is durable")
	}
}
