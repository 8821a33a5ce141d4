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
	"golang.org/x/sys/cpu"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
)

// Options says how an engine is built. Store, Journal and Clock are required.
type Options struct {
	Store persistence.Store
	// Journal must have been opened against the Store's position.
	Journal persistence.Journal
	Clock   clock.Guarded
	Log     *slog.Logger
	// InFlightMax bounds the operations that wait for an answer; 0 is
	// [InFlightMaxDefault].
	InFlightMax int
	// RequestTimeout is how long a caller waits; 0 is [RequestTimeoutDefault].
	RequestTimeout time.Duration
	// BacklogRecordsMax bounds the durable records that are not in SQL yet; 0 is
	// [BacklogRecordsMaxDefault].
	BacklogRecordsMax uint64
	// BacklogBytesMax bounds their bytes; 0 is [BacklogBytesMaxDefault].
	BacklogBytesMax int64
	// ProjectionInterval is the least time between two transactions of the
	// projection, unless somebody waits for it; 0 is [ProjectionIntervalDefault].
	ProjectionInterval time.Duration
	// OrderRetention is how long orders are kept in SQL after the last change, once
	// nothing of them is held or to be shipped, and MovementRetention how long movements
	// are: at least [RetentionMin]; 0 is for ever.
	OrderRetention, MovementRetention time.Duration
	// Acknowledge says when operations are answered.
	Acknowledge Acknowledgement
	// Bus is where other processes are told of the durable stock of products; nil tells
	// nobody.
	Bus persistence.Bus
	// OrderNews is called with each durable state of the orders of watched customers: those
	// of an order in their order, and never two at once. Whoever is answered waits for it, so
	// it must not wait, and it must not panic. nil is told nothing.
	OrderNews func(OrderNews)
	// Failed is called, once or more, when the projection finds data that cannot be
	// verified; the program has to stop. nil logs only.
	Failed func(error)
}

// Engine is the shell of the domain: see the package comment. It implements
// [Facade].
type Engine struct {
	store   persistence.Store
	journal persistence.Journal
	clock   clock.Guarded
	log     *slog.Logger
	failed  func(error)

	requestTimeout    time.Duration
	inFlightMax       int64
	backlogRecordsMax uint64
	backlogBytesMax   int64

	hollywood *actor.Engine
	shelf     *shelf
	// shelving lets one product be added at a time.
	shelving sync.Mutex
	texts    *texts
	// ruleChanges are the last changes of rules.
	ruleChanges ruleChanges
	patrol      patrol
	actors      []*orderActor
	directory   *orderDirectory
	keys        *keyTable
	keyFilter   *keyFilter
	// lookups has a place for each read of SQL that runs.
	lookups        chan struct{}
	lookupsWaiting atomic.Int64
	lookupsWG      sync.WaitGroup

	// life ends with the engine, and so do the rebuilds.
	life     context.Context
	end      context.CancelFunc
	rebuilds sync.WaitGroup
	// jumped says that the machine's clock has jumped.
	jumped atomic.Bool

	// quarantined counts the actors that have no memory now, rebuilt the panics,
	// refused the refusals because of a bound, refusedEarly those before any actor,
	// and parked the orders that had to wait for others to be decided.
	quarantined                            atomic.Int64
	rebuilt, refused, refusedEarly, parked atomic.Uint64

	// recountTimeout is recountMax.
	recountTimeout time.Duration
	// recounting is held by the one who has the purchases of a product counted anew.
	recounting sync.Mutex

	stopping  atomic.Bool
	drained   chan struct{}
	drainOnce sync.Once
	projector *projector
	retention *retention
	// commits are there when answers wait for SQL, and do not change.
	commits *commits
	// broadcast is there when other processes are told, and does not change.
	broadcast *broadcast
	// orderWatch tells of orders that somebody watches, and does not change.
	orderWatch *orderWatch

	// What every order writes has lines of the processor's cache of its own, so that
	// those who read the rest do not wait for it.
	_        cpu.CacheLinePad
	inFlight atomic.Int64
	_        cpu.CacheLinePad
	// folding is set while an event is folded into the ledgers, under the journal's
	// append lock.
	folding bool
	// recount is there while the purchases of a product are counted anew, under that lock.
	recount *recount
	// appendedBytes counts the bytes of the records that SQL did not have at the start
	// and of those appended since.
	appendedBytes atomic.Int64
	_             cpu.CacheLinePad
	published     published
}

