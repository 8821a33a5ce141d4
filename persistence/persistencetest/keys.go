package persistencetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// eachKey collects the keys that a Store visits.
func eachKey(t *testing.T, store persistence.Store, since inventory.Instant) map[inventory.Fingerprint]persistence.IdempotencyKey {
	found := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
	require.NoError(t, store.EachKey(t.Context(), since, func(key persistence.IdempotencyKey) error {
		found[key.Key] = key
		return nil
	}))
	return found
}

// moments returns the moments at which some key or order stops to count, and those
// just before and after, ascending.
func (m *Model) moments() []inventory.Instant {
	moments := []inventory.Instant{0}
	add := func(at inventory.Instant) { moments = append(moments, at-1, at, at+1) }
	for _, key := range m.keys {
		add(key.At)
	}
	for _, order := range m.placed {
		add(order.UpdatedAt)
	}
	slices.Sort(moments)
	return slices.Compact(moments)
}

// testKeys looks keys up one by one and from several moments on.
func testKeys(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(13, 3)
	history.CreateProducts(t, store)
	history.Grow(200)
	projectTo(t, store, history, 200)
	model := history.Model(200)
	kinds := make(map[inventory.Kind]bool)
	for _, want := range model.keys {
		found, err := store.KeyByFingerprint(t.Context(), want.Key)
		require.NoError(t, err)
		require.Equal(t, want, found)
		kinds[want.Kind] = true
	}
	require.Len(t, kinds, 4, "the history has not every kind of key")
	_, err := store.KeyByFingerprint(t.Context(), inventory.Fingerprint{})
	require.ErrorIs(t, err, persistence.ErrNotFound, "a record without a key must not make one")
	for _, since := range model.moments() {
		want := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
		for _, key := range model.keys {
			if model.retains(key, since) {
				want[key.Key] = key
			}
		}
		require.Equal(t, want, eachKey(t, store, since))
	}
}

// testKeysOfOpenings tells an opening receipt, whose key is its product's ID, from other
// adjustments and from an order: its key can be looked up, and is purged when it is old, but
// a start need not have it.
func testKeysOfOpenings(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	product := newProduct(1)
	require.NoError(t, store.CreateProducts(ctx, product))
	opening, other := receipt(1, product.ID, 10), receipt(2, product.ID, 5)
	opening.Event.Key, other.Event.Key = inventory.Fingerprint(product.ID), inventory.Fingerprint{7}
	order := persistence.Record{Sequence: 3, Event: inventory.Event{Kind: inventory.OrderPlaced, At: epoch, Order: newID(2), Customer: newID(3),
		To: inventory.Reserved, Currency: product.Price.Currency, Key: inventory.Fingerprint(newID(2)),
		Lines: []inventory.Line{{ProductID: product.ID, Quantity: 1}}}}
	require.NoError(t, store.Project(ctx, positionAt(0), positionAt(3), []persistence.Record{opening, other, order}))
	known := func() (known []inventory.Fingerprint) {
		for _, key := range []inventory.Fingerprint{opening.Event.Key, other.Event.Key, order.Event.Key} {
			_, err := store.KeyByFingerprint(ctx, key)
			if err == nil {
				known = append(known, key)
			} else {
				require.ErrorIs(t, err, persistence.ErrNotFound)
			}
		}
		return known
	}
	require.Len(t, known(), 3)
	visited := eachKey(t, store, epoch)
	require.Len(t, visited, 2)
	require.Contains(t, visited, other.Event.Key)
	require.Contains(t, visited, order.Event.Key)
	for _, since := range []inventory.Instant{epoch, epoch + 1} {
		for range 3 {
			_, err := store.PurgeKeys(ctx, since, 100)
			require.NoError(t, err)
		}
		if since == epoch {
			require.Len(t, known(), 3, "young keys stay")
		}
	}
	require.Equal(t, []inventory.Fingerprint{order.Event.Key}, known(), "of an order that is not settled")
}

