package persistencetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// projectTo projects a history up to a record in one run.
func projectTo(t *testing.T, store persistence.Store, history *History, to uint64) {
	t.Helper()
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	from, end, records := history.Run(position.Sequence, to)
	require.NoError(t, store.Project(t.Context(), from, end, records))
}

// testProjectionFollowsHistory projects histories in runs with random borders
// and compares every row after every run.
func testProjectionFollowsHistory(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(23, 6)
	history.CreateProducts(t, store)
	history.Grow(400)
	borders := rand.New(rand.NewPCG(23, 1))
	for at := uint64(0); at < 400; {
		at = min(400, at+1+borders.Uint64N(60))
		projectTo(t, store, history, at)
		require.Equal(t, at, RequireHistory(t, store, history))
	}
}

// testProjectionOfOneRun projects the same history at once and record by record.
func testProjectionOfOneRun(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(23, 6)
	history.CreateProducts(t, store)
	history.Grow(400)
	projectTo(t, store, history, 350)
	require.EqualValues(t, 350, RequireHistory(t, store, history))
	for at := uint64(351); at <= 400; at++ {
		projectTo(t, store, history, at)
	}
	require.EqualValues(t, 400, RequireHistory(t, store, history))
	// A position may move without records: a new epoch of the same journal.
	to := positionAt(400)
	to.Epoch++
	require.NoError(t, store.Project(t.Context(), positionAt(400), to, nil))
	position, err := store.Position(t.Context())
	require.NoError(t, err)
	require.Equal(t, to, position)
}

// testProjectionRefuses puts a record that cannot follow into the middle of a
// legal run: nothing of the run may be kept.
func testProjectionRefuses(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(29, 5)
	history.CreateProducts(t, store)
	const stored, middle, end = 150, 180, 210
	history.Grow(end)
	projectTo(t, store, history, stored)

	model := history.Model(middle - 1)
	product := history.Products[0].ID
	line := func(quantity int64) []inventory.Line {
		return []inventory.Line{{ProductID: product, Quantity: quantity, SKU: "A"}}
	}
	known := model.placed[0]
	events := map[string]inventory.Event{
		"confirm of an order that was never placed": {Kind: inventory.OrderConfirmed, Order: inventory.ID{1}, Lines: line(1)},
		"an order placed a second time": {Kind: inventory.OrderPlaced, Order: known.ID, Customer: known.Customer,
			Currency: known.Currency, Lines: known.Lines[:1]},
		"more than there is": {Kind: inventory.OrderPlaced, Order: inventory.ID{2}, Customer: known.Customer,
			Currency: known.Currency, Lines: line(1_000_000)},
		"a product that is not in the catalogue": {Kind: inventory.StockAdjusted,
			Lines: []inventory.Line{{ProductID: inventory.ID{3}, Quantity: 1}}},
		"more written off than there is": {Kind: inventory.StockAdjusted, Lines: line(-1_000_000)},
		"a kind that is not known":       {Kind: 99, Lines: line(1)},
	}
	for _, order := range model.placed {
		if order.State.Final() {
			events["confirm of an order in state "+order.State.String()] = order.FollowUp(inventory.OrderConfirmed, epoch, inventory.ID{})
		}
	}
	require.Len(t, events, 8)
	refuse := func(name string, from, to persistence.Position, records []persistence.Record) {
		require.ErrorIs(t, store.Project(t.Context(), from, to, records), persistence.ErrCorrupt, name)
		require.EqualValues(t, stored, RequireHistory(t, store, history), name)
	}
	for name, event := range events {
		from, to, records := history.Run(stored, end)
		records = append([]persistence.Record{}, records...)
		records[middle-stored-1].Event = event
		refuse(name, from, to, records)
	}
	from, to, records := history.Run(stored, end)
	refuse("the last record is missing", from, to, records[:len(records)-1])
	refuse("the first record is missing", from, to, records[1:])
	other := to
	other.Journal[0]++
	refuse("another journal", from, other, records)
	swapped := append([]persistence.Record{}, records...)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	refuse("two records are swapped", from, to, swapped)
	projectTo(t, store, history, end)
	require.EqualValues(t, end, RequireHistory(t, store, history))
}

