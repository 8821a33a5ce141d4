package actors

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
	"holdfast/persistence/local"
	"holdfast/persistence/persistencetest"
)

// countingBus counts what is published of each product, and can be held.
type countingBus struct {
	*local.Bus
	mutex sync.Mutex
	told  map[inventory.ID]int
	// gate, while it is locked, lets nobody publish.
	gate sync.Mutex
}

func (b *countingBus) Publish(states ...persistence.StockState) {
	b.gate.Lock()
	defer b.gate.Unlock()
	b.mutex.Lock()
	for i := range states {
		b.told[states[i].Product]++
	}
	b.mutex.Unlock()
	b.Bus.Publish(states...)
}

func (b *countingBus) count(product inventory.ID) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.told[product]
}

// newToldHouse tells a bus, and a view of it.
func newToldHouse(t *testing.T, disk *crashfs.FS, configure ...func(*Options)) (*house, *countingBus, *persistencetest.BusView) {
	bus := &countingBus{Bus: local.NewBus(), told: map[inventory.ID]int{}}
	t.Cleanup(func() { require.NoError(t, bus.Close()) })
	view := persistencetest.WatchBus(t, bus)
	h := newHouseOn(t, disk, append(configure, func(o *Options) { o.Bus = bus })...)
	return h, bus, view
}

// boards is what the board shows of products, as the bus tells it, but for the moments of
// the state and of its rules.
func (h *house) boards(products ...inventory.ID) map[inventory.ID]persistence.StockState {
	states := map[inventory.ID]persistence.StockState{}
	for _, product := range products {
		rules, stock, known := h.engine.Sale(product)
		require.True(h.t, known)
		states[product] = persistence.StockState{Product: product, Rules: rules, Epoch: h.engine.Epoch(), Version: stock.Version,
			Available: stock.Available(), Reserved: stock.Reserved, Sold: stock.Sold}
	}
	return states
}

// awaitTold moves the clock until the view has what the board shows.
func (h *house) awaitTold(view *persistencetest.BusView, products ...inventory.ID) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		h.clock.Advance(broadcastInterval)
		for product, shown := range h.boards(products...) {
			told, _ := view.State(product)
			told.At, told.Revision = 0, 0
			if !persistencetest.SameState(told, shown) {
				return false
			}
		}
		return true
	}, waitMax, waitStep)
}

// Other processes are told of every change in the end, and of all products at a start.
func TestChangesAreTold(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode func(*Options)) {
		h, bus, view := newToldHouse(t, crashfs.New(), mode)
		customer, first, second := h.customer(), h.product(10), h.product(2)
		h.awaitTold(view, first, second)
		held := h.place(customer, first, 3)
		h.place(customer, second, 2)
		h.awaitTold(view, first, second)
		_, refusal := h.change(inventory.OrderConfirmed, held.ID, customer, customer)
		require.Equal(t, inventory.Refusal{}, refusal)
		_, refusal = h.engine.AdjustStock(&AdjustStock{Product: second, Caller: customer, Delta: 5, Reason: "found", Key: h.key()})
		require.Equal(t, inventory.Refusal{}, refusal)
		h.awaitTold(view, first, second)
		h.clock.Advance(holdTime)
		h.awaitStock(second, [3]int64{7, 0, 0})
		h.awaitTold(view, first, second)

		h.close()
		h.open(func(o *Options) { o.Bus = bus })
		h.awaitTold(view, first, second)
	})
}

// A change of rules alone is told: with no more than the rules, which have no stock version,
// and with the units that are never sold, of which the stock shows less.
func TestRulesAreTold(t *testing.T) {
	h, bus, view := newToldHouse(t, crashfs.New())
	customer, product := h.customer(), h.product(10)
	h.awaitTold(view, product)
	first, _ := view.State(product)
	rules := *first.Rules
	for name, change := range map[string]func(){
		"price":   func() { rules.Price.Minor++ },
		"window":  func() { rules.SaleStartsAt, rules.SaleEndsAt = 5*inventory.Second, 10*inventory.Second },
		"pause":   func() { rules.Paused = true },
		"safety":  func() { rules.Safety = 4 },
		"deleted": func() { rules.Deleted = true },
	} {
		before, _ := view.State(product)
		change()
		require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(rules), name)
		h.awaitTold(view, product)
		after, _ := view.State(product)
		require.True(t, after.After(&before), name)
		require.Equal(t, before.Version, after.Version, name)
		require.Equal(t, rules, *after.Rules, name)
	}
	last, _ := view.State(product)
	require.EqualValues(t, 6, last.Available)
	told := bus.count(product)
	rules = *first.Rules
	require.Equal(t, inventory.Refusal{}, h.engine.SetProduct(rules))
	h.awaitTold(view, product)
	h.place(customer, product, 1)
	h.awaitTold(view, product)
	require.LessOrEqual(t, bus.count(product), told+2)
	sold, _ := view.State(product)
	require.Greater(t, sold.Revision, last.Revision)
	require.Equal(t, last.Version+1, sold.Version)
}

