package bench

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/api/client"
	"holdfast/internal/retail"
)

// replayLog is what a replay has seen, for the checks at its end.
type replayLog struct {
	// decided counts the sales that are done with, unmatched the items of cancellations
	// that match no purchase.
	decided, unmatched atomic.Int64

	lock sync.Mutex
	// orders are those that were placed, by ID.
	orders map[string]*replayOrder
	// taken and back are the units of each product that went out and came back, with
	// the time in which they did.
	taken, back map[string][]replayMove
	refusals    []replayRefusal
	// codes counts the refusals by code.
	codes map[string]int
	// lines and units count what was placed.
	lines, units int64
	latencies    []time.Duration
}

// replayOrder is an order as it should be listed.
type replayOrder struct {
	invoice string
	// items are units by SKU, and returned those of them that came back.
	items, returned map[string]int64
}

// replayMove is units of one product that moved at some moment of a span.
type replayMove struct {
	span  replaySpan
	units int64
}

// replayRefusal is an order that was refused for want of stock.
type replayRefusal struct {
	invoice, code string
	span          replaySpan
	short         []shortItem
}

func newReplayLog() *replayLog {
	return &replayLog{orders: map[string]*replayOrder{}, taken: map[string][]replayMove{}, back: map[string][]replayMove{}, codes: map[string]int{}}
}

func (l *replayLog) place(sale *retail.Sale, span replaySpan, order *client.Order) {
	l.lock.Lock()
	defer l.lock.Unlock()
	placed := &replayOrder{invoice: sale.Invoice, items: map[string]int64{}, returned: map[string]int64{}}
	for _, item := range sale.Items {
		placed.items[item.SKU] = item.Quantity
		l.taken[item.SKU] = append(l.taken[item.SKU], replayMove{span, item.Quantity})
		l.units += item.Quantity
	}
	l.lines += int64(len(sale.Items))
	l.orders[order.ID] = placed
	l.latencies = append(l.latencies, span.end-span.begin)
}

func (l *replayLog) giveBack(id string, span replaySpan, units map[string]int64) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for sku, n := range units {
		l.orders[id].returned[sku] += n
		l.back[sku] = append(l.back[sku], replayMove{span, n})
	}
}

// The codes of a refusal for want of stock.
var stockCodes = []string{"insufficient_stock", "sold_out", "all_held"}

// codePaused refuses a product that is not on sale.
const codePaused = "paused"

// refuse notes a refusal. One that is not for want of stock is an error, but for
// products that are not on sale.
func (l *replayLog) refuse(sale *retail.Sale, span replaySpan, problem *client.Problem) error {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.codes[problem.Code]++
	l.latencies = append(l.latencies, span.end-span.begin)
	if problem.Code == codePaused {
		return nil
	}
	if !slices.Contains(stockCodes, problem.Code) {
		return fmt.Errorf("an order was refused for another reason than stock: %w", problem)
	}
	short, err := shortItems(sale, problem)
	l.refusals = append(l.refusals, replayRefusal{sale.Invoice, problem.Code, span, short})
	return err
}

// lowest returns the fewest units of a product that there can have been at a moment of
// the span, whatever the order of what happened at the same time: everything that had
// begun to go out was gone, and nothing had come back that was not there for certain.
// Orders that failed do not count: their units never were gone (P5).
func (l *replayLog) lowest(sku string, opening int64, span replaySpan) int64 {
	lowest := opening
	for _, move := range l.taken[sku] {
		if move.span.begin < span.end {
			lowest -= move.units
		}
	}
	for _, move := range l.back[sku] {
		if move.span.end < span.begin {
			lowest += move.units
		}
	}
	return lowest
}
