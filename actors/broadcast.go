package actors

import (
	"context"
	"slices"
	"sync"

	"holdfast/inventory"
	"holdfast/persistence"
)

// broadcast tells other processes, over a [persistence.Bus], what the board shows of the
// products that have changed. Whoever shows a change marks the product; a goroutine of
// its own reads the board and publishes, so that neither the bus nor how many listen
// costs those who sell more than the mark. A product is marked once until it is told of:
// what waits is bounded by the products, and what is told is the state of the moment of
// telling. A change of rules alone has no stock version: rules have a revision of their own.
// A phase that comes with time is not told, since it follows from the rules. What a change of
// the last broadcastInterval before an end has made is told by the next start; until then
// its publisher is stale.
type broadcast struct {
	engine *Engine
	bus    persistence.Bus
	// wake has one value when the first product is marked.
	wake  chan struct{}
	stop  context.CancelFunc
	group sync.WaitGroup

	mutex  sync.Mutex
	marked []*productActor
	// told is the room of the products that were told of last, and states that of what is
	// told at once. Only the goroutine uses them.
	told   []*productActor
	states [persistence.BusStatesMax]persistence.StockState
}

func newBroadcast(e *Engine, bus persistence.Bus) *broadcast {
	if bus == nil {
		return nil
	}
	return &broadcast{engine: e, bus: bus, wake: make(chan struct{}, 1), stop: func() {}}
}

// mark notes that the board shows something new of a product. A nil broadcast tells
// nobody.
func (b *broadcast) mark(p *productActor) {
	if b == nil || p.marked.Load() || p.marked.Swap(true) {
		return
	}
	b.mutex.Lock()
	b.marked = append(b.marked, p)
	first := len(b.marked) == 1
	b.mutex.Unlock()
	if first {
		b.signal(b.wake)
	}
}

// start begins to tell, with all products that were marked until now.
func (b *broadcast) start() {
	if b == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	b.group.Go(func() { b.run(ctx) })
}

// end returns when nothing is told any more.
func (b *broadcast) end() {
	if b == nil {
		return
	}
	b.stop()
	b.group.Wait()
}

// run tells at once when something has changed, and then rests, so that a product is told
// of once in broadcastInterval at most.
func (b *broadcast) run(ctx context.Context) {
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		b.tell()
		b.rest(ctx)
	}
}

func (b *broadcast) rest(ctx context.Context) {
	over := make(chan struct{}, 1)
	timer := b.engine.clock.AfterFunc(broadcastInterval, func() { b.signal(over) })
	defer timer.Stop()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

func (b *broadcast) signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// tell publishes what the board shows of the products that are marked.
func (b *broadcast) tell() {
	b.mutex.Lock()
	due := b.marked
	b.marked = b.told[:0]
	b.mutex.Unlock()
	for chunk := range slices.Chunk(due, len(b.states)) {
		for i, product := range chunk {
			b.states[i] = b.stateOf(product)
		}
		b.bus.Publish(b.states[:len(chunk)]...)
	}
	clear(due)
	b.told = due
}

// toldRules are the rules of a product that were told last. Only the broadcast's goroutine
// uses them. Their revision is the moment when they were told first, so it is later than
// those of all rules before.
type toldRules struct {
	rules    *inventory.Product
	revision uint64
}

// stateOf reads the board after it has taken the mark away: a change that comes between
// the two marks the product again. What is never sold is what the rules say that are told
// with it, also when the board does not know it yet.
func (b *broadcast) stateOf(p *productActor) persistence.StockState {
	p.marked.Store(false)
	rules, stock, now := p.rules.Load(), p.board.read(), b.engine.clock.Now()
	stock.Safety = rules.Safety
	if p.told.rules != rules {
		p.told = toldRules{rules: rules, revision: max(p.told.revision+1, uint64(now))} // #nosec G115 -- after 1970
	}
	return persistence.StockState{Product: rules.ID, Rules: rules, Epoch: b.engine.Epoch(), Version: stock.Version, Revision: p.told.revision,
		Available: max(stock.Available(), 0), Reserved: stock.Reserved, Sold: stock.Sold, At: now}
}
