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
	entry, claimed := a.engine.keys.claim(key, keyEntry{body: op.event.Body, kind: op.event.Kind, inFlight: true, owner: a})
	if !claimed {
		a.repeat(op, &entry)
		return false
	}
	if !a.engine.keyFilter.mayContain(key) {
		return true
	}
	op.begun = true
	asked := a.engine.lookUp(func(ctx context.Context, store persistence.Store, err error) {
		if op.lookup.err = err; err == nil {
			op.lookup = findKey(ctx, store, key)
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

// findKey reads what a key stands for, and the order when it is one.
func findKey(ctx context.Context, store persistence.Store, key inventory.Fingerprint) (result lookupResult) {
	result.key, result.err = store.KeyByFingerprint(ctx, key)
	if result.err == nil && result.key.Kind.OfOrder() {
		result.order, result.err = store.OrderByID(ctx, result.key.Subject)
	}
	return result
}

// abandonKey forgets a claim and refuses: a refused request binds no key.
func (a *orderActor) abandonKey(op *operation, refusal inventory.Refusal) {
	a.engine.keys.delete(op.event.Key)
	a.refuseWith(op, refusal)
}

// keyFound goes on with a request whose key SQL was asked for.
func (a *orderActor) keyFound(op *operation) {
	result := op.lookup
	switch {
	case errors.Is(result.err, persistence.ErrNotFound):
		a.fresh(op)
	case result.err != nil:
		a.abandonKey(op, refusedStoreUnavailable)
	case keyForgotten(&result, a.engine.clock.Now()):
		a.fresh(op)
	case result.key.Body != op.event.Body || result.key.Kind != op.event.Kind:
		a.abandonKey(op, refusedKeyReused)
	default:
		a.engine.keys.delete(op.event.Key)
		op.order, op.replayed = result.order, true
		if held := a.memory.orders[result.order.ID]; held != nil {
			op.order, op.waitFor = held.Order, held.Sequence
		}
		a.finishRepeat(op)
	}
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
	case entry.inFlight, entry.sequence > a.engine.journal.DurableSequence():
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
