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
	if entry, ok := a.memory.keys[key]; ok {
		a.repeat(op, entry)
		return false
	}
	a.memory.keys[key] = keyEntry{body: op.event.Body, kind: op.event.Kind, inFlight: true}
	if !a.engine.keyFilter.mayContain(key) {
		return true
	}
	op.begun = true
	a.engine.lookUp(func(ctx context.Context, store persistence.Store) {
		op.lookup = findKey(ctx, store, key)
		op.step = stepKeyFound
		a.push(op, false)
	})
	return false
}

// findKey reads what a key stands for, and the order when it is one.
func findKey(ctx context.Context, store persistence.Store, key inventory.Fingerprint) (result lookupResult) {
	result.key, result.err = store.KeyByFingerprint(ctx, key)
	if result.err == nil && result.key.Kind == inventory.OrderPlaced {
		result.order, result.err = store.OrderByID(ctx, result.key.Subject)
	}
	return result
}

// abandonKey forgets a claim and refuses: a refused request binds no key.
func (a *orderActor) abandonKey(op *operation, refusal inventory.Refusal) {
	delete(a.memory.keys, op.event.Key)
	op.refuse(refusal)
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
		delete(a.memory.keys, op.event.Key)
		op.order, op.replayed = result.order, true
		if held := a.memory.orders[result.order.ID]; held != nil {
			op.order, op.waitFor = held.Order, held.Sequence
		}
		a.finishRepeat(op)
	}
}

// keyForgotten reports whether a key's retention is over: it begins when the
// order is final, or with the adjustment.
func keyForgotten(result *lookupResult, now inventory.Instant) bool {
	if result.key.Kind != inventory.OrderPlaced {
		return now > result.key.At.Add(inventory.Instant(keyRetention))
	}
	return result.order.State.Final() && now > result.order.UpdatedAt.Add(inventory.Instant(keyRetention))
}

// fresh goes on with a request whose key is claimed and stands for nothing.
func (a *orderActor) fresh(op *operation) {
	if op.event.Kind == inventory.OrderPlaced {
		a.placeFresh(op)
	} else {
		a.adjustFresh(op)
	}
}

// repeat answers a request whose key is in memory.
func (a *orderActor) repeat(op *operation, entry keyEntry) {
	switch {
	case entry.body != op.event.Body || entry.kind != op.event.Kind:
		op.refuse(refusedKeyReused)
	case entry.inFlight, entry.sequence > a.engine.journal.DurableSequence():
		op.refuse(refusedInProgress)
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
		op.stock = op.products[0].board.read()
	}
	op.finish()
}

var (
	refusedKeyReused = inventory.Refusal{Code: inventory.CodeKeyReused,
		Detail: "This idempotency key was used with another request. Use a new key for a new request."}
	refusedInProgress = inventory.Refusal{Code: inventory.CodeRequestInProgress,
		Detail: "A request with this idempotency key is in flight. Repeat it in a moment."}
	refusedStoreUnavailable = inventory.Refusal{Code: inventory.CodeStoreUnavailable,
		Detail: "The database cannot be reached. Nothing was changed; try again later."}
)
