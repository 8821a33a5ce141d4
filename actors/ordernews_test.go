package actors

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// listener keeps the news that an engine tells.
type listener struct {
	mutex sync.Mutex
	heard []OrderNews
	// engine, when set, is asked whether what is told can be read.
	engine *Engine
	early  int
}

// listens makes an engine tell the listener.
func (l *listener) listens(o *Options) { o.OrderNews = l.hear }

func (l *listener) hear(news OrderNews) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.heard = append(l.heard, news)
	if l.engine != nil && l.engine.acknowledged() < news.Sequence {
		l.early++
	}
}

// take returns what was heard since the last call.
func (l *listener) take() []OrderNews {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	heard := l.heard
	l.heard = nil
	return heard
}

// While the sync runs nobody is told of the order, and after it who watches is told before
// the caller is answered.
func TestNewsOfOrdersWaitForTheSync(t *testing.T) {
	disk, l := newGatedDisk(), &listener{}
	h := newHouseOn(t, disk.FS, l.listens)
	customer, product := h.customer(), h.product(10)
	h.engine.WatchCustomer(customer)
	release := disk.hold()
	answers := make(chan OrderReply, 1)
	var told []OrderNews
	go func() {
		reply, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, 3))
		require.Equal(t, inventory.Refusal{}, refusal)
		told = l.take()
		answers <- reply
	}()
	<-disk.waiting
	require.Empty(t, l.take(), "told before the sync")
	release()
	order := (<-answers).Order
	require.Equal(t, []OrderNews{{Order: order.ID, Customer: customer, Sequence: order.Sequence, Status: inventory.Reserved,
		Total: inventory.Money{Minor: 3_000, Currency: euro}, ExpiresAt: order.ExpiresAt, At: order.PlacedAt}}, told)
}

// While the transaction runs nobody is told of the order, although the journal has it.
func TestNewsOfOrdersWaitForTheCommit(t *testing.T) {
	l := &listener{}
	h, store := newHeldHouse(t, l.listens)
	customer, product := h.customer(), h.product(10)
	h.engine.WatchCustomer(customer)
	release := store.hold(t)
	answered := make(chan []OrderNews, 1)
	go func() {
		h.place(customer, product, 3)
		answered <- l.take()
	}()
	<-store.waiting
	require.Empty(t, l.take(), "told before the commit")
	release()
	require.Len(t, <-answered, 1)
}

// Every way that an order can go is told, with its total and the end of its hold as they
// are then; and nothing when nothing happens.
func TestNewsTellOfEveryState(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode func(*Options)) {
		l := &listener{}
		h := newHouse(t, mode, l.listens)
		l.engine = h.engine
		customer, other := h.customer(), h.customer()
		a, b := h.twoProducts(100, 100)
		h.engine.WatchCustomer(customer)
		var due []OrderNews
		did := func(order inventory.Order, refusal inventory.Refusal) inventory.ID {
			require.Equal(t, inventory.Refusal{}, refusal)
			due = append(due, NewsOf(&order))
			return order.ID
		}
		place := func() inventory.ID {
			reply, refusal := h.engine.PlaceOrder(h.basket(customer, want{a, 3}, want{b, 2}))
			return did(reply.Order, refusal)
		}
		change := func(kind inventory.Kind, order inventory.ID) { did(h.change(kind, order, customer, customer)) }
		move := func(kind inventory.Kind, order inventory.ID, wants ...want) {
			reply, refusal := h.move(kind, order, h.key(), true, wants...)
			did(reply.Order, refusal)
		}

		sold := place()
		change(inventory.OrderExtended, sold)
		require.Greater(t, due[1].ExpiresAt, due[0].ExpiresAt)
		reply, refusal := h.engine.ChangeOrder(&ChangeOrder{Order: sold, Change: inventory.Change{Kind: inventory.OrderCancelled,
			Lines: []inventory.Line{{ProductID: a, Quantity: 1}}}})
		did(reply.Order, refusal)
		require.EqualValues(t, due[1].Total.Minor-1_000, due[2].Total.Minor)
		change(inventory.OrderConfirmed, sold)
		move(inventory.OrderFulfilled, sold, want{a, 1})
		move(inventory.OrderFulfilled, sold)
		move(inventory.OrderReturned, sold, want{b, 1})
		move(inventory.OrderReturned, sold)
		change(inventory.OrderCancelled, place())
		h.change(inventory.OrderConfirmed, sold, customer, customer) // it is: nothing happens
		h.place(other, a, 1)
		require.Equal(t, due, l.take())

		held := place()
		h.clock.Advance(holdTime)
		h.awaitStock(a, [3]int64{100, 0, 0})
		h.awaitIdle()
		expired, refusal := h.engine.Order(t.Context(), held, customer)
		did(expired, refusal)
		require.Equal(t, due[len(due)-2:], l.take())
		require.Equal(t, inventory.Expired, due[len(due)-1].Status)
		require.Zero(t, due[len(due)-1].ExpiresAt)
		require.Zero(t, l.early, "told before it could be read")
	})
}

