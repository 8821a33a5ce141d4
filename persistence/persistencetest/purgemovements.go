package persistencetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// testPurgeMovements purges movements while a history grows.
func testPurgeMovements(t *testing.T, opener Opener) {
	store, ctx := open(t, opener), t.Context()
	history := NewHistory(67, 5)
	history.CreateProducts(t, store)
	purged := 0
	for round := range 6 {
		from := len(history.Records)
		history.Grow(from + 60)
		projectTo(t, store, history, uint64(from+60))
		moments := history.Model(uint64(len(history.Records))).moments()
		for _, at := range []int{len(moments) / 2, len(moments) - 1 - round} {
			purged += history.PurgeMovements(t, store, moments[at], 1+round*3)
			RequireHistory(t, store, history)
		}
	}
	require.Greater(t, purged, 100)
	history.PurgeMovements(t, store, history.at.Add(inventory.Second), 1000)
	RequireHistory(t, store, history)
	for _, product := range history.Products {
		require.Len(t, movementsOf(t, store, product.ID, 10), 1, "the newest stays")
	}
	for _, limit := range []int{0, -1} {
		deleted, err := store.PurgeMovements(ctx, history.at, limit)
		require.NoError(t, err)
		require.Zero(t, deleted, "a limit of %d", limit)
	}
}

// testPurgeMovementsOfThePast: what was put on record later than it happened is older
// than what stands before it, and stays as long as that, so that there is no gap.
func testPurgeMovementsOfThePast(t *testing.T, opener Opener) {
	product := newProduct(1)
	o := newOrdersTest(t, opener, product)
	for i, at := range []inventory.Instant{20, 50, 10, 60} {
		record := receipt(o.sequence+1, product.ID, 1)
		record.Event.At, record.Event.Key = epoch+at, inventory.Fingerprint{byte(i), 1}
		o.sequence++
		o.projectRecord(record)
	}
	versions := func() (found []uint64) {
		for _, movement := range movementsOf(t, o.store, product.ID, 10) {
			found = append(found, movement.After.Version)
		}
		return found
	}
	for _, step := range []struct {
		before inventory.Instant
		left   []uint64
	}{{0, []uint64{5, 4, 3, 2, 1}}, {20, []uint64{5, 4, 3, 2}}, {30, []uint64{5, 4, 3}}, {51, []uint64{5}}, {100, []uint64{5}}} {
		for range 2 {
			_, err := o.store.PurgeMovements(t.Context(), epoch+step.before, 10)
			require.NoError(t, err)
		}
		require.Equal(t, step.left, versions(), "before %d", step.before)
		if step.before == 30 { // of 10 is kept and of 20 is not: nobody knows what there was at 15
			_, err := ledger(t, o.store).StockAt(t.Context(), product.ID, epoch+15)
			require.ErrorIs(t, err, persistence.ErrNotFound)
			stock, err := ledger(t, o.store).StockAt(t.Context(), product.ID, epoch+50)
			require.NoError(t, err)
			require.Equal(t, uint64(4), stock.Version)
		}
	}
}
