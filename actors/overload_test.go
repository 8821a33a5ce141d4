package actors

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence/journal/crashfs"
)

// load is what some callers saw.
type load struct {
	accepted, refused int64
	// slowest is how long the slowest refusal took, of those that are not the slowest
	// in a thousand.
	slowest time.Duration
}

func (l load) perSecond(length time.Duration) float64 { return float64(l.accepted) / length.Seconds() }

// offer lets callers place orders for some time: each one again as soon as it is
// answered, or at most once in a period.
func (h *house) offer(product inventory.ID, callers int, period, length time.Duration) load {
	var accepted, refused atomic.Int64
	var mutex sync.Mutex
	var refusals []time.Duration
	var group sync.WaitGroup
	end := time.Now().Add(length)
	for caller := range callers {
		customer := inventory.ID{2, 14: byte(caller >> 8), 15: byte(caller)}
		group.Go(func() {
			ticker := time.NewTicker(max(period, 1))
			defer ticker.Stop()
			var mine []time.Duration
			for time.Now().Before(end) {
				if period > 0 {
					<-ticker.C
				}
				began := time.Now()
				_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
				if !refusal.Refused() {
					accepted.Add(1)
					continue
				}
				require.Equal(h.t, inventory.CodeOverloaded, refusal.Code)
				refused.Add(1)
				mine = append(mine, time.Since(began))
			}
			mutex.Lock()
			defer mutex.Unlock()
			refusals = append(refusals, mine...)
		})
	}
	group.Wait()
	slices.Sort(refusals)
	l := load{accepted: accepted.Load(), refused: refused.Load()}
	if len(refusals) > 0 {
		l.slowest = refusals[len(refusals)*999/1000]
	}
	return l
}

// With a disk that takes 20 ms for a sync, few places in flight, and ten times as many
// orders as it can take: those that it can take are taken, the others are refused at
// once, memory stays, and afterwards everything is as before.
func TestOverloadIsRefusedAtOnce(t *testing.T) {
	const places, syncTime = 64, 20 * time.Millisecond
	length := 1500 * time.Millisecond
	if raceEnabled {
		length /= 4
	}
	disk := crashfs.New()
	disk.Hook = func(operation crashfs.Operation) crashfs.Fault {
		if operation.Kind == crashfs.Sync {
			<-time.After(syncTime)
		}
		return crashfs.Fault{}
	}
	h := newHouseOn(t, disk, quietly, func(o *Options) { o.InFlightMax = places })
	product := h.product(inventory.StockQuantityMax)
	alone := h.offer(product, places, 0, length)
	most := alone.perSecond(length)
	before := heapBytes()
	const callers = 10 * places
	flooded := h.offer(product, callers, time.Duration(callers/(10*most)*float64(time.Second)), length)
	kept := flooded.perSecond(length) / most
	grown := heapBytes() - before
	t.Logf("%.0f orders/s alone; offered ten times that: %.2f of it, %d refused, 999 in 1000 within %s, %d KiB more memory",
		most, kept, flooded.refused, flooded.slowest, grown>>10)
	leastKept, longest := 0.8, 50*time.Millisecond
	if os.Getenv("HOLDFAST_QUIET") == "" { // the machine is shared with other tests
		leastKept, longest = 0.3, time.Second
	}
	require.Greater(t, kept, leastKept)
	require.Greater(t, flooded.refused, 2*flooded.accepted, "it has to be an overload")
	require.Less(t, flooded.slowest, longest)
	require.Less(t, grown, int64(64<<20))
	again := h.offer(product, places, 0, length)
	require.Greater(t, again.perSecond(length)/most, leastKept, "back to normal")
}