// testKeysOfUnsettledOrders follows the keys of one order through its life: they
// count while units are held or wait to be shipped, however old they are, and
// after that from the order's last change on.
func testKeysOfUnsettledOrders(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	product := newProduct(1)
	require.NoError(t, store.CreateProducts(ctx, product))
	require.NoError(t, store.Project(ctx, positionAt(0), positionAt(1), []persistence.Record{receipt(1, product.ID, 10)}))
	steps := []struct {
		kind    inventory.Kind
		to      inventory.State
		units   int64
		settled bool
	}{
		{inventory.OrderPlaced, inventory.Reserved, 4, false},
		{inventory.OrderConfirmed, inventory.Confirmed, 4, false},
		{inventory.OrderFulfilled, inventory.PartiallyFulfilled, 1, false},
		{inventory.OrderFulfilled, inventory.Fulfilled, 3, true},
		{inventory.OrderReturned, inventory.PartiallyReturned, 1, true},
		{inventory.OrderReturned, inventory.Returned, 3, true},
	}
	const muchLater = epoch + 1_000_000*inventory.Second
	keys := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
	none := make(map[inventory.Fingerprint]persistence.IdempotencyKey)
	for i, step := range steps {
		sequence := uint64(i + 2)
		event := inventory.Event{Kind: step.kind, At: epoch + inventory.Instant(sequence), Order: newID(2), Customer: newID(3), To: step.to,
			Currency: product.Price.Currency, Lines: []inventory.Line{{ProductID: product.ID, Quantity: step.units}}}
		if step.kind.HasKey() {
			event.Key = inventory.Fingerprint{byte(sequence)}
			keys[event.Key] = persistence.IdempotencyKey{Key: event.Key, Kind: step.kind, Subject: event.Order, At: event.At}
		}
		require.NoError(t, store.Project(ctx, positionAt(sequence-1), positionAt(sequence), []persistence.Record{{Sequence: sequence, Event: event}}))
		require.Equal(t, keys, eachKey(t, store, event.At), "at the last change")
		want := keys
		if step.settled {
			want = none
		}
		require.Equal(t, want, eachKey(t, store, event.At+1), "after the last change, %s", step.to)
		require.Equal(t, want, eachKey(t, store, muchLater), "much later, %s", step.to)
	}
}

// testPurgeKeys purges from every moment on, a few keys at a time and all at once.
func testPurgeKeys(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	history := NewHistory(53, 3)
	history.CreateProducts(t, store)
	const end = 260
	history.Grow(end)
	projectTo(t, store, history, end-10)
	keys := len(history.Model(end - 10).keys)
	for _, limit := range []int{0, -1} {
		deleted, err := store.PurgeKeys(ctx, history.at, limit)
		require.NoError(t, err)
		require.Zero(t, deleted, "a limit of %d", limit)
	}
	// Every fourth of the moments: some at, some before and some after what happened.
	for i, since := range history.Model(end - 10).moments() {
		if i%4 != 0 {
			continue
		}
		history.Purge(t, store, since, 1+i%3*7)
		model := history.Model(end - 10)
		require.Equal(t, model.keys, eachKey(t, store, 0))
		require.Equal(t, model.keys, eachKey(t, store, since), "a purge deletes what is not visited, and nothing else")
	}
	left := history.Model(end - 10).keys
	require.Less(t, len(left), keys/2)
	require.NotEmpty(t, left, "those of orders that are not settled")
	RequireHistory(t, store, history)

	// Keys come after a purge, and one that was purged may be used again.
	projectTo(t, store, history, end)
	history.Purge(t, store, history.at+1, 1000)
	RequireHistory(t, store, history)
}

