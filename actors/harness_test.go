package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
	"holdfast/persistence/sqlite"
)

// house is an engine on a real SQLite file and a real journal whose disk is in
// memory, so that it can be slowed, filled and crashed.
type house struct {
	t       testing.TB
	engine  *Engine
	journal *journal.Journal
	store   *gatedStore
	clock   *clock.Manual
	disk    *crashfs.FS
	path    string
	// folder has the files of openReal, and cut means that it begins with a database
	// that takes nothing.
	folder string
	cut    bool
	// database is the address of the Postgres of openReal; empty is SQLite.
	database string
	// lastPlaced is when the last order of placeMany was placed.
	lastPlaced inventory.Instant
	failed     atomic.Pointer[error]
	// acknowledge is when the first engine answers, and so those after a restart.
	acknowledge Acknowledgement
	serial      atomic.Uint64
	// callers are those of stormUntil.
	callers sync.WaitGroup
}

// startOfTime is where test clocks begin: 2026-01-01T00:00:00Z.
const startOfTime = inventory.Instant(1_767_225_600) * inventory.Second

var euro = inventory.Currency{'E', 'U', 'R'}

// gatedStore is a real store that can be cut off.
type gatedStore struct {
	persistence.Store
	away atomic.Bool
	// projecting is held during each Project, by a crash, which happens at one moment, so
	// that the file has nothing that the disk has lost, and while a product is shut.
	projecting sync.Mutex
	// meanwhile is called once, when orders were read and are not returned yet.
	meanwhile atomic.Pointer[func()]
}

var errAway = errors.New("the database is away")

func (s *gatedStore) Project(ctx context.Context, from, to persistence.Position, records []persistence.Record) error {
	s.projecting.Lock()
	defer s.projecting.Unlock()
	if s.away.Load() {
		return errAway
	}
	return s.Store.Project(ctx, from, to, records)
}

func (s *gatedStore) OrderByID(ctx context.Context, id inventory.ID) (inventory.Order, error) {
	if s.away.Load() {
		return inventory.Order{}, errAway
	}
	found, err := s.Store.OrderByID(ctx, id)
	s.goOnMeanwhile()
	return found, err
}

// goOnMeanwhile calls meanwhile, once.
func (s *gatedStore) goOnMeanwhile() {
	if meanwhile := s.meanwhile.Swap(nil); meanwhile != nil {
		(*meanwhile)()
	}
}

func (s *gatedStore) Orders(ctx context.Context, filter persistence.OrderFilter) ([]inventory.Order, error) {
	if s.away.Load() {
		return nil, errAway
	}
	found, err := s.Store.Orders(ctx, filter)
	s.goOnMeanwhile()
	return found, err
}

func (s *gatedStore) KeyByFingerprint(ctx context.Context, key inventory.Fingerprint) (persistence.IdempotencyKey, error) {
	if s.away.Load() {
		return persistence.IdempotencyKey{}, errAway
	}
	return s.Store.KeyByFingerprint(ctx, key)
}

// quietly drops the log: panics on purpose fill pages with stacks.
func quietly(o *Options) { o.Log = slog.New(slog.DiscardHandler) }

// fromDatabase lets an engine answer after the commit in SQL.
func fromDatabase(o *Options) { o.Acknowledge = AcknowledgeDatabase }

// inEachMode runs a test with both kinds of acknowledgement.
func inEachMode(t *testing.T, test func(t *testing.T, mode func(*Options))) {
	for _, mode := range []Acknowledgement{AcknowledgeJournal, AcknowledgeDatabase} {
		t.Run("ack="+mode.String(), func(t *testing.T) { test(t, func(o *Options) { o.Acknowledge = mode }) })
	}
}

func newHouse(t testing.TB, configure ...func(*Options)) *house {
	return newHouseOn(t, crashfs.New(), configure...)
}

func newHouseOn(t testing.TB, disk *crashfs.FS, configure ...func(*Options)) *house {
	h := &house{t: t, clock: clock.NewManual(startOfTime), disk: disk, path: filepath.Join(t.TempDir(), "holdfast.db")}
	h.open(configure...)
	t.Cleanup(h.close)
	return h
}

// open starts an engine on what disk and file hold.
func (h *house) open(configure ...func(*Options)) {
	t := h.t
	store, err := sqlite.Open(context.Background(), h.path)
	require.NoError(t, err)
	h.store = &gatedStore{Store: store}
	position, err := store.Position(context.Background())
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	var engine atomic.Pointer[Engine]
	h.journal, err = journal.Open(journal.Options{Directory: "journal", FS: h.disk, SegmentBytes: 1 << 20, RetainBytes: 1 << 40, Projected: position,
		Clock: clock.NewSystem(), Log: log, Failed: func(err error) { h.failed.Store(&err) },
		Published: func(sequence uint64) { engine.Load().Published(sequence) }})
	require.NoError(t, err)
	options := Options{Store: h.store, Journal: h.journal, Clock: h.clock, Log: log, RequestTimeout: waitMax,
		Acknowledge: h.acknowledge, Failed: func(err error) { h.failed.Store(&err) }}
	for _, change := range configure {
		change(&options)
	}
	h.acknowledge = options.Acknowledge
	h.engine, err = New(options)
	require.NoError(t, err)
	engine.Store(h.engine)
	require.NoError(t, h.engine.Recover(context.Background()))
}

