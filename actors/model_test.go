package actors

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// model drives an engine and its twin with the same random commands.
type model struct {
	*house
	t         *testing.T
	random    *rand.Rand
	twin      *twin
	products  []inventory.ID
	customers []inventory.ID
	requests  []*PlaceOrder
	keys      uint64
	seen      map[string]int
}

func newModel(t *testing.T, seed uint64, configure ...func(*Options)) *model {
	m := &model{house: newHouse(t, configure...), t: t, random: rand.New(rand.NewPCG(seed, 1)), seen: map[string]int{},
		twin: &twin{products: map[inventory.ID]*twinProduct{}}}
	start := m.clock.Now()
	for i, p := range []twinProduct{{onHand: 6}, {onHand: 20, limit: 4}, {onHand: 3, safety: 1},
		{onHand: 30, starts: start + 100*inventory.Second, ends: start + 4000*inventory.Second}} {
		p.sku = fmt.Sprintf("P%d", i)
		id := m.product(p.onHand, func(c *persistence.CatalogueProduct) {
			c.ID = inventory.ID{1, byte(i + 1)}
			c.SKU, c.Safety, c.PurchaseLimit, c.SaleStartsAt, c.SaleEndsAt = p.sku, p.safety, p.limit, p.starts, p.ends
		})
		m.products = append(m.products, id)
		m.twin.products[id] = &p
	}
	for i := range 3 {
		m.customers = append(m.customers, inventory.ID{2, 15: byte(i + 1)})
	}
	return m
}

// nextKey returns keys that are the same in every run of a seed.
func (m *model) nextKey() inventory.Fingerprint {
	m.keys++
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, m.keys)) // as uniform as real ones
	return inventory.Fingerprint(sum[:16])
}

// step does one random command on both and compares what they say.
func (m *model) step() {
	m.twin.now = m.clock.Now()
	m.twin.expire()
	switch n := m.random.IntN(100); {
	case n < 30:
		m.stepPlace()
	case n < 35 && len(m.requests) > 0:
		m.stepRepeat()
	case n < 75 && len(m.twin.orders) > 0:
		m.stepChange(m.someOrder())
	case n < 82:
		m.stepAdjust()
	case n < 86:
		m.stepPause()
	case n < 96:
		m.stepWait()
	case n < 98:
		m.awaitProjection()
	default:
		if m.random.IntN(10) == 0 {
			m.restart()
		}
	}
	m.compare()
}

func (m *model) stepPlace() {
	request := &PlaceOrder{Customer: m.customers[m.random.IntN(len(m.customers))], Key: m.nextKey(), Partial: m.random.IntN(4) == 0}
	for _, product := range m.products {
		if m.random.IntN(3) == 0 {
			request.Lines = append(request.Lines, inventory.Line{ProductID: product, Quantity: 1 + m.random.Int64N(3)})
		}
	}
	if len(request.Lines) == 0 {
		return
	}
	m.requests = append(m.requests, request)
	m.placeBoth(request)
}

func (m *model) stepRepeat() {
	request := *m.requests[m.random.IntN(len(m.requests))]
	if m.random.IntN(4) == 0 {
		request.Body[0]++
	}
	m.placeBoth(&request)
}

func (m *model) placeBoth(request *PlaceOrder) {
	order, code := m.twin.place(request)
	reply, refusal := m.engine.PlaceOrder(request)
	m.same("place", code, refusal)
	if code == "" {
		order.id = reply.Order.ID
	}
}

// someOrder returns any order, but more often one that goes on.
func (m *model) someOrder() *twinOrder {
	var open []*twinOrder
	for _, order := range m.twin.orders {
		if order.state != "cancelled" && order.state != "expired" {
			open = append(open, order)
		}
	}
	if len(open) > 0 && m.random.IntN(4) > 0 {
		return open[m.random.IntN(len(open))]
	}
	return m.twin.orders[m.random.IntN(len(m.twin.orders))]
}

func (m *model) stepChange(o *twinOrder) {
	product := m.products[m.random.IntN(len(m.products))]
	customer := o.customer
	change := inventory.Change{By: customer}
	var code inventory.Code
	var what string
	switch n := m.random.IntN(10); n {
	case 0, 1, 2:
		what, change.Kind, change.Paid = "confirm", inventory.OrderConfirmed, n == 0
		code = m.twin.confirm(o, change.Paid)
	case 3:
		what, change.Kind = "cancel", inventory.OrderCancelled
		code = m.twin.cancel(o)
	case 4:
		product = o.lines[m.random.IntN(len(o.lines))].product
		what, change.Kind, change.Lines = "release", inventory.OrderCancelled, []inventory.Line{{ProductID: product}}
		code = m.twin.cancel(o, product)
	case 5:
		what, change.Kind = "extend", inventory.OrderExtended
		code = m.twin.extend(o)
	default:
		ship, restock, units := n < 8, m.random.IntN(2) == 0, m.random.Int64N(2)*m.random.Int64N(3)
		if m.random.IntN(8) > 0 {
			product = o.lines[m.random.IntN(len(o.lines))].product
		}
		what, change.Kind = "return", inventory.OrderReturned
		if ship {
			what, change.Kind = "ship", inventory.OrderFulfilled
		}
		change.Key, change.Restock = m.nextKey(), restock
		change.Lines = []inventory.Line{{ProductID: product, Quantity: units}}
		code = m.twin.move(o, ship, change.Key, product, units, restock)
	}
	_, refusal := m.engine.ChangeOrder(&ChangeOrder{Order: o.id, Change: change})
	m.same(what, code, refusal)
}

