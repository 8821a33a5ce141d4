package actors

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// longAgo is 2010-12-01T08:26:00Z.
const longAgo = 1_291_191_960 * inventory.Second

// past returns an order of long ago.
func (h *house) past(customer inventory.ID, name int, lines ...inventory.Line) (*inventory.Order, []inventory.Event) {
	order := &inventory.Order{ID: PastOrderID(longAgo, customer, inventory.Fingerprint{6: byte(name >> 8), 7: byte(name)}), Customer: customer,
		PlacedAt: longAgo, Currency: euro, Lines: lines}
	events, refusal := inventory.PastSale(order, "an invoice")
	require.Equal(h.t, inventory.Refusal{}, refusal)
	return order, events
}

// record puts events of the past on record, when the journal has room.
func (h *house) record(events []inventory.Event) (last uint64) {
	last, err := h.engine.Record(events)
	for errors.Is(err, persistence.ErrJournalBusy) {
		runtime.Gosched()
		last, err = h.engine.Record(events)
	}
	require.NoError(h.t, err)
	return last
}

// sold is a line with a price that no product has today.
func sold(product inventory.ID, units int64) inventory.Line {
	return inventory.Line{ProductID: product, Quantity: units, Price: 77, SKU: "OLD"}
}

// An order of the past is there as one of its time, and what is for sale is what it
// was: whatever the rules of today say, with orders of today before it, and also when
// the process is killed before SQL has any of it.
func TestThePastIsRecorded(t *testing.T) {
	h := newHouse(t)
	customer, today := h.customer(), h.customer()
	closed := h.product(3, func(p *persistence.CatalogueProduct) {
		p.Paused, p.SaleEndsAt, p.PurchaseLimit = true, startOfTime, 1
	})
	open := h.product(5)
	held := h.place(today, open, 2)
	h.awaitProjection()
	h.store.away.Store(true)
	order, events := h.past(customer, 1, sold(closed, 100), sold(open, 50))
	_, err := h.engine.Record(events)
	require.NoError(t, err)
	last, err := h.engine.Record([]inventory.Event{inventory.PastReturn(order, longAgo+1, []inventory.Line{{ProductID: open, Quantity: 50}}, false)})
	require.NoError(t, err)
	require.NoError(t, h.journal.WaitDurable(t.Context(), last))
	check := func() {
		require.Equal(t, [3]int64{3, 0, 0}, h.stock(closed))
		require.Equal(t, [3]int64{5, 2, 0}, h.stock(open))
		stock, _ := h.engine.Stock(open)
		require.Equal(t, uint64(2+5), stock.Version)
	}
	check()

	h.crash(crashfs.Kept, nil)
	check()
	require.NoError(t, h.engine.WaitProjected(t.Context(), h.journal.DurableSequence()))
	found, refusal := h.engine.Orders(t.Context(), persistence.OrderFilter{Limit: 10})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, found, 2)
	require.Equal(t, held.ID, found[0].ID, "the newest first")
	require.Equal(t, inventory.PartiallyReturned, found[1].State)
	require.Equal(t, []inventory.Instant{longAgo, longAgo + 1}, []inventory.Instant{found[1].PlacedAt, found[1].UpdatedAt})
	require.Equal(t, int64(150*77), found[1].Total().Minor)
	mine, refusal := h.engine.Order(t.Context(), order.ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, found[1], mine)
	require.Zero(t, h.engine.keys.length()-1, "only the held order has a key")

	_, refusal = h.change(inventory.OrderConfirmed, held.ID, today, today)
	require.Equal(t, inventory.Refusal{}, refusal, "the clock has not gone back")
	require.Equal(t, [3]int64{5, 0, 2}, h.stock(open))
	h.awaitProjection()
	for product, count := range map[inventory.ID]int{closed: 1 + 4, open: 2 + 5 + 1} {
		movements, err := h.store.Movements(t.Context(), persistence.MovementFilter{Product: product, Limit: 100})
		require.NoError(t, err)
		require.Len(t, movements, count)
		for i := range movements[1:] {
			require.Equal(t, movements[i].Before, movements[i+1].After)
		}
	}
}

// What the past buys counts towards a limit per customer, from the next start on.
func TestThePastCountsTowardsALimit(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(9, func(p *persistence.CatalogueProduct) { p.PurchaseLimit = 4 })
	_, events := h.past(customer, 1, sold(product, 3))
	_, err := h.engine.Record(events)
	require.NoError(t, err)
	h.restart()
	_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 2))
	require.Equal(t, inventory.CodeQuantityLimitCustomer, refusal.Code)
	require.EqualValues(t, 1, refusal.Remaining)
}

// groupJournal notes how many records were appended at a time.
type groupJournal struct {
	persistence.Journal
	groups []int
}

func (j *groupJournal) Append(entry persistence.Entry) (uint64, error) {
	j.groups = append(j.groups, 1)
	return j.Journal.Append(entry)
}

