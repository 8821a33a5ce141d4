package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/api/client"
	"holdfast/internal/retail"
)

// replayWorker sends the sales of some customers, one after the other.
type replayWorker struct {
	*replaySession
	// purchases has what its customers may give back, by the IDs of their orders.
	purchases *retail.Purchases[string]
}

func newReplayWorker(s *replaySession) *replayWorker {
	return &replayWorker{replaySession: s, purchases: retail.NewPurchases[string](func(retail.Oddity) { s.log.unmatched.Add(1) })}
}

// sale sends one invoice. An error is something that no server should answer.
func (w *replayWorker) sale(ctx context.Context, sale *retail.Sale) error {
	if sale.Cancellation {
		return w.giveBack(ctx, sale)
	}
	items := make([]client.Item, len(sale.Items))
	for i, item := range sale.Items {
		items[i] = client.Item{ProductID: w.products[item.SKU].id, Quantity: item.Quantity}
	}
	span := w.start()
	order, err := w.client.Place(ctx, w.tokens[sale.Customer], replayKey("order", sale.Invoice), items, client.AllOrNothing)
	span.end = time.Since(w.began)
	var problem *client.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusConflict && problem.Definite() {
		return w.log.refuse(sale, span, problem)
	}
	if err != nil {
		return fmt.Errorf("place the order: %w", err)
	}
	w.log.place(sale, span, &order)
	if _, err := w.client.Confirm(ctx, w.tokens[sale.Customer], order.ID); err != nil {
		return fmt.Errorf("confirm the order: %w", err)
	}
	if _, err := w.client.Fulfill(ctx, w.shop.service, replayKey("ship", sale.Invoice), order.ID, nil); err != nil {
		return fmt.Errorf("ship the order: %w", err)
	}
	for _, item := range sale.Items {
		w.purchases.Buy(sale.Customer, item.SKU, order.ID, item.Quantity)
	}
	return nil
}

// giveBack returns what a cancellation takes back, order by order.
func (w *replayWorker) giveBack(ctx context.Context, sale *retail.Sale) error {
	items := map[string][]client.Item{}
	units := map[string]map[string]int64{}
	for i := range sale.Items {
		item := &sale.Items[i]
		for _, back := range w.purchases.GiveBack(sale.Customer, item) {
			items[back.Order] = append(items[back.Order], client.Item{ProductID: w.products[item.SKU].id, Quantity: back.Quantity})
			if units[back.Order] == nil {
				units[back.Order] = map[string]int64{}
			}
			units[back.Order][item.SKU] += back.Quantity
		}
	}
	for _, id := range slices.Sorted(maps.Keys(items)) {
		span := w.start()
		if _, err := w.client.Return(ctx, w.shop.service, replayKey("back-"+id, sale.Invoice), id, items[id], true); err != nil {
			return fmt.Errorf("return units of order %s: %w", id, err)
		}
		span.end = time.Since(w.began)
		w.log.giveBack(id, span, units[id])
	}
	return nil
}

func (w *replayWorker) start() replaySpan { return replaySpan{begin: time.Since(w.began)} }

// replayKey is a key that is the same whenever the invoice is sent again.
func replayKey(what, invoice string) string { return what + "-of-invoice-" + invoice }

// replaySpan is the time of a request, from before it was sent until its answer was
// there. What it did happened in between.
type replaySpan struct{ begin, end time.Duration }

// shortItem is an item that a refusal names.
type shortItem struct {
	sku                  string
	requested, available int64
}

// shortItems returns the items that a refusal is about.
func shortItems(sale *retail.Sale, problem *client.Problem) ([]shortItem, error) {
	if len(problem.Errors) == 0 && len(sale.Items) == 1 {
		return []shortItem{{sale.Items[0].SKU, sale.Items[0].Quantity, 0}}, nil
	}
	var short []shortItem
	for _, field := range problem.Errors {
		place, found := strings.CutPrefix(field.Pointer, "#/items/")
		n, err := strconv.Atoi(strings.SplitN(place, "/", 2)[0])
		if !found || err != nil || n < 0 || n >= len(sale.Items) {
			return nil, fmt.Errorf("a refusal names %q, which is no item", field.Pointer)
		}
		short = append(short, shortItem{sale.Items[n].SKU, field.Requested, field.Available})
	}
	if len(short) == 0 {
		return nil, fmt.Errorf("a refusal of %d items names none: %w", len(sale.Items), problem)
	}
	return short, nil
}
