package actors

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// want is one line of a basket.
type want struct {
	product  inventory.ID
	quantity int64
}

func (h *house) basket(customer inventory.ID, wants ...want) *PlaceOrder {
	request := &PlaceOrder{Customer: customer, Key: h.key()}
	for _, w := range wants {
		request.Lines = append(request.Lines, inventory.Line{ProductID: w.product, Quantity: w.quantity})
	}
	return request
}

// ascending creates products, of which an order asks the first one first.
func (h *house) ascending(units ...int64) []inventory.ID {
	var products []inventory.ID
	for _, n := range units {
		product := h.product(n)
		for len(products) > 0 && bytes.Compare(products[len(products)-1][:], product[:]) > 0 {
			product = h.product(n)
		}
		products = append(products, product)
	}
	return products
}

// twoProducts creates two products, of which an order asks the first one first.
func (h *house) twoProducts(first, second int64) (inventory.ID, inventory.ID) {
	products := h.ascending(first, second)
	return products[0], products[1]
}

// gated is an actor whose messages wait until the gate is open.
type gated struct {
	behaviour
	entered chan struct{}
	gate    chan struct{}
}

func (g *gated) handle(op *operation) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	<-g.gate
	g.behaviour.handle(op)
}

// shut makes a product wait before its next message. entered gets a value when a
// message has arrived; open lets all go on. Meanwhile nothing is projected: an order
// actor that is told of it while it sends to the product would have its next turn after
// the product's, on the goroutine that waits.
func (h *house) shut(product inventory.ID) (entered <-chan struct{}, open func()) {
	h.awaitProjection()
	h.store.projecting.Lock()
	p := h.engine.shelf.get(product)
	g := &gated{behaviour: p.behaviour, entered: make(chan struct{}, 1), gate: make(chan struct{})}
	p.become(g)
	return g.entered, func() {
		close(g.gate)
		h.store.projecting.Unlock()
	}
}

// takeOffSale pauses a product behind the back of its actor.
func (h *house) takeOffSale(product inventory.ID) {
	p := h.engine.shelf.get(product)
	rules := *p.rules.Load()
	rules.Paused = true
	p.rules.Store(&rules)
}

func TestABasketIsAllOrNothing(t *testing.T) {
	h := newHouse(t)
	customer, products := h.customer(), h.ascending(10, 1, 0)
	plenty, scarce, gone := products[0], products[1], products[2]
	reply, refusal := h.engine.PlaceOrder(h.basket(customer, want{scarce, 1}, want{plenty, 3}))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Len(t, reply.Order.Lines, 2)
	require.Equal(t, inventory.Money{Minor: 4000, Currency: euro}, reply.Order.Total())
	for _, line := range reply.Order.Lines {
		require.EqualValues(t, 2, line.StockVersion)
	}

	before := h.journal.DurableSequence()
	_, refusal = h.engine.PlaceOrder(h.basket(customer, want{plenty, 7}, want{scarce, 1}, want{gone, 2}))
	require.Equal(t, inventory.CodeAllHeld, refusal.Code)
	require.Equal(t, reply.Order.ExpiresAt, refusal.At, "when units may come free")
	require.ElementsMatch(t, []inventory.Shortage{{ProductID: scarce, Requested: 1}, {ProductID: gone, Requested: 2}}, refusal.Short)
	require.Equal(t, before, h.journal.DurableSequence())
	require.Equal(t, [3]int64{10, 3, 0}, h.stock(plenty))
	_, refusal = h.engine.PlaceOrder(h.basket(customer, want{plenty, 7}))
	require.Equal(t, inventory.Refusal{}, refusal, "the units that were tried are there again")
}