// In a storm each state of a watched customer's orders is told once and in order, and no
// other's, while others begin and end to watch.
func TestNewsAreWhatTheJournalHas(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode func(*Options)) {
		l := &listener{}
		h := newHouse(t, mode, quietly, l.listens)
		l.engine = h.engine
		products := []inventory.ID{h.product(1_000), h.product(1_000)}
		const customers = 8
		var all []inventory.ID
		for range customers {
			all = append(all, h.customer())
		}
		watched, passing := all[:4], all[4:]
		for _, customer := range watched {
			h.engine.WatchCustomer(customer)
		}
		ended := make(chan struct{})
		var watchers sync.WaitGroup
		for worker := range 2 {
			watchers.Go(func() {
				random := rand.New(rand.NewPCG(uint64(worker), 3))
				for running := true; running; {
					select {
					case <-ended:
						running = false
					default:
					}
					customer := all[random.IntN(customers)]
					h.engine.WatchCustomer(customer)
					h.engine.UnwatchCustomer(customer)
				}
			})
		}
		h.stormOf(all, products)
		close(ended)
		watchers.Wait()
		h.awaitIdle()

		want, passed := h.statesInJournal(watched), h.statesInJournal(passing)
		var heard []OrderNews
		for _, news := range l.take() {
			if slices.Contains(watched, news.Customer) {
				heard = append(heard, news)
			} else {
				require.Contains(t, passed, news, "told of what is not in the journal")
			}
		}
		require.NotEmpty(t, want)
		require.Equal(t, want, heard)
		require.Zero(t, l.early, "told before it could be read")
		for _, customer := range watched {
			h.engine.UnwatchCustomer(customer)
		}
		h.place(watched[0], products[0], 1)
		require.Empty(t, l.take(), "told of whom nobody watches")
		require.Zero(t, h.engine.orderWatch.count.Load())
	})
}

// stormOf lets each customer place, pay and cancel orders at once.
func (h *house) stormOf(customers, products []inventory.ID) {
	var group sync.WaitGroup
	for n, customer := range customers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range 40 {
				reply, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), products[random.IntN(len(products))], 1))
				if refusal.Refused() {
					h.t.Error(refusal)
					continue
				}
				kind := []inventory.Kind{inventory.OrderConfirmed, inventory.OrderExtended, inventory.OrderCancelled}[random.IntN(3)]
				h.change(kind, reply.Order.ID, customer, customer)
			}
		})
	}
	group.Wait()
}

