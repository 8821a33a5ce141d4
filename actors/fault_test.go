package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence/journal/crashfs"
)

// gatedDisk is a disk in memory whose syncs of the journal can be held back.
type gatedDisk struct {
	*crashfs.FS
	gate atomic.Pointer[chan struct{}]
	// waiting gets a value for each sync that is held back.
	waiting chan struct{}
	fail    atomic.Pointer[syscall.Errno]
}

func newGatedDisk() *gatedDisk {
	d := &gatedDisk{FS: crashfs.New(), waiting: make(chan struct{}, 64)}
	d.Hook = func(operation crashfs.Operation) crashfs.Fault {
		if operation.Kind != crashfs.Sync || !strings.HasSuffix(operation.Name, ".journal") {
			return crashfs.Fault{}
		}
		if gate := d.gate.Load(); gate != nil {
			d.waiting <- struct{}{}
			<-*gate
		}
		if errno := d.fail.Load(); errno != nil {
			return crashfs.Fault{Err: *errno}
		}
		return crashfs.Fault{}
	}
	return d
}

// hold makes the next syncs wait; the result lets them go.
func (d *gatedDisk) hold() (release func()) {
	gate := make(chan struct{})
	d.gate.Store(&gate)
	return func() {
		d.gate.Store(nil)
		close(gate)
	}
}

// While the sync runs, nobody is answered, the board shows the old stock, and the
// order cannot be read; a repeat of its key is told that it is in flight.
func TestNothingIsToldBeforeItIsDurable(t *testing.T) {
	disk := newGatedDisk()
	h := newHouseOn(t, disk.FS)
	customer, product := h.customer(), h.product(10)
	before, _ := h.engine.Stock(product)

	release := disk.hold()
	request := orderOf(customer, h.key(), product, 3)
	answers := make(chan OrderReply, 1)
	go func() {
		reply, refusal := h.engine.PlaceOrder(request)
		require.Equal(t, inventory.Refusal{}, refusal)
		answers <- reply
	}()
	<-disk.waiting

	shown, _ := h.engine.Stock(product)
	require.Equal(t, before, shown, "the board showed units of an order that is not durable")
	_, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 3))
	require.Equal(t, inventory.CodeRequestInProgress, refusal.Code)
	_, refusal = h.engine.OrderByKey(t.Context(), customer, request.Key)
	require.Equal(t, inventory.CodeRequestInProgress, refusal.Code)
	_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 8))
	require.Equal(t, inventory.CodeInsufficientStock, refusal.Code, "the units are taken already")
	select {
	case reply := <-answers:
		t.Fatalf("order %s was acknowledged before its sync", reply.Order.ID)
	default:
	}
	require.EqualValues(t, 1, h.journal.DurableSequence())

	release()
	reply := <-answers
	require.Equal(t, [3]int64{10, 3, 0}, h.stock(product))
	require.EqualValues(t, before.Version+1, reply.Order.Lines[0].StockVersion)
}

// Two changes of one order within a batch: the second caller waits for the same
// sync, and both are right.
func TestARepeatWaitsForTheFirst(t *testing.T) {
	disk := newGatedDisk()
	h := newHouseOn(t, disk.FS)
	customer, product := h.customer(), h.product(10)
	order := h.place(customer, product, 1)
	release := disk.hold()
	answers := make(chan inventory.Order, 2)
	confirm := func() {
		confirmed, refusal := h.change(inventory.OrderConfirmed, order.ID, inventory.ID{}, inventory.ID{})
		require.Equal(t, inventory.Refusal{}, refusal)
		answers <- confirmed
	}
	go confirm()
	<-disk.waiting
	go confirm()
	require.Eventually(t, func() bool { return h.engine.inFlight.Load() == 2 }, waitMax, waitStep)
	require.Empty(t, answers)
	release()
	for range 2 {
		require.Equal(t, inventory.Confirmed, (<-answers).State)
	}
	require.EqualValues(t, 3, h.journal.DurableSequence())
}

// After a failed sync nobody hears of success again, and the program is told to
// end. What was acknowledged is there after the next start.
func TestAFailedSyncEndsTheAcknowledgements(t *testing.T) {
	disk := newGatedDisk()
	h := newHouseOn(t, disk.FS)
	customer, product := h.customer(), h.product(10)
	kept := h.place(customer, product, 1)
	errno := syscall.EIO
	disk.fail.Store(&errno)

	request := orderOf(customer, h.key(), product, 1)
	_, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
	require.Eventually(t, func() bool { return h.failed.Load() != nil }, waitMax, waitStep, "the program was not told")
	disk.fail.Store(nil)
	for range 5 {
		_, refusal = h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		require.True(t, refusal.Refused(), "an acknowledgement after a failed sync")
	}
	require.Equal(t, [3]int64{10, 1, 0}, h.stock(product))

	h.crash(crashfs.Lost, rand.New(rand.NewPCG(1, 1)))
	found, refusal := h.engine.Order(t.Context(), kept.ID, customer)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, inventory.Reserved, found.State)
}