func (j *groupJournal) AppendTogether(entries []persistence.Entry) (uint64, error) {
	j.groups = append(j.groups, len(entries))
	return j.Journal.AppendTogether(entries)
}

// An order of the past has all of its records in one append, which no crash parts.
func TestThePastIsAppendedTogether(t *testing.T) {
	j := &groupJournal{}
	h := newHouse(t, func(o *Options) {
		j.Journal = o.Journal
		o.Journal = j
	})
	customer, product := h.customer(), h.product(3)
	j.groups = nil
	_, events := h.past(customer, 1, sold(product, 2))
	_, err := h.engine.Record(events)
	require.NoError(t, err)
	require.Equal(t, []int{4}, j.groups)
}

// A disk that loses what was not synced, at any moment, leaves orders of the past whole
// or not at all, and the stock as it was.
func TestACrashDoesNotPartThePast(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(3)
	for n := range 600 {
		if n%7 == 0 { // the database's disk does not crash: it may not be ahead
			h.awaitProjection()
			h.store.away.Store(true)
		}
		_, events := h.past(customer, n, sold(product, int64(n)+1))
		last, err := h.engine.Record(events)
		require.NoError(t, err)
		switch n % 7 {
		case 3:
			require.NoError(t, h.journal.WaitDurable(t.Context(), last))
		case 6:
			h.crash(crashfs.Mode(n)%crashfs.Modes, rand.New(rand.NewPCG(uint64(n), 1)))
			require.Equal(t, [3]int64{3, 0, 0}, h.stock(product))
			stock, _ := h.engine.Stock(product)
			require.Equal(t, uint64(1), stock.Version%4, "an order is there in part")
		}
	}
	h.store.away.Store(false)
	require.NoError(t, h.engine.waitAppended(t.Context()))
	h.awaitProjection()
	require.Nil(t, h.failed.Load())
	orders, err := h.store.Orders(t.Context(), persistence.OrderFilter{Limit: 1000})
	require.NoError(t, err)
	require.Greater(t, len(orders), 300, "four of seven were durable before the crash")
	stock, _ := h.engine.Stock(product)
	require.Len(t, orders, int(stock.Version/4))
	for i := range orders {
		require.Equal(t, inventory.Fulfilled, orders[i].State)
	}
	reader, err := h.journal.ReadFrom(persistence.Position{})
	require.NoError(t, err)
	defer reader.Close()
	for {
		batch, ok, err := reader.TryNext()
		require.NoError(t, err)
		if !ok {
			return
		}
		require.Equal(t, uint64(1), batch.End.Sequence%4, "a batch ends in an order")
	}
}

// What would change the stock, or is not legal, is not recorded.
func TestWhatIsNoPastIsRefused(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(inventory.StockQuantityMax-10)
	_, good := h.past(customer, 1, sold(product, 10))
	_, beyond := h.past(customer, 1, sold(product, 11))
	_, unknown := h.past(customer, 1, sold(inventory.ID{1}, 1))
	twice := good[0]
	twice.Lines = append(twice.Lines, twice.Lines...)
	before := h.journal.DurableSequence()
	for name, events := range map[string][]inventory.Event{
		"nothing":                 nil,
		"units that stay":         good[:1],
		"a hold that stays":       good[:2],
		"units that are not sold": good[1:],
		"shipped before received": {good[1], good[2], good[3], good[0]},
		"received twice":          {twice},
		"too many units":          beyond,
		"an unknown product":      unknown,
	} {
		_, err := h.engine.Record(events)
		require.Error(t, err, name)
		if name == "too many units" {
			require.ErrorIs(t, err, inventory.ErrBound)
		}
	}
	require.NoError(t, h.journal.WaitDurable(t.Context(), before))
	require.Equal(t, before, h.journal.DurableSequence())
	require.Equal(t, [3]int64{inventory.StockQuantityMax - 10, 0, 0}, h.stock(product))
	_, err := h.engine.Record(good)
	require.NoError(t, err)
}

// IDs of the past sort by their time and lead to the customer's order actor.
func TestPastOrderIDs(t *testing.T) {
	customer := inventory.ID{14: 0xab, 15: 0xcd}
	early, late := PastOrderID(longAgo, customer, inventory.Fingerprint{255}), PastOrderID(longAgo+inventory.Millisecond, customer, inventory.Fingerprint{1})
	require.Less(t, early.String(), late.String())
	require.Equal(t, shardOf(customer), early.Shard())
	require.Equal(t, early, PastOrderID(longAgo, customer, inventory.Fingerprint{255}))
	seen := map[inventory.ID]bool{}
	for n := range 256 {
		seen[PastOrderID(longAgo, customer, inventory.Fingerprint{7: byte(n)})] = true
		seen[PastOrderID(longAgo, customer, inventory.Fingerprint{8: byte(n % 16), 9: byte(n)})] = true
	}
	require.Len(t, seen, 511)
}
