package actors

import (
	"context"
	"errors"

	"holdfast/inventory"
	"holdfast/persistence"
)

// claimKey looks up the operation's key and returns true when it is new and now
// claimed. Otherwise the operation is answered, or on its way to SQL.
func (a *orderActor) claimKey(op *operation) bool {
	key := op.event.Key
	if taken, known := a.claim(op); known {
		a.repeat(op, &taken)
		return false
	}
	if !a.engine.keyFilter.mayContain(key) {
		return true
	}
	op.begun = true
	asked := a.engine.lookUp(func(ctx context.Context, store persistence.Store, err error) {
		if err == nil {
			op.lookup = &lookupResult{}
			op.lookup.err = a.engine.fromStore(ctx, func() error { return op.lookup.find(ctx, store, key) })
		} else {
			op.lookup = &lookupResult{err: err}
		}
		op.step = stepKeyFound
		a.push(op, false)
	})
	if asked {
		a.letGo(op)
	} else {
		a.abandonKey(op, refusedStoreUnavailable)
	}
	return false
}

// claim lets the operation's key stand for what it is about to do, or returns what it
// stands for.
func (a *orderActor) claim(op *operation) (taken keyEntry, known bool) {
	if op.event.Kind == inventory.OrderPlaced {
		op.record = a.memory.make(&inventory.Order{Key: op.event.Key, Body: op.event.Body}, a.number)
		if taken, known = a.engine.keys.claimOrder(op.record); known {
			a.memory.dismiss(op.record)
			op.record = nil
		}
		return taken, known
	}
	op.entry = &keyEntry{body: op.event.Body, kind: op.event.Kind, inFlight: true, owner: a.number}
	return a.engine.keys.claim(op.event.Key, op.entry)
}

// find reads what a key stands for, and the order when it is one.
func (r *lookupResult) find(ctx context.Context, store persistence.Store, key inventory.Fingerprint) (err error) {
	r.key, err = store.KeyByFingerprint(ctx, key)
	if err == nil && r.key.Kind.OfOrder() {
		r.order, err = store.OrderByID(ctx, r.key.Subject)
	}
	return err
}

// abandonKey forgets a claim and refuses: a refused request binds no key.
func (a *orderActor) abandonKey(op *operation, refusal inventory.Refusal) {
	a.unclaim(op)
	a.refuseWith(op, refusal)
}

// unclaim forgets the claim of the operation's key, and the order that was to be made.
func (a *orderActor) unclaim(op *operation) {
	a.engine.keys.delete(op.event.Key)
	if op.record != nil {
		a.memory.dismiss(op.record)
		op.record = nil
	}
}

// keyFound goes on with a request whose key SQL was asked for.
func (a *orderActor) keyFound(op *operation) {
	result := op.lookup
	fresh := errors.Is(result.err, persistence.ErrNotFound) || result.err == nil && keyForgotten(result, a.engine.clock.Now())
	switch {
	case fresh && op.event.Kind == inventory.OrderPlaced && a.engine.backlogged():
		a.abandonKey(op, refusedBacklog)
	case fresh:
		a.fresh(op)
	case result.err != nil:
		a.abandonKey(op, refusedStoreUnavailable)
	case result.key.Body != op.event.Body || result.key.Kind != op.event.Kind:
		a.abandonKey(op, refusedKeyReused)
	case result.key.Kind.OfOrder():
		a.repeatOrder(op, result.order.ID)
	default:
		a.unclaim(op)
		op.replayed = true
		a.finishRepeat(op)
	}
}

// repeatOrder answers with the order that a key, which is in SQL, has placed or changed.
// What SQL said of the order with the key was not its last state when memory had a later
// one, and memory may have left that to SQL meanwhile: then SQL is asked again.
func (a *orderActor) repeatOrder(op *operation, id inventory.ID) {
	op.event.Order, op.replayed = id, true
	if record := a.memory.orders.get(id); record != nil {
		a.repeatRecord(op, record)
		return
	}
	a.findOrder(op)
}

// repeatRecord answers a repeat with the order, as it is now.
func (a *orderActor) repeatRecord(op *operation, record *heldOrder) {
	a.unclaim(op)
	op.order, op.waitFor = record.Order, record.Sequence
	a.finishRepeat(op)
}

// keyForgotten reports whether a key's retention is over: it begins when the
// order is settled, or with the adjustment.
func keyForgotten(result *lookupResult, now inventory.Instant) bool {
	if !result.key.Kind.OfOrder() {
		return now > result.key.At.Add(inventory.Instant(keyRetention))
	}
	return result.order.State.Settled() && now > result.order.UpdatedAt.Add(inventory.Instant(keyRetention))
}

// fresh goes on with a request whose key is claimed and stands for nothing.
func (a *orderActor) fresh(op *operation) {
	switch op.event.Kind {
	case inventory.OrderPlaced:
		a.placeFresh(op)
	case inventory.StockAdjusted:
		a.adjustFresh(op)
	default:
		a.changeFresh(op)
	}
}

// repeat answers a request whose key is in memory.
func (a *orderActor) repeat(op *operation, entry *keyEntry) {
	switch {
	case entry.body != op.event.Body || entry.kind != op.event.Kind:
		a.refuseWith(op, refusedKeyReused)
	case entry.inFlight, entry.sequence > a.engine.acknowledged():
		a.refuseWith(op, refusedInProgress)
	default:
		op.replayed = true
		if entry.record != nil {
			op.order, op.waitFor = entry.record.Order, entry.record.Sequence
		}
		a.finishRepeat(op)
	}
}

// finishRepeat answers with what the key did the first time, as it is now.
func (a *orderActor) finishRepeat(op *operation) {
	if op.event.Kind == inventory.StockAdjusted {
		op.stock = op.slip[0].product.board.read()
	}
	a.finish(op)
}

var (
	refusedKeyReused = inventory.Refusal{Code: inventory.CodeKeyReused,
		Detail: "This idempotency key was used with another request. Use a new key for a new request."}
	refusedInProgress = inventory.Refusal{Code: inventory.CodeRequestInProgress,
		Detail: "A request with this idempotency key is in flight. Repeat it in a moment."}
	refusedStoreUnavailable = inventory.Refusal{Code: inventory.CodeStoreUnavailable,
		Detail: "The database cannot be reached. Nothing was changed; try again later."}
)