// A caller that gives up hears unknown_outcome; the order is there or not, and
// its key tells.
func TestATimeoutIsUnknownAndItsKeyTells(t *testing.T) {
	disk := newGatedDisk()
	h := newHouseOn(t, disk.FS)
	customer, product := h.customer(), h.product(10)
	h.engine.requestTimeout = 20 * time.Millisecond
	release := disk.hold()
	request := orderOf(customer, h.key(), product, 2)
	_, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.CodeUnknownOutcome, refusal.Code)
	release()
	require.NoError(t, h.journal.WaitDurable(t.Context(), 2)) // a moment after the board
	require.Equal(t, [3]int64{10, 2, 0}, h.stock(product))
	h.engine.requestTimeout = waitMax
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, request.Key, product, 2))
	require.Equal(t, inventory.Refusal{}, refusal)
	require.True(t, reply.Replayed)
	require.Eventually(t, func() bool { return h.engine.inFlight.Load() == 0 }, waitMax, waitStep, "an abandoned operation still counts")
}

// A full disk refuses before any effect, keeps what was promised, and resumes
// when there is space.
func TestAFullDiskRefusesAndResumes(t *testing.T) {
	disk := crashfs.New()
	h := newHouseOn(t, disk)
	customer, product := h.customer(), h.product(1_000_000)
	held := h.place(customer, product, 1)
	disk.SetCapacity(0)
	placed := int64(1)
	for {
		_, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 1))
		if refusal.Code == inventory.CodeOverloaded {
			continue
		}
		if refusal.Refused() {
			require.Equal(t, inventory.CodeStorageFull, refusal.Code)
			break
		}
		placed++
	}
	_, refusal := h.change(inventory.OrderCancelled, held.ID, inventory.ID{}, inventory.ID{})
	require.Equal(t, inventory.CodeStorageFull, refusal.Code)
	for _, delta := range []int64{7, -5} {
		_, refusal = h.engine.AdjustStock(&AdjustStock{Product: product, Caller: customer, Delta: delta, Reason: "count", Key: h.key()})
		require.Equal(t, inventory.CodeStorageFull, refusal.Code)
	}
	require.Equal(t, [3]int64{1_000_000, placed, 0}, h.stock(product))
	require.Nil(t, h.failed.Load())

	disk.SetCapacity(-1)
	require.Eventually(t, func() bool {
		_, refusal := h.change(inventory.OrderCancelled, held.ID, inventory.ID{}, inventory.ID{})
		return !refusal.Refused()
	}, waitMax, 10*time.Millisecond)
	h.place(customer, product, 1)
	require.Equal(t, [3]int64{1_000_000, placed, 0}, h.stock(product))
	p := h.engine.shelf.get(product)
	h.awaitIdle()
	require.Equal(t, p.board.read().Available(), p.stock.Available(), "what was refused kept or gave units")
}

// A hold that could not be ended on a full disk ends when there is space.
func TestHoldsEndAfterAFullDisk(t *testing.T) {
	disk := crashfs.New()
	h := newHouseOn(t, disk)
	customer, product := h.customer(), h.product(10)
	h.place(customer, product, 4)
	disk.SetCapacity(0)
	for code := inventory.Code(""); code != inventory.CodeStorageFull; {
		_, refusal := h.engine.AdjustStock(&AdjustStock{Product: product, Caller: customer, Delta: 1, Reason: "fill", Key: h.key()})
		code = refusal.Code
	}
	h.awaitProjection()
	h.clock.Advance(holdTime)
	h.awaitIdle()
	require.EqualValues(t, 4, h.stock(product)[1])
	disk.SetCapacity(-1)
	require.Eventually(t, func() bool {
		h.clock.Advance(time.Second)
		return h.stock(product)[1] == 0
	}, waitMax, 10*time.Millisecond)
}