// New builds an engine whose state is still empty. The journal must call
// [Engine.Published]; [Engine.Recover] then fills the state and starts the work.
func New(options Options) (*Engine, error) {
	retention, err := newRetention(&options)
	if err != nil {
		return nil, err
	}
	hollywood, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return nil, fmt.Errorf("start the actor system: %w", err)
	}
	directory := newOrderDirectory()
	e := &Engine{recountTimeout: recountMax,
		store: options.Store, journal: options.Journal, clock: options.Clock, log: options.Log, failed: options.Failed,
		requestTimeout:    orDefault(options.RequestTimeout, RequestTimeoutDefault),
		inFlightMax:       int64(orDefault(options.InFlightMax, InFlightMaxDefault)),
		backlogRecordsMax: orDefault(options.BacklogRecordsMax, BacklogRecordsMaxDefault),
		backlogBytesMax:   orDefault(options.BacklogBytesMax, BacklogBytesMaxDefault),
		retention:         retention,
		hollywood:         hollywood,
		shelf:             newShelf(),
		texts:             newTexts(),
		directory:         directory,
		keys:              newKeyTable(directory),
		keyFilter:         newKeyFilter(),
		lookups:           make(chan struct{}, lookupsMax),
		drained:           make(chan struct{}),
		commits:           newCommits(options.Acknowledge),
		orderWatch:        newOrderWatch(options.OrderNews),
	}
	retention.engine = e
	e.life, e.end = context.WithCancel(context.Background())
	e.broadcast = newBroadcast(e, options.Bus)
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.failed == nil {
		e.failed = func(error) {}
	}
	for i := range orderActorCount() {
		a := newOrderActor(e, actorNumber(i))
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

// lookUp runs a read of SQL outside the actors, or returns false when too many wait
// for their turn. The read gets an error in place of a store when its turn does not
// come in time.
func (e *Engine) lookUp(read func(context.Context, persistence.Store, error)) bool {
	if e.lookupsWaiting.Add(1) > lookupsWaitingMax {
		e.lookupsWaiting.Add(-1)
		return false
	}
	e.lookupsWG.Go(func() {
		defer e.lookupsWaiting.Add(-1)
		ctx, cancel := context.WithTimeout(context.Background(), e.requestTimeout)
		defer cancel()
		select {
		case e.lookups <- struct{}{}:
			defer func() { <-e.lookups }()
			read(ctx, e.store, nil)
		case <-ctx.Done():
			read(ctx, nil, ctx.Err())
		}
	})
	return true
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

// serve sends an operation to its order actor and waits for the answer, which is in op:
// a refusal, or something that is acknowledged. The caller recycles op. When it returns
// false there was no answer in time, and op is gone.
func (e *Engine) serve(op *operation, a *orderActor) bool {
	a.push(op, true)
	if !op.await(e.requestTimeout) {
		return false
	}
	if op.waitFor > e.acknowledged() && !op.refusal.Refused() {
		e.waitShown(op)
	}
	op.stopTimer()
	return true
}

// do is serve for those who recycle op only when the answer is no refusal.
func (e *Engine) do(op *operation, a *orderActor) inventory.Refusal {
	if !e.serve(op, a) {
		return refusedTimeout
	}
	refusal := op.refusal
	if refusal.Refused() {
		op.recycle()
	}
	return refusal
}

// waitShown waits for what an answered operation tells, for the rest of the time that
// its caller has, and counts as an operation. When that is not enough, it refuses.
func (e *Engine) waitShown(op *operation) {
	e.inFlight.Add(1)
	defer e.leave()
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-op.timeUp:
			op.timeUp <- struct{}{} // for stopTimer
			cancel()
		case <-ctx.Done():
		}
	})
	err := e.waitAcknowledged(ctx, op.waitFor)
	cancel()
	watch.Wait() // the channel is the operation's
	if err != nil {
		op.refusal = refusedTimeout
	}
}

// waitAppended returns when all that is appended now may be shown.
func (e *Engine) waitAppended(ctx context.Context) error {
	var last uint64
	e.journal.Hold(func(appended uint64) { last = appended })
	return e.waitAcknowledged(ctx, last)
}

// backlogged reports whether SQL is too far behind to take more.
func (e *Engine) backlogged() bool {
	projected := e.projector.position()
	return e.journal.DurableSequence()-projected > e.backlogRecordsMax ||
		e.appendedBytes.Load()-e.projector.bytes.Load() > e.backlogBytesMax
}

// Ready implements [Facade].
func (e *Engine) Ready() error {
	switch {
	case e.stopping.Load():
		return errors.New("stopping")
	case e.backlogged():
		return errors.New("too many orders wait to be written to the database")
	case int(e.quarantined.Load()) == len(e.actors):
		return errors.New("all order actors are being rebuilt")
	}
	return nil
}
