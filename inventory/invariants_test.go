package inventory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// world is a small shop: it decides and evolves like the engine, and keeps beside
// it, in the simplest way, what N1 to N8 are about.
type world struct {
	now      Instant
	products []*Product
	stocks   map[ID]*Stock
	orders   []*Order
	// onHand and versions are what N5 and N7 expect.
	onHand   map[ID]int64
	versions map[ID]uint64
	// left counts how often each order left state Reserved (N6).
	left map[ID]int
	// asked is what each order asked for of each product, and copies are orders as
	// they once were.
	asked  map[ID]map[ID]int64
	copies map[string]Order
	// reached counts orders by the states that they were seen in.
	reached map[State]int
}

func newWorld(reached map[State]int) *world {
	w := &world{reached: reached, now: 1000, stocks: map[ID]*Stock{}, onHand: map[ID]int64{}, versions: map[ID]uint64{}, left: map[ID]int{},
		asked: map[ID]map[ID]int64{}, copies: map[string]Order{}}
	for n := range byte(3) {
		product := someProduct
		product.ID = ID{n + 1}
		product.PurchaseLimit = int64(n) * 6
		product.Safety = int64(n)
		w.products = append(w.products, &product)
		w.stocks[product.ID], w.onHand[product.ID] = &Stock{OnHand: 10, Safety: product.Safety}, 10
	}
	return w
}

// apply evolves stock and order by one event, and notes what should have happened.
func (w *world) apply(t *rapid.T, order *Order, event Event) {
	for _, line := range event.Moves() {
		stock := w.stocks[line.ProductID]
		require.NoError(t, stock.Evolve(&event, line))
		w.versions[line.ProductID]++
		switch {
		case event.Kind == StockAdjusted, event.Kind == OrderReturned && event.Restock:
			w.onHand[line.ProductID] += line.Quantity
		case event.Kind == OrderFulfilled:
			w.onHand[line.ProductID] -= line.Quantity
		}
	}
	if order == nil {
		return
	}
	before := order.State
	require.NoError(t, order.Evolve(&event, uint64(len(w.copies)+1)))
	if before == Reserved && order.State != Reserved {
		w.left[order.ID]++
	}
	w.copies[fmt.Sprintf("%+v", *order)] = *order
}

func (w *world) adjust(t *rapid.T) {
	product := rapid.SampledFrom(w.products).Draw(t, "product")
	delta := rapid.Int64Range(-10, 20).Draw(t, "delta")
	stock := *w.stocks[product.ID]
	refusal := DecideAdjust(product, stock, delta)
	require.Equal(t, delta == 0 || stock.OnHand+delta < stock.Reserved+stock.Committed, refusal.Refused())
	if !refusal.Refused() {
		w.apply(t, nil, Event{Kind: StockAdjusted, Lines: []Line{{ProductID: product.ID, Quantity: delta}}})
	}
}

// had is what a customer holds and has bought of a product.
func (w *world) had(customer, product ID) (units int64) {
	for _, order := range w.orders {
		if order.Customer == customer && order.State != Cancelled && order.State != Expired {
			if line := findLine(order.Lines, product); line != nil {
				units += line.Quantity
			}
		}
	}
	return units
}

func (w *world) place(t *rapid.T) {
	order := ID{byte(len(w.orders)), byte(len(w.orders) >> 8), 1}
	event := Event{Kind: OrderPlaced, At: w.now, Order: order, Customer: ID{byte(rapid.IntRange(1, 3).Draw(t, "customer"))},
		ExpiresAt: w.now + 50}
	partial := rapid.Bool().Draw(t, "partial")
	asked := map[ID]int64{}
	placed, refused := int64(0), false
	for _, product := range w.products {
		quantity := rapid.Int64Range(0, 4).Draw(t, "quantity")
		if quantity == 0 {
			continue
		}
		had := w.had(event.Customer, product.ID)
		granted, refusal := DecideTake(product, *w.stocks[product.ID], Take{Quantity: quantity, Had: had, At: w.now, Partial: partial})
		refused = refused || refusal.Refused()
		asked[product.ID] = quantity
		placed += granted
		event.Lines = append(event.Lines, Line{ProductID: product.ID, Quantity: granted, Price: product.Price.Minor,
			Dropped: int32(quantity - granted), DroppedFor: DropReasonOf(refusal.Code)})
	}
	if placed == 0 || refused && !partial {
		return
	}
	w.asked[order] = asked
	w.orders = append(w.orders, &Order{})
	w.apply(t, w.orders[len(w.orders)-1], event)
	for _, product := range w.products {
		had := w.had(event.Customer, product.ID)
		require.True(t, product.PurchaseLimit == 0 || had <= product.PurchaseLimit, "the customer has %d", had)
	}
}

