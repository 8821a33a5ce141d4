package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	if err := r.load(); err != nil {
		return err
	}
	if err := r.replay(position); err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	e.projector.start(position)
	if err := r.receiveOpenings(); err != nil {
		return err
	}
	for _, a := range e.actors {
		a.post(stepExpire)
	}
	e.log.Info("recovered", "products", r.products, "orders_held", r.held, "keys", r.keys,
		"position", position.Sequence, "records_replayed", r.replayed, "duration", time.Duration(e.clock.Now()-started))
	return nil
}

// recovery is the work of Recover. No actor runs yet, so it touches their state.
type recovery struct {
	engine                         *Engine
	ctx                            context.Context
	openings                       []persistence.CatalogueProduct
	products, held, keys, replayed int
}

// load reads the state of SQL.
func (r *recovery) load() error {
	if err := r.engine.store.EachProduct(r.ctx, r.loadProduct); err != nil {
		return fmt.Errorf("load the products: %w", err)
	}
	if err := r.engine.store.EachReservedOrder(r.ctx, r.loadOrder); err != nil {
		return fmt.Errorf("load the held orders: %w", err)
	}
	since := r.engine.clock.Now().Add(-inventory.Instant(keyRetention))
	if err := r.engine.store.EachKey(r.ctx, since, r.loadKey); err != nil {
		return fmt.Errorf("load the idempotency keys: %w", err)
	}
	return nil
}

func (r *recovery) loadProduct(product persistence.CatalogueProduct, stock inventory.Stock) error {
	if _, err := r.engine.shelve(&product.Product, stock); err != nil {
		return err
	}
	if product.OpeningStock > 0 && stock.Version == 0 {
		r.openings = append(r.openings, product)
	}
	r.products++
	return nil
}

func (r *recovery) loadOrder(order inventory.Order) error {
	r.hold(&heldOrder{Order: order})
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
	if record.State == inventory.Reserved && record.place == 0 {
		a.memory.keys[record.Key] = keyEntry{body: record.Body, kind: inventory.OrderPlaced, record: record}
		a.deadlines.add(record)
	}
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
	}
}

// apply folds one record into stock, orders and keys.
func (r *recovery) apply(record *persistence.Record) error {
	event := &record.Event
	for i := range event.Lines {
		line := &event.Lines[i]
		p := r.engine.shelf.get(line.ProductID)
		if p == nil {
			return fmt.Errorf("product %s is not in the catalogue", line.ProductID)
		}
		line.StockVersion = p.board.apply(event, line).Version
		p.stock = p.board.stock
	}
	if event.Kind == inventory.StockAdjusted {
		a := r.engine.actorOf(shardOfKey(event.Key))
		a.memory.keys[event.Key] = keyEntry{body: event.Body, kind: event.Kind, sequence: record.Sequence,
			subject: event.Lines[0].ProductID}
		a.memory.awaitProjection(record.Sequence, nil, event.Key)
		return nil
	}
	return r.applyToOrder(record)
}

func (r *recovery) applyToOrder(record *persistence.Record) error {
	event := &record.Event
	a := r.engine.actorOf(event.Order.Shard())
	order := a.memory.orders[event.Order]
	if order == nil {
		var err error
		if order, err = r.find(event); err != nil {
			return err
		}
	}
	if err := order.Evolve(event, record.Sequence); err != nil {
		return err
	}
	if event.Kind == inventory.OrderPlaced {
		a.memory.keys[order.Key] = keyEntry{body: order.Body, kind: event.Kind, record: order, sequence: record.Sequence}
	}
	r.hold(order)
	if order.State != inventory.Reserved {
		a.deadlines.remove(order)
	}
	a.memory.awaitProjection(record.Sequence, order, inventory.Fingerprint{})
	return nil
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
	for i := range r.openings {
		product := &r.openings[i]
		p := r.engine.shelf.get(product.ID)
		if p.board.read().Version > 0 {
			continue
		}
		if refusal := r.engine.receiveOpening(product, p); refusal.Refused() {
			return fmt.Errorf("receive the opening stock of product %s: %w", product.ID, refusal)
		}
		r.engine.log.Info("issued an opening receipt that was missing", "product", product.ID.String(), "units", product.OpeningStock)
	}
	return nil
}