// testPositionMoved projects runs that do not start at the stored position.
func testPositionMoved(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(31, 4)
	history.CreateProducts(t, store)
	history.Grow(90)
	from, to, records := history.Run(0, 30)
	require.NoError(t, store.Project(t.Context(), from, to, records))
	refuse := func(name string, from, to persistence.Position, records []persistence.Record) {
		require.ErrorIs(t, store.Project(t.Context(), from, to, records), persistence.ErrPositionMoved, name)
		require.EqualValues(t, 30, RequireHistory(t, store, history), name)
	}
	refuse("the same run again", from, to, records)
	from, to, records = history.Run(60, 90)
	refuse("a run that leaves a gap", from, to, records)
	from, to, records = history.Run(20, 60)
	refuse("a run that overlaps", from, to, records)
	from, to, records = history.Run(30, 60)
	for name, change := range map[string]func(*persistence.Position){
		"journal": func(p *persistence.Position) { p.Journal[0]++ },
		"epoch":   func(p *persistence.Position) { p.Epoch++ },
		"hash":    func(p *persistence.Position) { p.Hash[3]++ },
	} {
		otherFrom, otherTo := from, to
		change(&otherFrom)
		otherTo.Journal = otherFrom.Journal
		refuse("another "+name, otherFrom, otherTo, records)
	}
	projectTo(t, store, history, 60)
	require.EqualValues(t, 60, RequireHistory(t, store, history))
}

// testProjectionRace lets several projectors apply the same runs: of each run,
// exactly one succeeds.
func testProjectionRace(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(37, 4)
	history.CreateProducts(t, store)
	const projectors, step, end = 4, 20, 200
	history.Grow(end)
	for at := uint64(0); at < end; at += step {
		from, to, records := history.Run(at, at+step)
		failures := make([]error, projectors)
		var group sync.WaitGroup
		for i := range failures {
			group.Go(func() { failures[i] = store.Project(t.Context(), from, to, records) })
		}
		group.Wait()
		succeeded := 0
		for _, err := range failures {
			if err == nil {
				succeeded++
				continue
			}
			require.ErrorIs(t, err, persistence.ErrPositionMoved)
		}
		require.Equal(t, 1, succeeded)
	}
	require.EqualValues(t, end, RequireHistory(t, store, history))
}

// testReaders reads while runs are projected. Whatever a reader sees must be
// some moment between two transactions: orders with all lines, and for each
// product a ledger without a gap.
func testReaders(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(41, 5)
	history.CreateProducts(t, store)
	const step, end = 10, 600
	history.Grow(end)
	// The lines that each order has, whatever its state.
	lines := make(map[inventory.ID][]inventory.Line)
	for _, order := range history.Model(end).placed {
		lines[order.ID] = order.Lines
	}
	done := make(chan struct{})
	failures := make(chan error, 3)
	var group sync.WaitGroup
	watch := func(look func() error) {
		group.Go(func() {
			for {
				if err := look(); err != nil {
					failures <- err
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	watch(func() error { return lookAtOrders(store, lines) })
	watch(func() error { return lookAtLedger(store, history.Products[0].ID) })
	watch(func() error { return lookAtStock(store, history) })
	for at := uint64(step); at <= end; at += step {
		projectTo(t, store, history, at)
	}
	close(done)
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	RequireHistory(t, store, history)
}

// lookAtOrders finds orders without all of their lines, or a list that has an
// order but not all that were placed with or before it.
func lookAtOrders(store persistence.Store, lines map[inventory.ID][]inventory.Line) error {
	orders, err := store.Orders(background, persistence.OrderFilter{Limit: 100})
	if err != nil {
		return err
	}
	for _, order := range orders {
		if fmt.Sprint(order.Lines) != fmt.Sprint(lines[order.ID]) {
			return fmt.Errorf("order %s has lines %v instead of %v", order.ID, order.Lines, lines[order.ID])
		}
	}
	return store.EachReservedOrder(background, func(order inventory.Order) error {
		if len(order.Lines) != len(lines[order.ID]) {
			return fmt.Errorf("reserved order %s has %d lines instead of %d", order.ID, len(order.Lines), len(lines[order.ID]))
		}
		return nil
	})
}

// lookAtLedger finds movements that do not join.
func lookAtLedger(store persistence.Store, product inventory.ID) error {
	movements, err := store.(persistence.Ledger).Movements(background, persistence.MovementFilter{Product: product, Limit: 50})
	if err != nil {
		return err
	}
	for i := 1; i < len(movements); i++ {
		if movements[i].After != movements[i-1].Before {
			return fmt.Errorf("movement %+v does not follow %+v", movements[i-1], movements[i])
		}
	}
	return nil
}

// lookAtStock finds stocks that belong to no border of a run.
func lookAtStock(store persistence.Store, history *History) error {
	before, err := store.Position(background)
	if err != nil {
		return err
	}
	seen := make(map[inventory.ID]inventory.Stock)
	if err := store.EachProduct(background, func(product persistence.CatalogueProduct, stock inventory.Stock) error {
		stock.Safety = 0
		seen[product.ID] = stock
		return nil
	}); err != nil {
		return err
	}
	after, err := store.Position(background)
	if err != nil {
		return err
	}
	for at := before.Sequence; at <= after.Sequence; at += 10 {
		if fmt.Sprint(history.Model(at).stocks) == fmt.Sprint(seen) {
			return nil
		}
	}
	return fmt.Errorf("stock seen between records %d and %d is that of no border of a run: %v", before.Sequence, after.Sequence, seen)
}
