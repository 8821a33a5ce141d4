package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"holdfast/api/client"
	"holdfast/internal/progress"
)

// flashCheckers is how many customers are asked at once for what they have.
const flashCheckers = 8

// flashListed is an order as a list has it, in so far as it is checked.
type flashListed struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Items  []struct {
		ProductID    string `json:"product_id"`
		Quantity     int64  `json:"quantity"`
		StockVersion int64  `json:"stock_version"`
	} `json:"items"`
}

// check asks the server, by its API alone, what became of every order, and notes what
// is wrong.
func (s *flashSession) check(ctx context.Context, bar *progress.Bar) error {
	defer bar.End()
	if err := s.askUnknown(ctx); err != nil {
		return err
	}
	placed := s.placed()
	held, err := s.checkLists(ctx, placed, bar)
	if err != nil {
		return err
	}
	return s.checkStocks(held)
}

// parallel calls what for all numbers below count, by several goroutines. Each has a
// worker's number. It ends at the first error.
func (s *flashSession) parallel(ctx context.Context, count int, what func(ctx context.Context, worker, number int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for worker := range flashCheckers {
		workers.Go(func() {
			for number := int(next.Add(1)) - 1; number < count && ctx.Err() == nil; number = int(next.Add(1)) - 1 {
				if err := what(ctx, worker, number); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// askUnknown finds the orders whose outcome was unknown by their keys. What there is of
// them counts as accepted from then on; its answer never came, so its facts are those
// that are read now.
func (s *flashSession) askUnknown(ctx context.Context) error {
	var unknown []*flashEntry
	for i := range s.entries {
		if entry := &s.entries[i]; entry.outcome == flashUnknown && !entry.repeat {
			unknown = append(unknown, entry)
		}
	}
	return s.parallel(ctx, len(unknown), func(ctx context.Context, _, number int) error {
		entry, order := unknown[number], flashListed{}
		key := s.key(entry.serial)
		err := s.client.Get(ctx, s.shop.tokens[s.customer(entry.serial)], "/api/orders/by-key/"+url.PathEscape(key), &order)
		if client.IsStatus(err, http.StatusNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find the order of key %s: %w", key, err)
		}
		id, is := parseUUID([]byte(order.ID))
		if !is || len(order.Items) != 1 {
			s.faults.add("key %s stands for %+v, which is no order of one product", key, order)
			return nil
		}
		entry.id, entry.version, entry.found = id, order.Items[0].StockVersion, true
		return nil
	})
}

// placed returns the index of the entry of each order that is there, by ID. No two
// orders have one ID.
func (s *flashSession) placed() map[[16]byte]int {
	placed := map[[16]byte]int{}
	for i := range s.entries {
		entry := &s.entries[i]
		if !entry.placed() {
			continue
		}
		if other, is := placed[entry.id]; is {
			s.faults.add("keys %s and %s were answered with one order, %x", s.key(s.entries[other].serial), s.key(entry.serial), entry.id)
		}
		placed[entry.id] = i
	}
	return placed
}

// checkLists reads the lists of all customers and compares them with what was placed.
// It returns the units that are held of each product.
func (s *flashSession) checkLists(ctx context.Context, placed map[[16]byte]int, bar *progress.Bar) (map[string]int64, error) {
	seen := make([]bool, len(s.entries))
	var held [flashCheckers]map[string]int64
	for worker := range held {
		held[worker] = map[string]int64{}
	}
	var done atomic.Int64
	err := s.parallel(ctx, len(s.shop.tokens), func(ctx context.Context, worker, customer int) error {
		defer func() { bar.Set(done.Add(1)) }()
		return s.list(ctx, customer, func(order *flashListed) {
			for _, item := range order.Items {
				held[worker][item.ProductID] += item.Quantity
			}
			s.checkListed(order, customer, placed, seen)
		})
	})
	if err != nil {
		return nil, err
	}
	for _, index := range placed {
		if !seen[index] {
			s.faults.add("order %x of key %s is not listed", s.entries[index].id, s.key(s.entries[index].serial))
		}
	}
	for _, part := range held[1:] {
		for product, units := range part {
			held[0][product] += units
		}
	}
	return held[0], nil
}

// list calls each with all orders of a customer.
func (s *flashSession) list(ctx context.Context, customer int, each func(*flashListed)) error {
	const path = "/api/orders?limit=100"
	for cursor := ""; ; {
		var page struct {
			Items      []flashListed `json:"items"`
			NextCursor string        `json:"next_cursor"`
		}
		if err := s.client.Get(ctx, s.shop.tokens[customer], path+cursor, &page); err != nil {
			return fmt.Errorf("list the orders of customer %d: %w", customer, err)
		}
		for i := range page.Items {
			each(&page.Items[i])
		}
		if page.NextCursor == "" {
			return nil
		}
		if next := "&cursor=" + url.QueryEscape(page.NextCursor); next != cursor {
			cursor = next
			continue
		}
		return errors.New("a page of a list is its own next one")
	}
}

// checkListed compares one order with what was answered. Only the customer's own
// entries are marked as seen: nobody else marks them.
func (s *flashSession) checkListed(order *flashListed, customer int, placed map[[16]byte]int, seen []bool) {
	id, _ := parseUUID([]byte(order.ID))
	index, is := placed[id]
	if !is {
		s.faults.add("order %s of customer %d is listed, and no accepted order has its ID", order.ID, customer)
		return
	}
	entry := &s.entries[index]
	key := s.key(entry.serial)
	if s.customer(entry.serial) != customer {
		s.faults.add("order %s of key %s is listed for customer %d, and %d placed it", order.ID, key, customer, s.customer(entry.serial))
		return
	}
	if seen[index] {
		s.faults.add("order %s of key %s is listed twice", order.ID, key)
	}
	seen[index] = true
	if len(order.Items) != 1 || order.Status != "reserved" || order.Items[0].ProductID != s.products[entry.product].id ||
		order.Items[0].Quantity != 1 || order.Items[0].StockVersion != entry.version {
		s.faults.add("key %s is listed as %+v, and was answered as one reserved unit of %s at stock version %d", key, *order,
			s.products[entry.product].id, entry.version)
	}
}
