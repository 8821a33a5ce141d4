package actors

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast/inventory"
	"holdfast/persistence"
)

// Recover fills an engine that is still empty: the state of SQL at its position,
// then the journal's records after it, in order. It decides nothing and reads no
// clock for what happened. Then it checks the invariants (P9), issues opening
// receipts that a crash left out, and starts the work.
func (e *Engine) Recover(ctx context.Context) error {
	started := e.clock.Now()
	position, err := e.store.Position(ctx)
	if err != nil {
		return fmt.Errorf("read the projection's position: %w", err)
	}
	r := recovery{engine: e, ctx: ctx}
	for _, step := range []func() error{r.load, func() error { return r.replay(position) }, r.check} {
		if err := step(); err != nil {
			return err
		}
	}
	e.clock.NotBefore(r.latest)
	e.shelf.each(func(_ inventory.ID, p *productActor) bool {
		p.purchases = p.ledger.copyPurchases()
		return true
	})
	e.projector.start(position)
	if err := r.receiveOpenings(); err != nil {
		return err
	}
	if err := r.endDueHolds(); err != nil {
		return err
	}
	e.log.Info("recovered", "products", r.products, "orders_held", r.held, "keys", r.keys,
		"position", position.Sequence, "records_replayed", r.replayed, "duration", time.Duration(e.clock.Now()-started))
	return nil
}

// recovery is the work of Recover. No actor runs yet, so it touches their state.
type recovery struct {
	engine                         *Engine
	ctx                            context.Context
	products, held, keys, replayed int
	// latest is the time of the last event that was found.
	latest inventory.Instant
}

// load reads the state of SQL.
func (r *recovery) load() error {
	if err := r.engine.store.EachProduct(r.ctx, r.loadProduct); err != nil {
		return fmt.Errorf("load the products: %w", err)
	}
	if err := r.engine.store.EachReservedOrder(r.ctx, r.loadOrder); err != nil {
		return fmt.Errorf("load the held orders: %w", err)
	}
	if err := r.engine.store.EachPurchase(r.ctx, r.loadPurchase); err != nil {
		return fmt.Errorf("load the purchases that count towards limits: %w", err)
	}
	since := r.engine.clock.Now().Add(-inventory.Instant(keyRetention))
	if err := r.engine.store.EachKey(r.ctx, since, r.loadKey); err != nil {
		return fmt.Errorf("load the idempotency keys: %w", err)
	}
	return nil
}

func (r *recovery) loadProduct(product persistence.CatalogueProduct, stock inventory.Stock) error {
	if _, err := r.engine.shelve(&product, stock); err != nil {
		return err
	}
	r.products++
	return nil
}

func (r *recovery) loadOrder(order inventory.Order) error {
	record := &heldOrder{Order: order}
	a := r.hold(record)
	r.engine.keys.put(record.Key, keyEntry{body: record.Body, kind: inventory.OrderPlaced, record: record, owner: a})
	for i := range order.Lines {
		if order.Lines[i].Quantity > 0 {
			p := r.engine.shelf.get(order.Lines[i].ProductID)
			if p == nil {
				return fmt.Errorf("%w: product %s of order %s is not in the catalogue", persistence.ErrCorrupt, order.Lines[i].ProductID, order.ID)
			}
			p.board.holds.add(order.ExpiresAt)
		}
	}
	return nil
}

func (r *recovery) loadPurchase(product, customer inventory.ID, units int64) error {
	r.engine.shelf.get(product).ledger.purchases.add(customer, units)
	return nil
}

func (r *recovery) loadKey(key persistence.IdempotencyKey) error {
	r.engine.keyFilter.add(key.Key)
	r.keys++
	return nil
}

// hold puts an order in the memory of its actor.
func (r *recovery) hold(record *heldOrder) *orderActor {
	a := r.engine.actorOf(record.ID.Shard())
	a.memory.add(record)
	a.deadlines.follow(record)
	r.latest = max(r.latest, record.UpdatedAt)
	return a
}

