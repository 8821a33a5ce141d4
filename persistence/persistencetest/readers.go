package persistencetest

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// testReaders reads while runs are projected. Whatever a reader sees must be some
// moment between two transactions: a list of orders with all of their lines as
// they were then, the stock of then, and for each product a ledger without a gap.
func testReaders(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(41, 5)
	history.CreateProducts(t, store)
	const step, end = 10, 600
	history.Grow(end)
	w := &watching{store: store, borders: make(map[uint64]*Model)}
	for at := uint64(0); at <= end; at += step {
		w.borders[at] = history.Model(at)
	}
	done := make(chan struct{})
	looks := []func() error{w.lookAtOrders, w.lookAtReserved, w.lookAtStock,
		func() error { return lookAtLedger(store, history.Products[0].ID) }}
	failures := make(chan error, len(looks))
	var group sync.WaitGroup
	for _, look := range looks {
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

// watching compares what readers see with the borders of runs.
type watching struct {
	store   persistence.Store
	borders map[uint64]*Model
}

// between reads something, and fails unless it is as one of the borders has it that
// were the newest while it was read.
func (w *watching) between(what string, read func() (any, error), want func(*Model) any) error {
	before, err := w.store.Position(background)
	if err != nil {
		return err
	}
	seen, err := read()
	if err != nil {
		return err
	}
	after, err := w.store.Position(background)
	if err != nil {
		return err
	}
	for at := before.Sequence; at <= after.Sequence; at++ {
		if model := w.borders[at]; model != nil && reflect.DeepEqual(want(model), seen) {
			return nil
		}
	}
	return fmt.Errorf("%s seen between records %d and %d are those of no border of a run: %+v", what, before.Sequence, after.Sequence, seen)
}

func (w *watching) lookAtOrders() error {
	const limit = 50
	return w.between("the newest orders", func() (any, error) {
		orders, err := w.store.Orders(background, persistence.OrderFilter{Limit: limit})
		return append([]inventory.Order{}, orders...), err
	}, func(model *Model) any {
		orders := model.newestFirst()
		return orders[:min(len(orders), limit)]
	})
}

func (w *watching) lookAtReserved() error {
	return w.between("reserved orders", func() (any, error) {
		reserved := make(map[inventory.ID]inventory.Order)
		return reserved, w.store.EachReservedOrder(background, func(order inventory.Order) error {
			reserved[order.ID] = order
			return nil
		})
	}, func(model *Model) any {
		reserved := make(map[inventory.ID]inventory.Order)
		for _, order := range model.placed {
			if order.State == inventory.Reserved {
				reserved[order.ID] = *order
			}
		}
		return reserved
	})
}

func (w *watching) lookAtStock() error {
	return w.between("stocks", func() (any, error) {
		stocks := make(map[inventory.ID]inventory.Stock)
		return stocks, w.store.EachProduct(background, func(product persistence.CatalogueProduct, stock inventory.Stock) error {
			stock.Safety = 0
			stocks[product.ID] = stock
			return nil
		})
	}, func(model *Model) any { return model.stocks })
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