// statesInJournal returns the states of some customers' orders, folded from all records.
func (h *house) statesInJournal(customers []inventory.ID) (states []OrderNews) {
	reader, err := h.journal.ReadFrom(persistence.Position{})
	require.NoError(h.t, err)
	defer reader.Close()
	orders := map[inventory.ID]*inventory.Order{}
	for {
		batch, more, err := reader.TryNext()
		require.NoError(h.t, err)
		if !more {
			return states
		}
		records, err := appendRecords(nil, &batch)
		require.NoError(h.t, err)
		for i := range records {
			event := &records[i].Event
			if !event.Kind.OfOrder() {
				continue
			}
			if orders[event.Order] == nil {
				orders[event.Order] = &inventory.Order{}
			}
			order := orders[event.Order]
			require.NoError(h.t, order.Evolve(event, records[i].Sequence))
			if slices.Contains(customers, order.Customer) {
				states = append(states, NewsOf(order))
			}
		}
	}
}

// A start tells nothing of what was before, however much SQL has not got yet; then it tells
// of what is new.
func TestAStartTellsNoOldNews(t *testing.T) {
	for name, startAgain := range map[string]func(*house, func(*Options)){
		"restart": func(h *house, listens func(*Options)) { h.close(); h.open(listens) },
		"crash": func(h *house, listens func(*Options)) {
			h.crash(crashfs.Kept, rand.New(rand.NewPCG(1, 1)), listens)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &listener{}
			h := newHouse(t, l.listens)
			customer, product := h.customer(), h.product(10)
			h.awaitProjection()
			h.engine.WatchCustomer(customer)
			h.store.away.Store(true)
			paid, held := h.place(customer, product, 1), h.place(customer, product, 1)
			h.change(inventory.OrderConfirmed, paid.ID, customer, customer)
			require.Len(t, l.take(), 3)
			startAgain(h, l.listens)
			h.engine.WatchCustomer(customer)
			h.awaitProjection()
			require.Empty(t, l.take())
			confirmed, refusal := h.change(inventory.OrderConfirmed, held.ID, customer, customer)
			require.Equal(t, inventory.Refusal{}, refusal)
			require.Equal(t, []OrderNews{NewsOf(&confirmed)}, l.take())
		})
	}
}

// What only one of two watchers has ended is still told, and the end of a watch that never
// began is a mistake of the program.
func TestWatchesAreCounted(t *testing.T) {
	l := &listener{}
	h := newHouse(t, l.listens)
	customer, product := h.customer(), h.product(10)
	h.engine.WatchCustomer(customer)
	h.engine.WatchCustomer(customer)
	h.engine.UnwatchCustomer(customer)
	h.place(customer, product, 1)
	require.Len(t, l.take(), 1)
	h.engine.UnwatchCustomer(customer)
	h.place(customer, product, 1)
	require.Empty(t, l.take())
	require.Panics(t, func() { h.engine.UnwatchCustomer(customer) })
	h.engine.WatchCustomer(customer) // no lock was left behind
}

// An order of whom nobody watches allocates nothing for the news, whether others are
// watched or not.
func TestNewsThatNobodyHearsAllocateNothing(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.OrderNews = func(OrderNews) { t.Error("told of whom nobody watches") } })
	op := newOperation(h.engine, stepPlace)
	op.event.Kind, op.order = inventory.OrderPlaced, inventory.Order{Customer: inventory.ID{1}, State: inventory.Reserved}
	require.Zero(t, testing.AllocsPerRun(1_000, op.tellNews))
	h.engine.WatchCustomer(inventory.ID{2})
	require.Zero(t, testing.AllocsPerRun(1_000, op.tellNews))
	op.recycle()
}

// BenchmarkNewsThatNobodyHears is what each order pays for that it could be watched.
func BenchmarkNewsThatNobodyHears(b *testing.B) {
	for name, watched := range map[string]bool{"nobody": false, "another": true} {
		b.Run(name, func(b *testing.B) {
			engine := &Engine{orderWatch: newOrderWatch(nil)}
			if watched {
				engine.WatchCustomer(inventory.ID{2})
			}
			op := &operation{engine: engine, event: inventory.Event{Kind: inventory.OrderPlaced}, order: inventory.Order{Customer: inventory.ID{1}}}
			b.ReportAllocs()
			for b.Loop() {
				op.tellNews()
			}
		})
	}
}