// replay folds the journal after the position.
func (r *recovery) replay(position persistence.Position) error {
	reader, err := r.engine.journal.ReadFrom(position)
	if err != nil {
		return fmt.Errorf("read the journal after %s: %w", position, err)
	}
	defer reader.Close()
	var records []persistence.Record
	for {
		batch, ok, err := reader.TryNext()
		if err != nil || !ok {
			return err
		}
		if records, err = appendRecords(records[:0], &batch); err != nil {
			return err
		}
		for i := range records {
			if err := r.apply(&records[i]); err != nil {
				return fmt.Errorf("%w: replay of record %d: %w", persistence.ErrCorrupt, records[i].Sequence, err)
			}
		}
		r.replayed += len(records)
		r.engine.appendedBytes.Add(recordBytes(&batch))
	}
}

// apply folds one record into orders, keys and stock.
func (r *recovery) apply(record *persistence.Record) error {
	event := &record.Event
	r.latest = max(r.latest, event.At)
	if event.Kind == inventory.StockAdjusted {
		a := r.engine.actorOf(shardOfKey(event.Key))
		r.engine.keys.put(event.Key, keyEntry{body: event.Body, kind: event.Kind, sequence: record.Sequence, owner: a})
		a.memory.awaitProjection(record.Sequence, nil, event.Key)
		return r.applyToStock(event, 0, 0)
	}
	order, err := r.orderOf(event)
	if err != nil {
		return err
	}
	heldUntil := order.ExpiresAt
	if err := order.Evolve(event, record.Sequence); err != nil {
		return err
	}
	if event.Kind == inventory.OrderPlaced {
		heldUntil = order.ExpiresAt
	}
	if err := r.applyToStock(event, order.PlacedAt, heldUntil); err != nil {
		return err
	}
	if event.Kind == inventory.OrderExtended {
		for i := range order.Lines {
			if order.Lines[i].Quantity > 0 {
				r.engine.shelf.get(order.Lines[i].ProductID).board.extend(heldUntil, event.ExpiresAt)
			}
		}
	}
	r.keep(order, event, record.Sequence)
	return nil
}

// applyToStock folds one record into the products.
func (r *recovery) applyToStock(event *inventory.Event, placed, heldUntil inventory.Instant) error {
	for _, line := range event.Moves() {
		p := r.engine.shelf.get(line.ProductID)
		if p == nil {
			return fmt.Errorf("product %s is not in the catalogue", line.ProductID)
		}
		if err := p.ledger.admits(event, line); err != nil {
			return fmt.Errorf("%s of %d units of product %s: %w", event.Kind, line.Quantity, line.ProductID, err)
		}
		p.stock = p.ledger.apply(event, line, placed, p.rules.Load())
		p.free.Store(p.stock.Available())
		p.board.apply(event, line, heldUntil)
		if event.Kind == inventory.OrderPlaced {
			line.StockVersion = p.stock.Version
		}
	}
	return nil
}

// keep puts an order and the key of its event in the memory of its actor.
func (r *recovery) keep(order *heldOrder, event *inventory.Event, sequence uint64) {
	a := r.hold(order)
	key := event.Key
	if event.Kind.HasKey() {
		r.engine.keys.put(key, keyEntry{body: event.Body, kind: event.Kind, record: order, sequence: sequence, owner: a})
	}
	if event.Kind == inventory.OrderPlaced {
		key = inventory.Fingerprint{}
	}
	a.memory.awaitProjection(sequence, order, key)
}

// orderOf returns the order that an event continues, or a new one.
func (r *recovery) orderOf(event *inventory.Event) (*heldOrder, error) {
	if order := r.engine.actorOf(event.Order.Shard()).memory.orders[event.Order]; order != nil {
		return order, nil
	}
	return r.find(event)
}

