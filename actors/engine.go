package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anthdm/hollywood/actor"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
)

// Options says how an engine is built. Store, Journal and Clock are required.
type Options struct {
	Store persistence.Store
	// Journal must have been opened against the Store's position.
	Journal persistence.Journal
	Clock   clock.Clock
	Log     *slog.Logger
	// InFlightMax bounds the operations that wait for an answer; 0 is
	// [InFlightMaxDefault].
	InFlightMax int
	// RequestTimeout is how long a caller waits; 0 is [RequestTimeoutDefault].
	RequestTimeout time.Duration
	// BacklogRecordsMax bounds the durable records that are not in SQL yet; 0 is
	// [BacklogRecordsMaxDefault].
	BacklogRecordsMax uint64
	// ProjectionInterval is the least time between two transactions of the
	// projection, unless somebody waits for it; 0 is [ProjectionIntervalDefault].
	ProjectionInterval time.Duration
	// Failed is called, once or more, when the projection finds data that cannot be
	// verified; the program has to stop. nil logs only.
	Failed func(error)
}

// Engine is the shell of the domain: see the package comment. It implements
// [Facade].
type Engine struct {
	store   persistence.Store
	journal persistence.Journal
	clock   clock.Clock
	log     *slog.Logger
	failed  func(error)

	requestTimeout    time.Duration
	inFlightMax       int64
	backlogRecordsMax uint64

	hollywood *actor.Engine
	shelf     *shelf
	// shelving lets one product be added at a time.
	shelving  sync.Mutex
	actors    []*orderActor
	keyFilter *keyFilter
	lookups   chan struct{}
	lookupsWG sync.WaitGroup

	// quarantined counts the actors that panicked, refused the refusals because of
	// a bound.
	quarantined atomic.Int64
	refused     atomic.Uint64

	inFlight  atomic.Int64
	stopping  atomic.Bool
	drained   chan struct{}
	drainOnce sync.Once

	published published
	projector *projector
}