// testPurchases places orders around the start of a sale, by two customers, and
// follows what counts.
func testPurchases(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	limited, free := newProduct(1), newProduct(2)
	limited.PurchaseLimit, limited.SaleStartsAt = 5, epoch+100
	require.NoError(t, store.CreateProducts(ctx, limited))
	require.NoError(t, store.CreateProducts(ctx, free))
	require.NoError(t, store.Project(ctx, positionAt(0), positionAt(2),
		[]persistence.Record{receipt(1, limited.ID, 50), receipt(2, free.ID, 50)}))
	sequence, ada, bob := uint64(2), newID(11), newID(12)
	project := func(kind inventory.Kind, order int, customer inventory.ID, at inventory.Instant, change inventory.Event, lines ...inventory.Line) {
		change.Kind, change.Order, change.Customer, change.At, change.Lines = kind, newID(order), customer, epoch+at, lines
		change.Currency = limited.Price.Currency
		sequence++
		require.NoError(t, store.Project(ctx, positionAt(sequence-1), positionAt(sequence), []persistence.Record{{Sequence: sequence, Event: change}}))
	}
	counts := func(why string, want map[purchase]int64) {
		found := make(map[purchase]int64)
		require.NoError(t, store.EachPurchase(ctx, func(product, customer inventory.ID, units int64) error {
			found[purchase{product, customer}] = units
			return nil
		}))
		require.Equal(t, want, found, why)
		if limited.PurchaseLimit > 0 {
			requirePurchasesOf(t, store, limited.ID, limited.SaleStartsAt, sequence, want)
		}
	}
	line := func(units int64) inventory.Line { return inventory.Line{ProductID: limited.ID, Quantity: units} }
	none := inventory.Event{}
	dropped := inventory.Line{ProductID: limited.ID, Dropped: 9, DroppedFor: 2}

	project(inventory.OrderPlaced, 21, ada, 99, none, line(1))
	counts("before the start", map[purchase]int64{})
	project(inventory.OrderPlaced, 22, ada, 100, none, line(2))
	project(inventory.OrderPlaced, 23, ada, 101, none, line(3), inventory.Line{ProductID: free.ID, Quantity: 7})
	project(inventory.OrderPlaced, 24, bob, 102, none, dropped, inventory.Line{ProductID: free.ID, Quantity: 1})
	counts("held units count, dropped ones do not", map[purchase]int64{{limited.ID, ada}: 5})
	project(inventory.OrderPlaced, 25, bob, 103, none, line(4))
	project(inventory.OrderReduced, 23, ada, 104, inventory.Event{From: inventory.Reserved}, line(1))
	counts("released units do not count", map[purchase]int64{{limited.ID, ada}: 4, {limited.ID, bob}: 4})
	project(inventory.OrderExpired, 22, ada, 105, none, line(2))
	project(inventory.OrderConfirmed, 25, bob, 106, none, line(4))
	counts("expired units do not count", map[purchase]int64{{limited.ID, ada}: 2, {limited.ID, bob}: 4})
	project(inventory.OrderFulfilled, 25, bob, 107, inventory.Event{To: inventory.PartiallyFulfilled}, line(1))
	project(inventory.OrderFulfilled, 25, bob, 108, inventory.Event{To: inventory.Fulfilled}, line(3))
	project(inventory.OrderReturned, 25, bob, 109, inventory.Event{To: inventory.PartiallyReturned, Restock: true}, line(1))
	project(inventory.OrderCancelled, 23, ada, 110, inventory.Event{From: inventory.Reserved}, line(2), inventory.Line{ProductID: free.ID, Quantity: 7})
	counts("shipped and returned units count, cancelled ones do not", map[purchase]int64{{limited.ID, bob}: 4})
	project(inventory.OrderReturned, 25, bob, 111, inventory.Event{To: inventory.Returned}, line(3))
	counts("a return does not give the limit back", map[purchase]int64{{limited.ID, bob}: 4})

	limited.Version, limited.SaleStartsAt, limited.Deleted = 2, 0, true
	require.NoError(t, store.UpdateProduct(ctx, limited))
	counts("an earlier start", map[purchase]int64{{limited.ID, ada}: 1, {limited.ID, bob}: 4})
	limited.Version, limited.PurchaseLimit = 3, 0
	require.NoError(t, store.UpdateProduct(ctx, limited))
	counts("without a limit", map[purchase]int64{})
	all := map[purchase]int64{{limited.ID, ada}: 1, {limited.ID, bob}: 4}
	requirePurchasesOf(t, store, limited.ID, 0, sequence, all)
	requirePurchasesOf(t, store, limited.ID, epoch+99, sequence, all)
	requirePurchasesOf(t, store, limited.ID, epoch+100, sequence, map[purchase]int64{{limited.ID, bob}: 4})
	requirePurchasesOf(t, store, newID(99), 0, sequence, map[purchase]int64{})
}

func requirePurchasesOf(t *testing.T, store persistence.Store, product inventory.ID, since inventory.Instant, sequence uint64, want map[purchase]int64) {
	t.Helper()
	found := make(map[purchase]int64)
	at, err := store.PurchasesOf(t.Context(), product, since, func(customer inventory.ID, units int64) error {
		found[purchase{product, customer}] = units
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, want, found)
	require.Equal(t, sequence, at)
}