// An order that waits at another product holds the last unit. Who wants that unit
// meanwhile is neither refused nor served, until it is decided.
func TestUndecidedUnitsAreNeitherSoldNorGone(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		h := newHouse(t)
		first, second := h.twoProducts(1, 1)
		one, two := h.customer(), h.customer()
		entered, open := h.shut(second)
		results := make(chan inventory.Refusal, 2)
		go func() {
			_, refusal := h.engine.PlaceOrder(h.basket(one, want{first, 1}, want{second, 1}))
			results <- refusal
		}()
		<-entered
		waiting := make(chan inventory.Refusal, 1)
		go func() {
			_, refusal := h.engine.PlaceOrder(h.basket(two, want{first, 1}))
			waiting <- refusal
		}()
		require.Eventually(t, func() bool { return h.engine.Statistics().Parked == 1 }, waitMax, waitStep)
		require.Empty(t, waiting)
		if !accepted {
			h.takeOffSale(second) // the first order fails there
		}
		open()
		if accepted {
			require.Equal(t, inventory.Refusal{}, <-results)
			require.Equal(t, inventory.CodeAllHeld, (<-waiting).Code)
		} else {
			require.Equal(t, inventory.CodePaused, (<-results).Code)
			require.Equal(t, inventory.Refusal{}, <-waiting)
		}
		require.Equal(t, [3]int64{1, 1, 0}, h.stock(first))
	}
}

// First come, first served: a later, smaller order does not overtake one that waits.
func TestWhoWaitsIsServedInOrder(t *testing.T) {
	h := newHouse(t)
	first, second := h.twoProducts(3, 1)
	entered, open := h.shut(second)
	blocker := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(h.basket(h.customer(), want{first, 2}, want{second, 1}))
		blocker <- refusal
	}()
	<-entered
	var order []int64
	var mutex sync.Mutex
	var group sync.WaitGroup
	for n, quantity := range []int64{2, 1} {
		customer := h.customer()
		group.Go(func() {
			_, refusal := h.engine.PlaceOrder(h.basket(customer, want{first, quantity}))
			require.Equal(t, inventory.Refusal{}, refusal)
			mutex.Lock()
			defer mutex.Unlock()
			order = append(order, quantity)
		})
		require.Eventually(t, func() bool { return h.engine.Statistics().Parked == uint64(n+1) }, waitMax, waitStep)
	}
	h.takeOffSale(second)
	open()
	require.Equal(t, inventory.CodePaused, (<-blocker).Code)
	group.Wait()
	require.ElementsMatch(t, []int64{2, 1}, order)
	require.Equal(t, [3]int64{3, 3, 0}, h.stock(first))
}