// New builds an engine whose state is still empty. The journal must call
// [Engine.Published]; [Engine.Recover] then fills the state and starts the work.
func New(options Options) (*Engine, error) {
	hollywood, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return nil, fmt.Errorf("start the actor system: %w", err)
	}
	e := &Engine{
		store: options.Store, journal: options.Journal, clock: options.Clock, log: options.Log, failed: options.Failed,
		requestTimeout:    orDefault(options.RequestTimeout, RequestTimeoutDefault),
		inFlightMax:       int64(orDefault(options.InFlightMax, InFlightMaxDefault)),
		backlogRecordsMax: orDefault(options.BacklogRecordsMax, BacklogRecordsMaxDefault),
		hollywood:         hollywood,
		shelf:             newShelf(),
		keyFilter:         newKeyFilter(),
		lookups:           make(chan struct{}, lookupsMax),
		drained:           make(chan struct{}),
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.failed == nil {
		e.failed = func(error) {}
	}
	for i := range orderActorCount() {
		a := newOrderActor(e)
		if err := a.spawn(hollywood, "orders", strconv.Itoa(i), mailboxMax, a); err != nil {
			return nil, err
		}
		e.actors = append(e.actors, a)
	}
	e.projector = newProjector(e, orDefault(options.ProjectionInterval, ProjectionIntervalDefault))
	return e, nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// orderActorCount is a power of two, twice the processors and at least four:
// enough to keep them busy, few enough that wake-ups are shared.
func orderActorCount() int {
	return max(4, 1<<bits.Len(uint(2*runtime.GOMAXPROCS(0)-1)))
}

// actorOf returns the order actor of a shard.
func (e *Engine) actorOf(shard uint16) *orderActor { return e.actors[int(shard)%len(e.actors)] }

// productsOf appends the actors of lines to dst.
func (e *Engine) productsOf(dst []*productActor, lines []inventory.Line) []*productActor {
	for i := range lines {
		dst = append(dst, e.shelf.get(lines[i].ProductID))
	}
	return dst
}

// lookUp runs a read of SQL outside the actors. At most lookupsMax run at once;
// those that wait for their turn are bounded by the operations in flight.
func (e *Engine) lookUp(read func(context.Context, persistence.Store)) {
	e.lookupsWG.Add(1)
	go func() {
		defer e.lookupsWG.Done()
		e.lookups <- struct{}{}
		defer func() { <-e.lookups }()
		ctx, cancel := context.WithTimeout(context.Background(), e.requestTimeout)
		defer cancel()
		read(ctx, e.store)
	}()
}

// Published answers the operations of a durable batch. The journal's writer
// calls it after it has raised the durable sequence.
func (e *Engine) Published(uint64) { e.published.release() }

// enter counts an operation in, or refuses it.
func (e *Engine) enter() inventory.Refusal {
	if e.inFlight.Add(1) > e.inFlightMax {
		e.leave()
		e.refused.Add(1)
		return refusedOverloaded
	}
	if e.stopping.Load() {
		e.leave()
		return refusedStopping
	}
	return inventory.Refusal{}
}

// leave counts an operation out.
func (e *Engine) leave() {
	if e.inFlight.Add(-1) == 0 && e.stopping.Load() {
		e.drainOnce.Do(func() { close(e.drained) })
	}
}

var (
	refusedStopping = inventory.Refusal{Code: inventory.CodeStarting, Detail: "The server is starting or stopping."}
	refusedTimeout  = inventory.Refusal{Code: inventory.CodeUnknownOutcome,
		Detail: "No answer in time. Repeat the request with the same key to learn what became of it."}
	refusedBacklog = inventory.Refusal{Code: inventory.CodeStoreUnavailable,
		Detail: "Too many orders wait to be written to the database. Nothing was changed; try again later."}
	refusedProductUnknown = inventory.Refusal{Code: inventory.CodeNotFound, Detail: "There is no such product."}
)

// do sends an operation to its order actor and waits for the answer. When the
// refusal is zero the answer is in op, and what it tells is durable; the caller
// recycles op. Otherwise op is gone.
func (e *Engine) do(op *operation, a *orderActor) inventory.Refusal {
	a.push(op, true)
	if !op.await(e.requestTimeout) {
		return refusedTimeout
	}
	refusal := op.refusal
	if !refusal.Refused() && op.waitFor > e.journal.DurableSequence() {
		refusal = e.waitDurable(op.waitFor)
	}
	if refusal.Refused() {
		op.recycle()
	}
	return refusal
}

// waitDurable waits like an operation does, and counts as one.
func (e *Engine) waitDurable(sequence uint64) inventory.Refusal {
	e.inFlight.Add(1)
	defer e.leave()
	ctx, cancel := context.WithTimeout(context.Background(), e.requestTimeout)
	defer cancel()
	if err := e.journal.WaitDurable(ctx, sequence); err != nil {
		return refusedTimeout
	}
	return inventory.Refusal{}
}

// PlaceOrder implements [Facade].
func (e *Engine) PlaceOrder(request *PlaceOrder) (OrderReply, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return OrderReply{}, refusal
	}
	op := newOperation(e, stepPlace)
	op.event = inventory.Event{Kind: inventory.OrderPlaced, By: request.Customer, Customer: request.Customer,
		Key: request.Key, Body: request.Body}
	refusal := e.fillSlip(op, request.Lines)
	if !refusal.Refused() && e.backlogged() {
		refusal = refusedBacklog
	}
	if refusal.Refused() {
		e.leave()
		op.recycle()
		return OrderReply{}, refusal
	}
	if refusal := e.do(op, e.actorOf(shardOf(request.Customer))); refusal.Refused() {
		return OrderReply{}, refusal
	}
	reply := OrderReply{Order: op.order, Replayed: op.replayed}
	op.recycle()
	return reply, inventory.Refusal{}
}

// fillSlip merges the lines and finds their products.
func (e *Engine) fillSlip(op *operation, lines []inventory.Line) inventory.Refusal {
	merged, refusal := inventory.MergeLines(append(op.oneLine[:0], lines...))
	switch {
	case refusal.Refused():
		return refusal
	case len(merged) == 0 || len(merged) > OrderProductsMax:
		return inventory.Refusal{Code: inventory.CodeValidationFailed,
			Detail: fmt.Sprintf("An order names between 1 and %d products.", OrderProductsMax)}
	}
	op.event.Lines = merged
	op.products = e.productsOf(op.oneProduct[:0], merged)
	for i, product := range op.products {
		if product == nil {
			refusal := refusedProductUnknown
			refusal.ProductID = merged[i].ProductID
			return refusal
		}
	}
	return inventory.Refusal{}
}

