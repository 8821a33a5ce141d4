package actors

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// setRules changes the rules of a product that are in force.
func (h *house) setRules(product inventory.ID, change func(*inventory.Product)) inventory.Refusal {
	rules := *h.engine.shelf.get(product).rules.Load()
	change(&rules)
	return h.engine.SetProduct(rules)
}

// mayBuy requires that a customer may have that many more units of a product, and no more.
func (h *house) mayBuy(customer, product inventory.ID, units int64) {
	h.t.Helper()
	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, units+1))
	require.Equal(h.t, inventory.CodeQuantityLimitCustomer, refusal.Code)
	require.Equal(h.t, units, refusal.Remaining)
	if units > 0 {
		order := h.place(customer, product, units)
		_, refusal = h.change(inventory.OrderCancelled, order.ID, customer, customer)
		require.Equal(h.t, inventory.Refusal{}, refusal)
	}
}

// A limit that is introduced, lifted, or given another start counts what was bought before,
// in SQL or only in the journal.
func TestALimitCountsWhatWasBoughtBefore(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode func(*Options)) {
		h := newHouse(t, mode)
		first, second, product := h.customer(), h.customer(), h.product(100)
		h.place(first, product, 3)
		cancelled := h.place(first, product, 9)
		_, refusal := h.change(inventory.OrderCancelled, cancelled.ID, first, first)
		require.Equal(t, inventory.Refusal{}, refusal)
		h.awaitProjection()
		h.clock.Advance(time.Minute)
		later := h.clock.Now()
		h.place(first, product, 1)
		h.place(second, product, 2)

		set := func(limit int64, startsAt inventory.Instant) {
			t.Helper()
			require.Equal(t, inventory.Refusal{}, h.setRules(product, func(p *inventory.Product) { p.PurchaseLimit, p.SaleStartsAt = limit, startsAt }))
		}
		set(5, 0)
		h.mayBuy(first, product, 1)
		h.mayBuy(second, product, 3)
		set(5, later)
		h.mayBuy(first, product, 4)
		h.mayBuy(second, product, 3)
		set(0, later)
		h.place(second, product, 10)
		require.Empty(t, h.engine.shelf.get(product).ledger.purchases, "without a limit nothing is counted")
		set(12, 0)
		h.mayBuy(first, product, 8)
		h.mayBuy(second, product, 0)
		set(13, 0)
		h.mayBuy(second, product, 1)
	})
}

// While orders are placed and given back, limits come and go: whenever one is there, it
// counts what the journal says.
func TestALimitIsCountedWhileOrdersGoOn(t *testing.T) {
	h := newHouse(t)
	products := []inventory.ID{h.product(5000), h.product(5000)}
	var storming atomic.Bool
	storming.Store(true)
	var group sync.WaitGroup
	group.Go(func() {
		for seed := uint64(0); storming.Load(); seed++ {
			h.storm(seed, products, 8, 50)
		}
	})
	for round := range 12 {
		limit := int64(1_000_000)
		if round%3 == 2 {
			limit = 0
		}
		start := inventory.Instant(0)
		if round%2 == 1 {
			start = h.clock.Now()
		}
		h.clock.Advance(time.Millisecond)
		for _, product := range products {
			refusal := h.setRules(product, func(p *inventory.Product) { p.PurchaseLimit, p.SaleStartsAt = limit, start })
			require.Equal(t, inventory.Refusal{}, refusal)
		}
	}
	storming.Store(false)
	group.Wait()
	h.awaitIdle()
	h.awaitProjection()
	h.requireActorsEqualBoard(products)
	for _, product := range products {
		p := h.engine.shelf.get(product)
		rules := p.rules.Load()
		want := purchases{}
		_, err := h.store.PurchasesOf(t.Context(), product, rules.SaleStartsAt, func(customer inventory.ID, units int64) error {
			want[customer] = units
			return nil
		})
		require.NoError(t, err)
		if rules.PurchaseLimit == 0 {
			want = purchases{}
		}
		require.Equal(t, len(want), len(p.ledger.purchases))
		for customer, units := range want {
			require.Equal(t, units, p.ledger.purchases[customer])
			require.Equal(t, units, p.purchases[customer], "the actor's, when nothing is undecided")
		}
	}
	f := newFold(t)
	f.read(h.journal)
	f.compare(h)
	f.compareSQL(h)
}

// While the database is away, nobody can say what was bought: the old rules stay.
func TestALimitIsNotGuessed(t *testing.T) {
	h := newHouse(t)
	h.engine.recountTimeout = 50 * time.Millisecond
	customer, product := h.customer(), h.product(100)
	h.awaitProjection()
	h.store.away.Store(true)
	h.place(customer, product, 3)
	before := *h.engine.shelf.get(product).rules.Load()
	refusal := h.setRules(product, func(p *inventory.Product) { p.PurchaseLimit = 4 })
	require.Equal(t, inventory.CodeStoreUnavailable, refusal.Code)
	require.Equal(t, before, *h.engine.shelf.get(product).rules.Load())
	h.place(customer, product, 3)
	h.store.away.Store(false)
	h.engine.recountTimeout = recountMax
	require.Eventually(t, func() bool {
		return !h.setRules(product, func(p *inventory.Product) { p.PurchaseLimit = 7 }).Refused()
	}, waitMax, waitStep)
	h.mayBuy(customer, product, 1)
}

// A count that was given up is not put in force when its turn comes.
func TestACountThatWasGivenUpIsNotInForce(t *testing.T) {
	h := newHouse(t)
	product := h.product(10)
	p := h.engine.shelf.get(product)
	rules := *p.rules.Load()
	rules.PurchaseLimit = 1
	for _, given := range []*recount{{product: p, rules: &rules}, {product: p, rules: &rules, full: true}} {
		if given.full {
			h.journal.Hold(func(uint64) { h.engine.recount = given })
		}
		require.Equal(t, inventory.CodeOverloaded, h.engine.setRules(p, &rules, given).Code)
		require.Zero(t, p.rules.Load().PurchaseLimit)
	}
}
