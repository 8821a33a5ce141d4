package actors

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// promptClock is a clock whose timers run at once when they are due already, as
// those of the machine do.
type promptClock struct{ *clock.Manual }

func (c promptClock) AfterFunc(duration time.Duration, run func()) clock.Timer {
	timer := c.Manual.AfterFunc(duration, run)
	if duration <= 0 {
		go run()
	}
	return timer
}

// kill ends the engine as kill -9 does: what is not in SQL stays out of it.
func (h *house) kill() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.engine.Stop(ctx)
	_ = h.journal.Close()
	require.NoError(h.t, h.store.Close())
}

// Holds that ended while the program did not run, with their confirm still in the
// tail of the journal: no timer may end them before the tail is replayed. A hold
// that was not confirmed has ended when the start is done.
func TestAStartWithOverdueHolds(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(1000, func(p *persistence.CatalogueProduct) { p.HoldSeconds = 1 })
	var paid, unpaid []inventory.Order
	for range 100 {
		paid, unpaid = append(paid, h.place(customer, product, 1)), append(unpaid, h.place(customer, product, 1))
	}
	h.awaitProjection()
	h.store.away.Store(true)
	for _, order := range paid {
		_, refusal := h.change(inventory.OrderConfirmed, order.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
	}
	h.kill()
	h.clock = clock.NewManual(h.clock.Now().Add(2 * inventory.Second))
	h.open(func(o *Options) { o.Clock = promptClock{h.clock} })
	require.Equal(t, [3]int64{1000, 0, 100}, h.stock(product), "due holds have ended when the start is done")
	for i := range paid {
		order, refusal := h.engine.Order(t.Context(), paid[i].ID, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.Equal(t, inventory.Confirmed, order.State)
		order, refusal = h.engine.Order(t.Context(), unpaid[i].ID, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		require.Equal(t, inventory.Expired, order.State)
	}
	f := newFold(t)
	f.read(h.journal)
	f.compare(h)
	f.compareSQL(h)
}

// The wall clock of a start may be behind what the journal has seen: time never goes
// back, and no hold ends early or lives twice.
func TestAStartNeverGoesBackInTime(t *testing.T) {
	h := newHouse(t)
	customer, product := h.customer(), h.product(10)
	h.clock.Advance(24 * time.Hour)
	order := h.place(customer, product, 1)
	h.close()
	h.clock = clock.NewManual(startOfTime)
	h.open()
	require.GreaterOrEqual(t, h.clock.Now(), order.PlacedAt)
	require.Equal(t, [3]int64{10, 1, 0}, h.stock(product))
	h.clock.Advance(holdTime)
	h.awaitStock(product, [3]int64{10, 0, 0})
}

// While the machine's clock disagrees with ours by more than a minute, either way, no
// hold ends; when it agrees again, all that are due do, once.
func TestNoHoldEndsWhileTheClockHasJumped(t *testing.T) {
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		h := newHouse(t, quietly)
		customer, product := h.customer(), h.product(100)
		for range 50 {
			h.place(customer, product, 1)
		}
		h.clock.SetDrift(jump)
		h.clock.Advance(holdTime)
		h.awaitIdle()
		require.Equal(t, [3]int64{100, 50, 0}, h.stock(product))
		require.True(t, h.engine.Statistics().ClockJumped)
		h.clock.SetDrift(59 * time.Second)
		h.clock.Advance(time.Second)
		h.awaitStock(product, [3]int64{100, 0, 0})
		require.False(t, h.engine.Statistics().ClockJumped)
		require.EqualValues(t, 1+50+50, h.journal.DurableSequence(), "each hold ended once")
	}
}

// The opening receipt comes first, whatever has cut the creation off.
func TestTheOpeningReceiptComesBeforeAdjustments(t *testing.T) {
	h := newHouse(t)
	admin := h.customer()
	product := persistence.CatalogueProduct{OpeningStock: 100, Version: 1, CreatedAt: h.clock.Now(),
		Product: inventory.Product{ID: inventory.ID{7, 7}, SKU: "OPEN", Name: "Product", HoldSeconds: 600, Price: inventory.Money{Minor: 1, Currency: euro}}}
	require.NoError(t, h.store.CreateProducts(t.Context(), product))
	_, err := h.engine.shelve(&product.Product, product.OpeningStock, inventory.Stock{}) // cut off here
	require.NoError(t, err)
	_, refusal := h.engine.AdjustStock(&AdjustStock{Product: product.ID, Caller: admin, Delta: 5, Key: h.key(), Reason: "found"})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, [3]int64{105, 0, 0}, h.stock(product.ID))
	require.Equal(t, inventory.Refusal{}, h.engine.AddProduct(product), "a repeat of the creation")
	h.restart()
	require.Equal(t, [3]int64{105, 0, 0}, h.stock(product.ID))
}

// A start does not know the keys of opening receipts that are projected; nobody gets the
// opening stock a second time all the same.
func TestAStartKnowsThatAnOpeningReceiptWasIssued(t *testing.T) {
	h := newHouse(t)
	id := h.product(100)
	h.awaitProjection()
	product, err := h.store.AnyProductByID(t.Context(), id)
	require.NoError(t, err)
	require.EqualValues(t, 100, product.OpeningStock)
	h.restart()
	require.Equal(t, inventory.Refusal{}, h.engine.AddProduct(product), "a repeat of the creation")
	_, refusal := h.engine.AdjustStock(&AdjustStock{Product: id, Caller: h.customer(), Delta: 5, Key: h.key(), Reason: "found"})
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, [3]int64{105, 0, 0}, h.stock(id))
	stock, _ := h.engine.Stock(id)
	require.EqualValues(t, 2, stock.Version)
}