// Beyond the bound an operation is refused at once, before any effect.
func TestOperationsInFlightAreBounded(t *testing.T) {
	disk := newGatedDisk()
	h := newHouseOn(t, disk.FS, func(o *Options) { o.InFlightMax = 2 })
	customer, product := h.customer(), h.product(10)
	release := sync.OnceFunc(disk.hold())
	t.Cleanup(release)
	answers := make(chan inventory.Refusal, 2)
	for range 2 {
		request := orderOf(customer, h.key(), product, 1)
		go func() {
			_, refusal := h.engine.PlaceOrder(request)
			answers <- refusal
		}()
	}
	require.Eventually(t, func() bool { return h.engine.inFlight.Load() == 2 }, waitMax, waitStep)
	request := orderOf(customer, h.key(), product, 1)
	_, refusal := h.engine.PlaceOrder(request)
	require.Equal(t, inventory.CodeOverloaded, refusal.Code)
	release()
	for range 2 {
		require.Equal(t, inventory.Refusal{}, <-answers)
	}
	_, refusal = h.engine.PlaceOrder(request)
	require.Equal(t, inventory.Refusal{}, refusal)
	require.Equal(t, [3]int64{10, 3, 0}, h.stock(product))
}

// The machine loses its power at any moment, with any part of what was not synced:
// every order that was acknowledged is there, its key still stands for it, no
// unit is promised twice, and SQL, which was ahead or behind, follows.
func TestCrashesLoseNothing(t *testing.T) {
	for _, crash := range []struct {
		mode        crashfs.Mode
		acknowledge Acknowledgement
	}{{crashfs.Lost, 0}, {crashfs.Prefix, 0}, {crashfs.Subset, 0}, {crashfs.Garbage, 0}, {crashfs.Kept, 0},
		{crashfs.Lost, AcknowledgeDatabase}, {crashfs.Kept, AcknowledgeDatabase}} {
		mode := crash.mode
		t.Run(fmt.Sprint(mode, " ack=", crash.acknowledge), func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 3))
			h := newHouse(t, func(o *Options) { o.Acknowledge = crash.acknowledge })
			product := h.product(100_000)
			customers := []inventory.ID{h.customer(), h.customer(), h.customer()}
			rounds := 6
			if raceEnabled {
				rounds = 2
			}
			for range rounds {
				acknowledged := h.stormUntil(customers, product, 40+random.IntN(200))
				h.crash(mode, random)
				for request, id := range acknowledged {
					reply, refusal := h.engine.PlaceOrder(orderOf(request.Customer, request.Key, product, 1))
					require.Equal(t, inventory.Refusal{}, refusal)
					require.True(t, reply.Replayed)
					require.Equal(t, id, reply.Order.ID, "an acknowledged order was lost, or its key made another")
				}
				f := newFold(t)
				f.read(h.journal)
				f.compare(h)
			}
			f := newFold(t)
			f.read(h.journal)
			f.compareSQL(h)
		})
	}
}

// stormUntil places orders from parallel callers until enough are acknowledged;
// others are still on their way when it returns.
func (h *house) stormUntil(customers []inventory.ID, product inventory.ID, enough int) map[*PlaceOrder]inventory.ID {
	var mutex sync.Mutex
	acknowledged := map[*PlaceOrder]inventory.ID{}
	reached, once := make(chan struct{}), sync.Once{}
	engine := h.engine
	for caller := range 24 {
		h.callers.Go(func() {
			for {
				request := orderOf(customers[caller%len(customers)], h.key(), product, 1)
				reply, refusal := engine.PlaceOrder(request)
				if refusal.Code == inventory.CodeOverloaded {
					continue
				}
				mutex.Lock()
				if refusal.Refused() || len(acknowledged) >= enough {
					mutex.Unlock()
					return
				}
				acknowledged[request] = reply.Order.ID
				if len(acknowledged) == enough {
					once.Do(func() { close(reached) })
				}
				mutex.Unlock()
			}
		})
	}
	<-reached
	mutex.Lock()
	defer mutex.Unlock()
	known := map[*PlaceOrder]inventory.ID{}
	for request, id := range acknowledged {
		known[request] = id
	}
	return known
}

// crash takes the disk as a loss of power leaves it, ends the engine without
// ceremony, and starts another on what is left.
func (h *house) crash(mode crashfs.Mode, random *rand.Rand, configure ...func(*Options)) {
	h.store.projecting.Lock()
	left := h.disk.Crash(mode, random)
	h.store.away.Store(true)
	h.store.projecting.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.engine.Stop(ctx)
	_ = h.journal.Close()
	h.callers.Wait()
	h.engine.lookupsWG.Wait()
	require.NoError(h.t, h.store.Close())
	h.disk = left
	h.failed.Store(nil)
	h.open(configure...)
}