// find returns the record that an event of an order outside memory applies to.
func (r *recovery) find(event *inventory.Event) (*heldOrder, error) {
	if event.Kind == inventory.OrderPlaced {
		return &heldOrder{}, nil
	}
	order, err := r.engine.store.OrderByID(r.ctx, event.Order)
	if errors.Is(err, persistence.ErrNotFound) {
		return nil, fmt.Errorf("order %s was never placed", event.Order)
	}
	return &heldOrder{Order: order}, err
}

// endDueHolds ends the holds that ended while the program did not run, and returns
// when that is durable. On a full disk they wait until there is space.
func (r *recovery) endDueHolds() error {
	for due := true; due; {
		due = false
		for _, a := range r.engine.actors {
			due = a.askToEndHolds() || due
		}
		if err := r.engine.waitAppended(r.ctx); err != nil {
			return fmt.Errorf("end the holds that are due: %w", err)
		}
	}
	return nil
}

// askToEndHolds makes the actor end the holds that are due, and reports whether there
// are more than it could.
func (a *orderActor) askToEndHolds() bool {
	op := newOperation(a.engine, stepExpire)
	op.begun = true
	a.engine.inFlight.Add(1)
	a.push(op, true)
	<-op.done
	defer op.recycle()
	return op.missing
}

// check compares what is held with the orders that hold it, product by product
// (N1, N2, N3).
func (r *recovery) check() error {
	reserved := make(map[inventory.ID]int64)
	for _, a := range r.engine.actors {
		for _, order := range a.memory.orders {
			if order.State != inventory.Reserved {
				continue
			}
			r.held++
			for i := range order.Lines {
				reserved[order.Lines[i].ProductID] += order.Lines[i].Quantity
			}
		}
	}
	var failure error
	r.engine.shelf.each(func(id inventory.ID, p *productActor) bool {
		stock := p.board.read()
		switch err := stock.Check(); {
		case err != nil:
			failure = fmt.Errorf("%w: product %s: %w", persistence.ErrCorrupt, id, err)
		case stock.Reserved != reserved[id]:
			failure = fmt.Errorf("%w: product %s has %d units reserved, its orders hold %d",
				persistence.ErrCorrupt, id, stock.Reserved, reserved[id])
		}
		return failure == nil
	})
	return failure
}

// receiveOpenings issues the receipts of products whose creation was cut off
// between the catalogue and the journal.
func (r *recovery) receiveOpenings() error {
	var missing []*productActor
	r.engine.shelf.each(func(_ inventory.ID, p *productActor) bool {
		if p.board.read().Version > 0 {
			p.opening.Store(0)
		} else if p.opening.Load() > 0 {
			missing = append(missing, p)
		}
		return true
	})
	var next, waiting atomic.Int64
	var workers errgroup.Group
	for range min(openingsParallel, len(missing)) {
		workers.Go(func() error {
			for n := next.Add(1); n <= int64(len(missing)); n = next.Add(1) {
				received, err := r.receiveMissing(missing[n-1])
				if err != nil {
					return err
				}
				if !received {
					waiting.Add(1)
				}
			}
			return nil
		})
	}
	err := workers.Wait()
	if len(missing) > 0 {
		r.engine.log.Info("issued opening receipts that were missing", "products", len(missing), "wait_for_space_on_the_disk", waiting.Load())
	}
	return err
}

// receiveMissing issues one receipt. Without space on the disk it comes with the
// product's first adjustment, or at the next start.
func (r *recovery) receiveMissing(p *productActor) (received bool, err error) {
	for r.ctx.Err() == nil {
		switch refusal := r.engine.receiveOpening(p); {
		case !refusal.Refused():
			return true, nil
		case refusal.Code == inventory.CodeStorageFull:
			return false, nil
		case refusal.Code != inventory.CodeOverloaded:
			return false, fmt.Errorf("receive the opening stock of product %s: %w", p.rules.Load().ID, refusal)
		}
		// The journal is behind: there is room again when it has written what it has.
		if err := r.engine.waitAppended(r.ctx); err != nil {
			return false, fmt.Errorf("receive the opening stock of product %s: %w", p.rules.Load().ID, err)
		}
	}
	return false, r.ctx.Err()
}