// Parking has a bound and an end, and neither is called sold out.
func TestParkingIsBounded(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.InFlightMax = 2 * parkedMax })
	first, second := h.twoProducts(1, 1)
	entered, open := h.shut(second)
	blocker := make(chan inventory.Refusal, 1)
	go func() {
		_, refusal := h.engine.PlaceOrder(h.basket(h.customer(), want{first, 1}, want{second, 1}))
		blocker <- refusal
	}()
	<-entered
	var overloaded, others atomic.Int64
	var group sync.WaitGroup
	customers := make([]inventory.ID, 32)
	for i := range customers {
		customers[i] = h.customer()
	}
	for n := range parkedMax + 50 {
		group.Go(func() {
			_, refusal := h.engine.PlaceOrder(h.basket(customers[n%len(customers)], want{first, 1}))
			if refusal.Code == inventory.CodeOverloaded {
				overloaded.Add(1)
			} else {
				others.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return overloaded.Load() == 50 }, waitMax, waitStep)
	h.clock.Advance(parkedTimeMax)
	group.Wait()
	require.EqualValues(t, parkedMax+50, overloaded.Load())
	require.Zero(t, others.Load())
	open()
	require.Equal(t, inventory.Refusal{}, <-blocker)
	require.Zero(t, h.engine.shelf.get(first).parking.count.Load())
}

// Two orders for the last units of two products, named in opposite order: one gets
// them, always.
func TestTheLastUnitsOfTwoProductsAreSold(t *testing.T) {
	h := newHouse(t)
	one, two := h.customer(), h.customer()
	for range 300 {
		a, b := h.product(1), h.product(1)
		var accepted atomic.Int64
		var group sync.WaitGroup
		for _, request := range []*PlaceOrder{h.basket(one, want{a, 1}, want{b, 1}), h.basket(two, want{b, 1}, want{a, 1})} {
			group.Go(func() {
				if _, refusal := h.engine.PlaceOrder(request); !refusal.Refused() {
					accepted.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, accepted.Load())
	}
}

// refusedRequest is a refusal, with the appended sequences before and after it.
type refusedRequest struct {
	from, to uint64
	wants    []want
	refusal  inventory.Refusal
}

// Every refusal for want of units has a moment during its request at which the units
// were not there, whatever other orders were tried and failed meanwhile.
func TestEveryRefusalIsHonest(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := newHouse(t)
	products := []inventory.ID{h.product(6), h.product(4), h.product(2), h.product(1)}
	var refusals []refusedRequest
	for storm := uint64(0); storm < 3 || h.engine.Statistics().Parked == 0 && storm < 50; storm++ {
		refusals = append(refusals, h.basketStorm(seed+storm, products, 24, 200)...)
	}
	history := h.availableAt(products)
	checked := 0
	for _, r := range refusals {
		line := r.refusal.ProductID
		for _, w := range r.wants {
			if w.product == line {
				require.True(t, history.shortBetween(line, w.quantity, r.from, r.to),
					"refused %d units with %s between %d and %d", w.quantity, r.refusal.Code, r.from, r.to)
				checked++
			}
		}
	}
	require.Greater(t, checked, 500, "the test has to see refusals")
	require.NotZero(t, h.engine.Statistics().Parked, "the test has to see orders that wait")
}

func (h *house) appended() (sequence uint64) {
	h.engine.journal.Hold(func(last uint64) { sequence = last })
	return sequence
}

// basketStorm places baskets and cancels them again, and returns the refusals for
// want of units.
func (h *house) basketStorm(seed uint64, products []inventory.ID, workers, each int) []refusedRequest {
	var mutex sync.Mutex
	var refusals []refusedRequest
	var group sync.WaitGroup
	for worker := range workers {
		customer := h.customer()
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			for range each {
				wants := randomWants(random, products)
				r := refusedRequest{from: h.appended(), wants: wants}
				reply, refusal := h.engine.PlaceOrder(h.basket(customer, wants...))
				r.refusal, r.to = refusal, h.appended()
				switch refusal.Code {
				case "":
					h.change(inventory.OrderCancelled, reply.Order.ID, customer, customer)
				case inventory.CodeInsufficientStock, inventory.CodeAllHeld, inventory.CodeSoldOut:
					mutex.Lock()
					refusals = append(refusals, r)
					mutex.Unlock()
				}
			}
		})
	}
	group.Wait()
	return refusals
}

func randomWants(random *rand.Rand, products []inventory.ID) (wants []want) {
	for _, product := range products {
		if random.IntN(2) == 0 {
			wants = append(wants, want{product, 1 + random.Int64N(3)})
		}
	}
	if len(wants) == 0 {
		wants = append(wants, want{products[0], 1})
	}
	return wants
}

// availability is what each product had after each record.
type availability map[inventory.ID][]int64

func (h *house) availableAt(products []inventory.ID) availability {
	f, history := newFold(h.t), availability{}
	f.each(h.journal, func(sequence uint64, _ *inventory.Event) {
		for _, id := range products {
			for uint64(len(history[id])) < sequence {
				history[id] = append(history[id], 0)
			}
			if stock := f.stocks[id]; stock != nil {
				history[id] = append(history[id], stock.Available())
			} else {
				history[id] = append(history[id], 0)
			}
		}
	})
	return history
}

func (a availability) shortBetween(product inventory.ID, quantity int64, from, to uint64) bool {
	for sequence := from; sequence <= to && sequence < uint64(len(a[product])); sequence++ {
		if a[product][sequence] < quantity {
			return true
		}
	}
	return false
}

// A sale begins and ends at its milliseconds.
func TestASaleHasSharpEdges(t *testing.T) {
	h := newHouse(t)
	start := h.clock.Now().Add(10 * inventory.Second)
	end := start.Add(10 * inventory.Second)
	customer, product := h.customer(), h.product(10, func(p *persistence.CatalogueProduct) { p.SaleStartsAt, p.SaleEndsAt = start, end })
	at := func(moment inventory.Instant) inventory.Refusal {
		h.clock.Advance(time.Duration(moment - h.clock.Now()))
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		return refusal
	}
	refusal := at(start - inventory.Millisecond)
	require.Equal(t, inventory.CodeSaleNotStarted, refusal.Code)
	require.Equal(t, start, refusal.At)
	require.Equal(t, inventory.Refusal{}, at(start))
	require.Equal(t, inventory.Refusal{}, at(end-inventory.Millisecond))
	refusal = at(end)
	require.Equal(t, inventory.CodeSaleEnded, refusal.Code)
	require.Equal(t, end, refusal.At)
	require.Equal(t, [3]int64{10, 2, 0}, h.stock(product))
}