// change asks for a few random changes of random orders.
func (w *world) change(t *rapid.T) {
	for range min(5, 2*len(w.orders)) {
		w.changeOne(t)
	}
}

func (w *world) changeOne(t *rapid.T) {
	order := rapid.SampledFrom(w.orders).Draw(t, "order")
	change := Change{Kind: rapid.SampledFrom([]Kind{OrderConfirmed, OrderConfirmed, OrderCancelled, OrderExtended,
		OrderFulfilled, OrderFulfilled, OrderReturned}).Draw(t, "kind"),
		Paid: rapid.Bool().Draw(t, "paid"), Restock: rapid.Bool().Draw(t, "restock"),
		SaleEndsAt: rapid.SampledFrom([]Instant{0, w.now + 60}).Draw(t, "sale ends")}
	for i := range order.Lines {
		if rapid.Bool().Draw(t, "name") {
			change.Lines = append(change.Lines, units(order.Lines[i].ProductID, rapid.Int64Range(0, 2).Draw(t, "units")))
		}
	}
	event, repeated, refusal := order.Decide(&change, w.now)
	if !repeated && !refusal.Refused() {
		w.apply(t, order, event)
	}
}

// pass lets time go by; some holds end by their timer, others are not noticed yet.
func (w *world) pass(t *rapid.T) {
	w.now += Instant(rapid.Int64Range(1, 30).Draw(t, "time"))
	for _, order := range w.orders {
		if order.Due(w.now) && rapid.Bool().Draw(t, "timer") {
			w.apply(t, order, order.FollowUp(OrderExpired, w.now, ID{}))
		}
	}
}

// check compares everything with the invariants of the package.
func (w *world) check(t *rapid.T) {
	reserved, committed, sold := map[ID]int64{}, map[ID]int64{}, map[ID]int64{}
	for _, order := range w.orders {
		w.reached[order.State]++
		for _, line := range order.Lines {
			require.True(t, 0 <= line.Returned && line.Returned <= line.Shipped && int64(line.Shipped) <= line.Quantity, "N8: %+v", line)
			require.Equal(t, w.asked[order.ID][line.ProductID], line.Quantity+int64(line.Released)+int64(line.Dropped), "N8: %+v", line)
			require.Equal(t, line.Dropped > 0, line.DroppedFor != 0)
			switch order.State {
			case Reserved:
				reserved[line.ProductID] += line.Quantity
			case Confirmed, PartiallyFulfilled:
				committed[line.ProductID] += line.Quantity - int64(line.Shipped)
				sold[line.ProductID] += line.Quantity
			case Fulfilled, PartiallyReturned, Returned:
				require.Equal(t, line.Quantity, int64(line.Shipped))
				sold[line.ProductID] += line.Quantity
			}
		}
		require.Equal(t, order.State != Reserved, w.left[order.ID] == 1, "N6")
		require.LessOrEqual(t, w.left[order.ID], 1, "N6")
		require.Equal(t, order.State == Returned, unitsOf(order.allLines(func(line *Line) int64 {
			return line.Quantity - int64(line.Returned)
		})) == 0)
	}
	for id, stock := range w.stocks {
		require.NoError(t, stock.Check(), "N1, N2")
		require.Equal(t, Stock{OnHand: w.onHand[id], Reserved: reserved[id], Committed: committed[id], Sold: sold[id],
			Safety: stock.Safety, Version: w.versions[id]}, *stock, "N3, N4, N5, N7, N9")
	}
	for was, order := range w.copies {
		require.Equal(t, was, fmt.Sprintf("%+v", order), "a copy of an order has changed")
	}
}

// Whatever is decided, evolving it keeps the invariants N1 to N8; the orders that
// were accepted account for every unit.
func TestStockFollowsItsOrders(t *testing.T) {
	reached := map[State]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(reached)
		t.Repeat(map[string]func(*rapid.T){
			"adjust": w.adjust, "place": w.place, "place another": w.place, "change": w.change, "pass": w.pass, "": w.check})
	})
	require.Len(t, reached, len(States()), "no history reached the other states")
}