// However often a product changes, it is told of once in an interval, and then as it is.
func TestTellingIsConflated(t *testing.T) {
	h, bus, view := newToldHouse(t, crashfs.New())
	customer, product := h.customer(), h.product(1_000)
	h.awaitTold(view, product)
	h.clock.Advance(broadcastInterval)
	before := bus.count(product)
	for range 200 {
		h.place(customer, product, 1)
	}
	require.LessOrEqual(t, bus.count(product), before+1, "the clock stands still")
	h.awaitTold(view, product)
	require.LessOrEqual(t, bus.count(product), before+3)
}

// A bus that does not take anything delays no order.
func TestABusThatHangsDelaysNobody(t *testing.T) {
	h, bus, view := newToldHouse(t, crashfs.New())
	customer, product := h.customer(), h.product(1_000)
	h.awaitTold(view, product)
	bus.gate.Lock()
	for range 100 {
		h.place(customer, product, 1)
		h.clock.Advance(broadcastInterval)
	}
	h.engine.broadcast.mutex.Lock()
	waiting := len(h.engine.broadcast.marked)
	h.engine.broadcast.mutex.Unlock()
	bus.gate.Unlock()
	require.LessOrEqual(t, waiting, 1, "more waits than there are products")
	h.awaitTold(view, product)
}

// While the sync runs, nothing is told of the order.
func TestNothingIsBroadcastBeforeItIsDurable(t *testing.T) {
	disk := newGatedDisk()
	h, bus, view := newToldHouse(t, disk.FS)
	customer, product, other := h.customer(), h.product(10), h.product(10)
	h.awaitTold(view, product, other)
	before := h.boards(product)[product]
	release := disk.hold()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		h.place(customer, product, 3)
	}()
	<-disk.waiting
	// Whatever would mark it now, it is told as it is durable.
	h.engine.broadcast.mark(h.engine.shelf.get(product))
	told := bus.count(product)
	require.Eventually(t, func() bool {
		h.clock.Advance(broadcastInterval)
		return bus.count(product) > told
	}, waitMax, waitStep)
	shown, known := view.State(product)
	require.True(t, known)
	require.Equal(t, before.Version, shown.Version)
	require.Equal(t, before.Available, shown.Available)
	release()
	<-answered
	h.awaitTold(view, product, other)
}

// A change that comes while its product is told of marks it again.
func TestNoChangeIsLostWhileItIsTold(t *testing.T) {
	meddling := &meddlingClock{Manual: clock.NewManual(startOfTime)}
	bus, product := &lastBus{}, &productActor{}
	broadcast := newBroadcast(&Engine{clock: meddling, journal: newHouse(t).journal}, bus)
	product.rules.Store(&inventory.Product{})
	change := func() {
		product.board.stock.Version++
		broadcast.mark(product)
	}
	change()
	meddling.meddle = change // between the reading of the board and the publishing
	broadcast.tell()
	require.EqualValues(t, 1, bus.version)
	broadcast.tell()
	require.EqualValues(t, 2, bus.version)
}

// meddlingClock does something, once, when it is asked for the time.
type meddlingClock struct {
	*clock.Manual
	meddle func()
}

func (c *meddlingClock) Now() inventory.Instant {
	if meddle := c.meddle; meddle != nil {
		c.meddle = nil
		meddle()
	}
	return c.Manual.Now()
}

// lastBus remembers the version that was published last.
type lastBus struct {
	persistence.Bus
	version uint64
}

func (b *lastBus) Publish(states ...persistence.StockState) { b.version = states[0].Version }

// What an order pays is a look at a mark that is set already.
func BenchmarkMark(b *testing.B) {
	broadcast := newBroadcast(&Engine{}, local.NewBus())
	product := &productActor{}
	b.ReportAllocs()
	for b.Loop() {
		broadcast.mark(product)
	}
}

// What telling of 10,000 products costs that all have changed.
func BenchmarkTell(b *testing.B) {
	h := newHouse(b)
	bus := local.NewBus()
	b.Cleanup(func() { require.NoError(b, bus.Close()) })
	broadcast := newBroadcast(h.engine, bus)
	products := make([]*productActor, 10_000)
	for i := range products {
		rules := inventory.Product{ID: persistencetest.BusProduct(i)}
		products[i] = &productActor{engine: h.engine}
		products[i].rules.Store(&rules)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, product := range products {
			product.board.stock.Version++
			broadcast.mark(product)
		}
		broadcast.tell()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(len(products)), "ns/product")
	require.EqualValues(b, b.N*len(products), bus.Statistics().Published)
}