// A catalogue that was imported has its stock when a start is done, also when fewer
// requests may be in flight than a start would like to send.
func TestAStartReceivesTheStockOfAWholeCatalogue(t *testing.T) {
	h := newHouse(t)
	products := make([]persistence.CatalogueProduct, 1_000)
	for i := range products {
		products[i] = persistence.CatalogueProduct{OpeningStock: int64(i), Version: 1, CreatedAt: h.clock.Now(),
			Product: inventory.Product{ID: inventory.ID{9, 14: byte(i >> 8), 15: byte(i)}, SKU: fmt.Sprintf("IMPORTED-%d", i), Name: "Product", HoldSeconds: 600,
				Price: inventory.Money{Minor: 1, Currency: euro}}}
	}
	require.NoError(t, h.store.CreateProducts(t.Context(), products...))
	for range 2 {
		h.close()
		h.open(func(o *Options) { o.InFlightMax = 4 })
		for i := range products {
			require.EqualValues(t, i, h.stock(products[i].ID)[0])
		}
		require.EqualValues(t, len(products)-1, h.journal.DurableSequence(), "one receipt for each product that has stock")
	}
}

// Raises that are decided at the same time do not pass the bound together.
func TestRaisesTogetherKeepTheBound(t *testing.T) {
	h := newHouse(t)
	admin, product := h.customer(), h.product(1)
	const half = inventory.StockQuantityMax / 2
	accepted := 0
	results := make(chan inventory.Refusal)
	for range 8 {
		go func() {
			_, refusal := h.engine.AdjustStock(&AdjustStock{Product: product, Caller: admin, Delta: half, Key: h.key(), Reason: "r"})
			results <- refusal
		}()
	}
	for range 8 {
		if refusal := <-results; !refusal.Refused() {
			accepted++
		} else {
			require.Equal(t, inventory.CodeValidationFailed, refusal.Code)
		}
	}
	require.Equal(t, 1, accepted)
	require.Equal(t, [3]int64{half + 1, 0, 0}, h.stock(product))
}

// What a record cannot carry is refused before it is appended, whoever asks.
func TestNoRecordIsWrittenThatCannotBeRead(t *testing.T) {
	h := newHouse(t)
	admin, product := h.customer(), h.product(1)
	before := h.journal.DurableSequence()
	long := string(make([]byte, inventory.NoteBytesMax+1))
	_, refusal := h.engine.AdjustStock(&AdjustStock{Product: product, Caller: admin, Delta: 1, Key: h.key(), Note: long})
	require.Equal(t, inventory.CodeValidationFailed, refusal.Code)
	require.Equal(t, before, h.journal.DurableSequence())
	h.restart()
	require.Equal(t, [3]int64{1, 0, 0}, h.stock(product))
}

// On a full disk a start does not wait for the holds that are due: it sells nothing,
// and ends them when there is space.
func TestAStartOnAFullDiskLeavesDueHolds(t *testing.T) {
	disk := crashfs.New()
	h := newHouseOn(t, disk, quietly)
	customer, product := h.customer(), h.product(10)
	h.place(customer, product, 4)
	disk.SetCapacity(0)
	for code := inventory.Code(""); code != inventory.CodeStorageFull; {
		_, refusal := h.engine.AdjustStock(&AdjustStock{Product: product, Caller: customer, Delta: 1, Reason: "fill", Key: h.key()})
		code = refusal.Code
	}
	h.awaitProjection()
	h.kill()
	h.clock = clock.NewManual(h.clock.Now().Add(inventory.Instant(holdTime)))
	h.open(quietly)
	require.EqualValues(t, 4, h.stock(product)[1])
	disk.SetCapacity(-1)
	require.Eventually(t, func() bool {
		h.clock.Advance(time.Second)
		return h.stock(product)[1] == 0
	}, waitMax, 10*time.Millisecond)
}