// close stops the engine as a graceful end does.
func (h *house) close() {
	if h.engine == nil {
		return
	}
	h.store.away.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	if h.failed.Load() == nil {
		require.NoError(h.t, h.engine.Stop(ctx))
		require.NoError(h.t, h.journal.Close())
	}
	require.NoError(h.t, h.store.Close())
	h.engine = nil
}

// restart ends gracefully and starts again.
func (h *house) restart() {
	h.close()
	h.open()
}

// product creates a product with opening stock.
func (h *house) product(opening int64, change ...func(*persistence.CatalogueProduct)) inventory.ID {
	n := h.serial.Add(1)
	product := persistence.CatalogueProduct{OpeningStock: opening, Version: 1,
		CreatedAt: h.clock.Now(), UpdatedAt: h.clock.Now(),
		Product: inventory.Product{ID: identifier.New(h.clock.Now(), 0), SKU: fmt.Sprintf("SKU-%d", n), Name: "Product", Category: "test", HoldSeconds: 600,
			Price: inventory.Money{Minor: 1000, Currency: euro}}}
	for _, c := range change {
		c(&product)
	}
	require.NoError(h.t, h.store.CreateProducts(context.Background(), product))
	require.Equal(h.t, inventory.Refusal{}, h.engine.AddProduct(product))
	return product.ID
}

// customer creates an account.
func (h *house) customer() inventory.ID {
	id := identifier.New(h.clock.Now(), 0)
	require.NoError(h.t, h.store.CreateUsers(context.Background(), []persistence.User{{ID: id,
		Email: id.String() + "@example.com", Name: "Customer", Role: persistence.RoleCustomer, CreatedAt: h.clock.Now()}}))
	return id
}

// key returns a fingerprint that no other call returns.
func (h *house) key() inventory.Fingerprint {
	return inventory.Fingerprint(identifier.New(h.clock.Now(), 7))
}

func orderOf(customer inventory.ID, key inventory.Fingerprint, product inventory.ID, quantity int64) *PlaceOrder {
	return &PlaceOrder{Customer: customer, Key: key, Body: inventory.Fingerprint{byte(quantity), product[15]},
		Lines: []inventory.Line{{ProductID: product, Quantity: quantity}}}
}

// place places an order that must be accepted.
func (h *house) place(customer, product inventory.ID, quantity int64) inventory.Order {
	reply, refusal := h.engine.PlaceOrder(orderOf(customer, h.key(), product, quantity))
	require.Equal(h.t, inventory.Refusal{}, refusal)
	return reply.Order
}

// change confirms, cancels or extends an order.
func (h *house) change(kind inventory.Kind, order, by, owner inventory.ID) (inventory.Order, inventory.Refusal) {
	reply, refusal := h.engine.ChangeOrder(&ChangeOrder{Order: order, Owner: owner, Change: inventory.Change{Kind: kind, By: by}})
	return reply.Order, refusal
}

// stock returns the durable quantities of a product as on hand, reserved,
// committed.
func (h *house) stock(product inventory.ID) [3]int64 {
	stock, ok := h.engine.Stock(product)
	require.True(h.t, ok)
	return [3]int64{stock.OnHand, stock.Reserved, stock.Committed}
}

// awaitProjection returns when SQL has all that is durable and memory has
// forgotten it.
func (h *house) awaitProjection() {
	ctx, cancel := context.WithTimeout(context.Background(), waitMax)
	defer cancel()
	require.NoError(h.t, h.engine.projector.wait(ctx, h.journal.DurableSequence()))
	h.awaitIdle()
}

// awaitIdle returns when no order actor has anything left to do, all that they appended
// is durable and may be shown, and no timer is due that was set after the clock was moved. An actor is
// idle while what it appended is being written.
func (h *house) awaitIdle() {
	require.Eventually(h.t, func() bool {
		before := h.journal.Statistics()
		for _, a := range h.engine.actors {
			if !a.idle() {
				return false
			}
		}
		return h.engine.acknowledged() == before.DurableSequence && h.clock.Advance(0) == 0 && before.AppendedSequence == before.DurableSequence &&
			h.journal.Statistics().AppendedSequence == before.AppendedSequence
	}, waitMax, waitStep)
}

// awaitStock returns when the durable stock is as wanted.
func (h *house) awaitStock(product inventory.ID, want [3]int64) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.stock(product) == want }, waitMax, waitStep, "want %v", want)
}

const holdTime = 600 * time.Second
