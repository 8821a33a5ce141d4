package actors

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"holdfast/inventory"
	"holdfast/persistence"
)

// read answers with an order in memory, or says that it is not there.
func (a *orderActor) read(op *operation) { a.answerRecord(op, a.memory.orders.get(op.event.Order)) }

// readByKey answers with the order that a key in memory placed.
func (a *orderActor) readByKey(op *operation) {
	entry, known := a.engine.keys.get(op.event.Key)
	if known && (entry.inFlight || entry.sequence > a.engine.acknowledged()) {
		a.refuseWith(op, refusedInProgress)
		return
	}
	a.answerRecord(op, entry.record)
}

func (a *orderActor) answerRecord(op *operation, record *heldOrder) {
	if record == nil || record.placed > a.engine.acknowledged() {
		op.missing = true
	} else {
		op.order, op.waitFor = record.Order, record.Sequence
	}
	a.finish(op)
}

// list answers with a customer's orders in memory.
func (a *orderActor) list(op *operation) {
	op.found, op.waitFor = a.memory.ordersOf(op.filter, a.engine.acknowledged())
	a.finish(op)
}

// Order implements [Facade]. What memory does not have is projected whole, so
// SQL has its last state.
func (e *Engine) Order(ctx context.Context, id, owner inventory.ID) (inventory.Order, inventory.Refusal) {
	order, missing, refusal := e.ask(stepRead, e.actorOf(id.Shard()), inventory.Event{Order: id})
	if missing {
		err := e.fromStore(ctx, func() (err error) {
			order, err = e.store.OrderByID(ctx, id)
			return err
		})
		order, refusal = orderFromStore(order, err)
	}
	if !refusal.Refused() && !owner.IsZero() && order.Customer != owner {
		return inventory.Order{}, refusedOrderUnknown
	}
	return order, refusal
}

// OrderByKey implements [Facade].
func (e *Engine) OrderByKey(ctx context.Context, customer inventory.ID, key inventory.Fingerprint) (inventory.Order, inventory.Refusal) {
	order, missing, refusal := e.ask(stepReadByKey, e.actorOf(shardOf(customer)), inventory.Event{Key: key})
	if !missing {
		return order, refusal
	}
	var used persistence.IdempotencyKey
	err := e.fromStore(ctx, func() (err error) {
		used, err = e.store.KeyByFingerprint(ctx, key)
		return err
	})
	if err == nil && used.Kind != inventory.OrderPlaced {
		err = persistence.ErrNotFound
	}
	if err != nil {
		return orderFromStore(inventory.Order{}, err)
	}
	return e.Order(ctx, used.Subject, customer)
}

// ask puts a question to an order actor.
func (e *Engine) ask(question step, a *orderActor, about inventory.Event) (order inventory.Order, missing bool, refusal inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return inventory.Order{}, false, refusal
	}
	op := newOperation(e, question)
	op.event = about
	if refusal := e.do(op, a); refusal.Refused() {
		return inventory.Order{}, false, refusal
	}
	order, missing = op.order, op.missing
	op.recycle()
	return order, missing, inventory.Refusal{}
}

func orderFromStore(order inventory.Order, err error) (inventory.Order, inventory.Refusal) {
	switch {
	case err == nil:
		return order, inventory.Refusal{}
	case errors.Is(err, persistence.ErrNotFound):
		return inventory.Order{}, refusedOrderUnknown
	}
	return inventory.Order{}, refusedStoreUnavailable
}

// Orders implements [Facade]. One customer's orders are merged from memory and
// SQL, so the last ones are there although SQL may be behind or away. Everyone's
// orders come from SQL, once it has caught up with what is acknowledged now.
func (e *Engine) Orders(ctx context.Context, filter persistence.OrderFilter) ([]inventory.Order, inventory.Refusal) {
	if filter.Customer.IsZero() || filter.Whole {
		// What comes after the first page of a whole list was waited for with that page.
		if !filter.Whole || filter.Before.IsZero() {
			if refusal := e.CatchUp(ctx); refusal.Refused() {
				return nil, refusal
			}
		}
		orders, err := e.store.Orders(ctx, filter)
		if err != nil {
			return nil, refusedStoreUnavailable
		}
		return orders, inventory.Refusal{}
	}
	recent, refusal := e.recentOrders(filter)
	if refusal.Refused() {
		return nil, refusal
	}
	return e.mergePages(ctx, recent, filter)
}

// CatchUp implements [Facade].
func (e *Engine) CatchUp(ctx context.Context) inventory.Refusal {
	if err := e.projector.wait(ctx, e.acknowledged()); err != nil {
		return refusedStoreUnavailable
	}
	return inventory.Refusal{}
}

// mergePages reads SQL until the page is full. Without SQL the orders in memory
// are the answer, if there are any.
func (e *Engine) mergePages(ctx context.Context, recent []inventory.Order, filter persistence.OrderFilter) ([]inventory.Order, inventory.Refusal) {
	known, page := recent, filter
	for {
		stored, err := e.store.Orders(ctx, page)
		if err != nil && len(recent) == 0 {
			return nil, refusedStoreUnavailable
		}
		known = slices.Concat(known, stored)
		merged := mergeOrders(known, &filter)
		if err != nil || len(stored) < filter.Limit {
			return merged[:min(len(merged), filter.Limit)], inventory.Refusal{}
		}
		last := stored[len(stored)-1].ID
		if len(merged) >= filter.Limit && bytes.Compare(merged[filter.Limit-1].ID[:], last[:]) >= 0 {
			return merged[:filter.Limit], inventory.Refusal{}
		}
		page.Before = last
	}
}

// recentOrders returns a customer's orders in memory.
func (e *Engine) recentOrders(filter persistence.OrderFilter) ([]inventory.Order, inventory.Refusal) {
	if refusal := e.enter(); refusal.Refused() {
		return nil, refusal
	}
	op := newOperation(e, stepList)
	op.filter = &filter
	if refusal := e.do(op, e.actorOf(shardOf(filter.Customer))); refusal.Refused() {
		return nil, refusal
	}
	found := op.found
	op.recycle()
	return found, inventory.Refusal{}
}

// mergeOrders returns the selected of orders, newest first; of an order that is
// there twice, the later state counts.
func mergeOrders(orders []inventory.Order, filter *persistence.OrderFilter) []inventory.Order {
	latest := make(map[inventory.ID]inventory.Order, len(orders))
	for _, order := range orders {
		if known, ok := latest[order.ID]; !ok || known.Sequence < order.Sequence {
			latest[order.ID] = order
		}
	}
	merged := make([]inventory.Order, 0, len(latest))
	for _, order := range latest {
		if selects(filter, &order) {
			merged = append(merged, order)
		}
	}
	slices.SortFunc(merged, func(a, b inventory.Order) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return merged
}

// selects reports whether the filter's state and product select an order.
func selects(filter *persistence.OrderFilter, order *inventory.Order) bool {
	if filter.State != 0 && order.State != filter.State {
		return false
	}
	return filter.Product.IsZero() || slices.ContainsFunc(order.Lines, func(line inventory.Line) bool {
		return line.ProductID == filter.Product
	})
}
