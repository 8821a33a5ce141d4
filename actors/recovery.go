package actors

import (
	"context"
	"errors"
	"fmt"
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
	e.broadcast.start()
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

// load reads the state of SQL. The keys concern nothing else, so they are read beside
// the rest: a start with a million products and keys is that much shorter.
func (r *recovery) load() error {
	workers, ctx := errgroup.WithContext(r.ctx)
	workers.Go(func() error { return r.loadKeys(ctx) })
	workers.Go(func() error { return r.loadState(ctx) })
	return workers.Wait()
}

// loadState reads the products and what is held and counted of them.
func (r *recovery) loadState(ctx context.Context) error {
	if err := r.loadProducts(ctx); err != nil {
		return fmt.Errorf("load the products: %w", err)
	}
	if err := r.engine.store.EachReservedOrder(ctx, r.loadOrder); err != nil {
		return fmt.Errorf("load the held orders: %w", err)
	}
	if err := r.engine.store.EachPurchase(ctx, r.loadPurchase); err != nil {
		return fmt.Errorf("load the purchases that count towards limits: %w", err)
	}
	return nil
}

// loadKeys reads the keys that are remembered. Nobody else uses the filter meanwhile.
func (r *recovery) loadKeys(ctx context.Context) error {
	since := r.engine.clock.Now().Add(-inventory.Instant(keyRetention))
	if err := r.engine.store.EachKey(ctx, since, r.loadKey); err != nil {
		return fmt.Errorf("load the idempotency keys: %w", err)
	}
	return nil
}

// loadedProducts is how many products are read before they are put on the shelf.
const loadedProducts = 1_024

// loadedProduct is one product as SQL has it.
type loadedProduct struct {
	rules   inventory.Product
	opening int64
	stock   inventory.Stock
}

// loadProducts puts all products on the shelf, on another processor than the one that
// reads them.
func (r *recovery) loadProducts(ctx context.Context) error {
	workers, ctx := errgroup.WithContext(ctx)
	read := make(chan []loadedProduct, 1)
	send := func(products []loadedProduct) error {
		select {
		case read <- products:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	workers.Go(func() error {
		defer close(read)
		var products []loadedProduct
		err := r.engine.store.EachSale(ctx, func(rules inventory.Product, opening int64, stock inventory.Stock) error {
			if products = append(products, loadedProduct{rules, opening, stock}); len(products) < loadedProducts {
				return nil
			}
			full := products
			products = make([]loadedProduct, 0, loadedProducts)
			return send(full)
		})
		return errors.Join(err, send(products))
	})
	workers.Go(func() error {
		for products := range read {
			for i := range products {
				if _, err := r.engine.shelve(&products[i].rules, products[i].opening, products[i].stock); err != nil {
					return err
				}
			}
			r.products += len(products)
		}
		return nil
	})
	return workers.Wait()
}

func (r *recovery) loadOrder(order inventory.Order) error {
	record := r.make(&order)
	r.hold(record)
	r.engine.keys.putOrder(record)
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
	a := r.engine.actors[record.owner]
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
		r.engine.keys.put(event.Key, &keyEntry{body: event.Body, kind: event.Kind, sequence: record.Sequence, owner: a.number})
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

// otherDatabase says what it means that SQL lacks what the journal goes on from.
const otherDatabase = "the database is empty, or not the one that the journal was written with: " +
	"put that one back, from a backup, with \"holdfast restore --database-only\""

// applyToStock folds one record into the products.
func (r *recovery) applyToStock(event *inventory.Event, placed, heldUntil inventory.Instant) error {
	for _, line := range event.Moves() {
		p := r.engine.shelf.get(line.ProductID)
		if p == nil {
			return fmt.Errorf("product %s is not in the catalogue: %s", line.ProductID, otherDatabase)
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
	switch {
	case event.Kind == inventory.OrderPlaced:
		order.placed = sequence
		r.engine.keys.putOrder(order)
		key = inventory.Fingerprint{} // it stays as long as the order does
	case event.Kind.HasKey():
		r.engine.keys.put(key, &keyEntry{body: event.Body, kind: event.Kind, record: order, sequence: sequence, owner: a.number})
	}
	a.memory.awaitProjection(sequence, order, key)
}

// orderOf returns the order that an event continues, or a new one.
func (r *recovery) orderOf(event *inventory.Event) (*heldOrder, error) {
	if order := r.engine.actorOf(event.Order.Shard()).memory.orders.get(event.Order); order != nil {
		return order, nil
	}
	return r.find(event)
}

// find returns the record that an event of an order outside memory applies to.
func (r *recovery) find(event *inventory.Event) (*heldOrder, error) {
	if event.Kind == inventory.OrderPlaced {
		return r.make(&inventory.Order{ID: event.Order}), nil
	}
	order, err := r.engine.store.OrderByID(r.ctx, event.Order)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		return nil, fmt.Errorf("order %s was never placed: %s", event.Order, otherDatabase)
	case err != nil:
		return nil, err
	}
	return r.make(&order), nil
}

// make returns a record of an order, which has an ID, in the memory of its actor.
func (r *recovery) make(order *inventory.Order) *heldOrder {
	a := r.engine.actorOf(order.ID.Shard())
	return a.memory.make(order, a.number)
}

// endDueHolds ends the holds that ended while the program did not run, and returns
// when that, and all that was replayed, may be shown. On a full disk they wait until
// there is space.
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
		a.memory.orders.each(func(order *heldOrder) {
			if order.State != inventory.Reserved {
				return
			}
			r.held++
			for i := range order.Lines {
				reserved[order.Lines[i].ProductID] += order.Lines[i].Quantity
			}
		})
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