func (m *model) stepAdjust() {
	product, delta := m.products[m.random.IntN(len(m.products))], m.random.Int64N(13)-5
	code := m.twin.adjust(product, delta)
	_, refusal := m.engine.AdjustStock(&AdjustStock{Product: product, Caller: m.customers[0], Delta: delta, Key: m.nextKey(), Reason: "model"})
	m.same("adjust", code, refusal)
}

func (m *model) stepPause() {
	product := m.products[m.random.IntN(len(m.products))]
	row, err := m.store.ProductByID(m.t.Context(), product)
	require.NoError(m.t, err)
	row.Version++
	row.Paused = m.random.IntN(3) == 0
	m.twin.products[product].paused = row.Paused
	require.NoError(m.t, m.store.UpdateProduct(m.t.Context(), row))
	require.Equal(m.t, inventory.Refusal{}, m.engine.SetProduct(row.Product))
}

// stepWait moves the clock from one end of a hold to the next, so that each ends at
// its own moment in every run.
func (m *model) stepWait() {
	until := m.clock.Now().Add(inventory.Instant(1+m.random.IntN(400)) * inventory.Second)
	for m.clock.Now() < until {
		next := until
		for _, order := range m.twin.orders {
			if order.state == "reserved" {
				next = min(next, order.expires)
			}
		}
		m.clock.Advance(time.Duration(next - m.clock.Now()))
		m.awaitIdle()
		m.twin.now = next
		m.twin.expire()
	}
	require.NoError(m.t, m.engine.waitAppended(m.t.Context()))
}

func (m *model) same(what string, code inventory.Code, refusal inventory.Refusal) {
	m.t.Helper()
	require.Equal(m.t, code, refusal.Code, "%s: %s", what, refusal.Detail)
	m.seen[what+" "+string(code)]++
}

// compare requires that both show the same stock and orders.
func (m *model) compare() {
	for _, product := range m.products {
		reserved, committed := m.twin.sums(product)
		require.Equal(m.t, [3]int64{m.twin.products[product].onHand, reserved, committed}, m.stock(product))
	}
	if len(m.twin.orders) == 0 {
		return
	}
	want := m.twin.orders[m.random.IntN(len(m.twin.orders))]
	got, refusal := m.engine.Order(m.t.Context(), want.id, want.customer)
	require.Equal(m.t, inventory.Refusal{}, refusal)
	require.Equal(m.t, want.String(), twinOf(&got).String())
}

// twinOf returns an order of the engine as the twin would have it.
func twinOf(order *inventory.Order) *twinOrder {
	o := &twinOrder{id: order.ID, customer: order.Customer, state: order.State.String(), expires: order.ExpiresAt,
		extended: order.Extended, refund: order.RefundDue}
	for _, line := range order.Lines {
		o.lines = append(o.lines, &twinLine{product: line.ProductID, quantity: line.Quantity, dropped: int64(line.Dropped),
			droppedFor: line.DroppedFor.Code(), released: int64(line.Released), shipped: int64(line.Shipped), returned: int64(line.Returned)})
	}
	return o
}

func (o *twinOrder) String() string {
	text := fmt.Sprintf("%s %s expires %d extended %t refund %d", o.customer, o.state, o.expires, o.extended, o.refund)
	for _, line := range o.lines {
		text += fmt.Sprintf(" %+v", *line)
	}
	return text
}

// run does some steps and returns the history without the random part of its IDs.
func (m *model) run(steps int) []string {
	for range steps {
		m.step()
	}
	var history []string
	orders := map[inventory.ID]int{}
	f := newFold(m.t)
	f.each(m.journal, func(_ uint64, event *inventory.Event) {
		if _, known := orders[event.Order]; !known {
			orders[event.Order] = len(orders)
		}
		e := *event
		e.Order = inventory.ID{byte(orders[event.Order] >> 8), byte(orders[event.Order])}
		history = append(history, fmt.Sprintf("%+v", e))
	})
	f.compare(m.house)
	sortTogether(history)
	return history
}

// sortTogether sorts holds that ended at the same moment: which of them comes first is
// for the machine to decide.
func sortTogether(history []string) {
	moment := func(event string) string { return event[:strings.Index(event, " By:")] }
	for first := 0; first < len(history); {
		last := first + 1
		for last < len(history) && strings.Contains(history[first], "order_expired") && moment(history[last]) == moment(history[first]) {
			last++
		}
		slices.Sort(history[first:last])
		first = last
	}
}

// The engine does what its naive twin does, over random commands in all states; its
// journal is legal at every prefix; and a second run of a seed has the same history.
func TestEngineAgreesWithItsTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	seen := map[string]int{}
	for round := range uint64(6) {
		t.Logf("seed %d", seed+round)
		m := newModel(t, seed+round)
		history := m.run(400)
		for what, n := range m.seen {
			seen[what] += n
		}
		if round == 0 {
			require.Equal(t, history, newModel(t, seed).run(400), "a second run of the seed")
		}
	}
	for _, what := range []string{"place ", "place insufficient_stock", "place quantity_limit_customer", "place paused",
		"place idempotency_key_reused", "confirm ", "confirm hold_expired", "cancel ", "release ", "extend ",
		"ship ", "ship invalid_transition", "return ", "adjust ", "adjust version_conflict"} {
		require.NotZero(t, seen[what], "the commands never led to %q", what)
	}
}

// The engine does so too when it answers after the commit in SQL.
func TestEngineAgreesWithItsTwinAfterCommits(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	newModel(t, seed, fromDatabase).run(400)
}