// backlogged reports whether SQL is too far behind to take more.
func (e *Engine) backlogged() bool {
	return e.journal.DurableSequence()-e.projector.position() > e.backlogRecordsMax
}

// ConfirmOrder implements [Facade].
func (e *Engine) ConfirmOrder(request ChangeOrder) (inventory.Order, inventory.Refusal) {
	return e.changeOrder(inventory.OrderConfirmed, request)
}

// CancelOrder implements [Facade].
func (e *Engine) CancelOrder(request ChangeOrder) (inventory.Order, inventory.Refusal) {
	return e.changeOrder(inventory.OrderCancelled, request)
}

func (e *Engine) changeOrder(kind inventory.Kind, request ChangeOrder) (inventory.Order, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return inventory.Order{}, refusal
	}
	op := newOperation(e, stepChange)
	op.event = inventory.Event{Kind: kind, By: request.Caller, Order: request.Order}
	op.owner = request.Owner
	if refusal := e.do(op, e.actorOf(request.Order.Shard())); refusal.Refused() {
		return inventory.Order{}, refusal
	}
	order := op.order
	op.recycle()
	return order, inventory.Refusal{}
}

// AdjustStock implements [Facade].
func (e *Engine) AdjustStock(request *AdjustStock) (StockReply, inventory.Refusal) {
	product := e.shelf.get(request.Product)
	if product == nil {
		return StockReply{}, refusedProductUnknown
	}
	return e.adjustStock(request, product)
}

func (e *Engine) adjustStock(request *AdjustStock, product *productActor) (StockReply, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return StockReply{}, refusal
	}
	op := newOperation(e, stepAdjust)
	op.oneLine[0] = inventory.Line{ProductID: request.Product, Quantity: request.Delta}
	op.oneProduct[0] = product
	op.products = op.oneProduct[:]
	op.event = inventory.Event{Kind: inventory.StockAdjusted, By: request.Caller, Reason: request.Reason,
		Note: request.Note, Key: request.Key, Body: request.Body, Lines: op.oneLine[:]}
	if refusal := e.do(op, e.actorOf(shardOfKey(request.Key))); refusal.Refused() {
		return StockReply{}, refusal
	}
	reply := StockReply{Stock: op.stock, Replayed: op.replayed}
	op.recycle()
	return reply, inventory.Refusal{}
}

// Stock implements [Facade].
func (e *Engine) Stock(product inventory.ID) (inventory.Stock, bool) {
	p := e.shelf.get(product)
	if p == nil {
		return inventory.Stock{}, false
	}
	return p.board.read(), true
}

// openingReason is the reason of the receipt that brings a product's first stock.
const openingReason = "opening"

// AddProduct implements [Facade].
func (e *Engine) AddProduct(product persistence.CatalogueProduct) inventory.Refusal {
	p, err := e.shelve(&product.Product, inventory.Stock{Safety: product.Safety})
	if err != nil {
		e.log.Error("a product could not be put on sale", "product", product.ID.String(), "error", err)
		return refusedOverloaded
	}
	if product.OpeningStock == 0 || p.board.read().Version > 0 {
		return inventory.Refusal{}
	}
	return e.receiveOpening(&product, p)
}

// shelve returns the product's actor, and makes it when there is none.
func (e *Engine) shelve(product *inventory.Product, stock inventory.Stock) (*productActor, error) {
	e.shelving.Lock()
	defer e.shelving.Unlock()
	if p := e.shelf.get(product.ID); p != nil {
		return p, nil
	}
	p := &productActor{stock: stock}
	p.rules.Store(product)
	p.board.stock = stock
	if err := p.spawn(e.hollywood, "product", product.ID.String(), mailboxMax, p); err != nil {
		return nil, err
	}
	e.shelf.put(product.ID, p)
	return p, nil
}

// receiveOpening brings a product's opening stock. The receipt carries the
// product's ID as its key, so it happens once, whoever asks how often.
func (e *Engine) receiveOpening(product *persistence.CatalogueProduct, p *productActor) inventory.Refusal {
	_, refusal := e.adjustStock(&AdjustStock{Product: product.ID, Delta: product.OpeningStock,
		Reason: openingReason, Key: inventory.Fingerprint(product.ID)}, p)
	return refusal
}

// Ready implements [Facade].
func (e *Engine) Ready() error {
	if e.stopping.Load() {
		return errors.New("stopping")
	}
	return nil
}
