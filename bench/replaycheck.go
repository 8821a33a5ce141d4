package bench

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"holdfast/api/client"
)

// replayStock is the stock of a product as the API tells it.
type replayStock struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Committed int64 `json:"committed"`
}

// replayPageItems is how many items a page has.
const replayPageItems = 100

// check asks the server for all orders and all stock and returns what is wrong.
func (s *replaySession) check(ctx context.Context) (faults []string, err error) {
	listed, err := s.listOrders(ctx)
	if err != nil {
		return nil, err
	}
	stock, err := s.listStock(ctx)
	if err != nil {
		return nil, err
	}
	faults = append(s.checkOrders(listed), s.checkStock(stock)...)
	return append(faults, s.checkRefusals()...), nil
}

func (s *replaySession) listOrders(ctx context.Context) (map[string]client.Order, error) {
	listed := map[string]client.Order{}
	for cursor := ""; ; {
		page, err := s.client.Orders(ctx, s.shop.service, cursor, replayPageItems)
		if err != nil {
			return nil, fmt.Errorf("list the orders: %w", err)
		}
		for _, order := range page.Items {
			listed[order.ID] = order
		}
		if page.NextCursor == "" {
			return listed, nil
		}
		cursor = page.NextCursor
	}
}

func (s *replaySession) listStock(ctx context.Context) (map[string]replayStock, error) {
	stock := map[string]replayStock{}
	for sku, product := range s.products {
		var units replayStock
		if err := s.client.Get(ctx, "", "/api/products/"+product.id+"/stock", &units); err != nil {
			return nil, fmt.Errorf("read the stock of %s: %w", sku, err)
		}
		stock[sku] = units
	}
	return stock, nil
}

// checkOrders compares what was placed with what is listed.
func (s *replaySession) checkOrders(listed map[string]client.Order) (faults []string) {
	for id, placed := range s.log.orders {
		order, is := listed[id]
		if !is {
			faults = append(faults, fmt.Sprintf("order %s of invoice %s is not listed", id, placed.invoice))
			continue
		}
		faults = append(faults, checkOrder(&order, placed)...)
	}
	for id := range listed {
		if s.log.orders[id] == nil {
			faults = append(faults, fmt.Sprintf("order %s is listed and was not placed", id))
		}
	}
	return faults
}

func checkOrder(order *client.Order, placed *replayOrder) (faults []string) {
	returned := int64(0)
	for _, item := range order.Items {
		returned += item.Returned
		if want := placed.items[item.SKU]; item.Quantity != want || item.Shipped != want || item.Returned != placed.returned[item.SKU] {
			faults = append(faults, fmt.Sprintf("invoice %s: of %s %d were ordered, %d shipped, %d returned, and not %d, %d, %d", placed.invoice, item.SKU,
				item.Quantity, item.Shipped, item.Returned, want, want, placed.returned[item.SKU]))
		}
	}
	if len(order.Items) != len(placed.items) {
		faults = append(faults, fmt.Sprintf("invoice %s has %d items, not %d", placed.invoice, len(order.Items), len(placed.items)))
	}
	if settled := order.Status == "fulfilled"; settled != (returned == 0) {
		faults = append(faults, fmt.Sprintf("invoice %s is %s after %d units came back", placed.invoice, order.Status, returned))
	}
	return faults
}

// checkStock compares each product's stock with what opened, went and came back.
func (s *replaySession) checkStock(stock map[string]replayStock) (faults []string) {
	for sku, product := range s.products {
		want := replayStock{OnHand: product.opening}
		for _, move := range s.log.taken[sku] {
			want.OnHand -= move.units
		}
		for _, move := range s.log.back[sku] {
			want.OnHand += move.units
		}
		if stock[sku] != want || want.OnHand < 0 {
			faults = append(faults, fmt.Sprintf("%s has %+v, and not %+v", sku, stock[sku], want))
		}
	}
	return faults
}

// checkRefusals finds the refusals that cannot have been true.
func (s *replaySession) checkRefusals() (faults []string) {
	for i := range s.log.refusals {
		refusal := &s.log.refusals[i]
		for _, item := range refusal.short {
			lowest := s.log.lowest(item.sku, s.products[item.sku].opening, refusal.span)
			if lowest >= item.requested || item.available >= item.requested {
				faults = append(faults, fmt.Sprintf("invoice %s: %s, %d of %s were asked for, %d said to be there, and there were never fewer than %d",
					refusal.invoice, refusal.code, item.requested, item.sku, item.available, lowest))
			}
		}
	}
	return faults
}

// replayFaultsShown bounds the faults that are printed.
const replayFaultsShown = 20

func (s *replaySession) print(out io.Writer, took time.Duration, faults []string) error {
	log, table := s.log, tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	seconds := took.Seconds()
	sales, refused := len(s.history.sales), 0
	for _, count := range log.codes {
		refused += count
	}
	slices.Sort(log.latencies)
	percentile := func(p int) float64 { return milliseconds(log.latencies[(len(log.latencies)-1)*p/100]) }
	fmt.Fprintf(table, "invoices\t%d\tof %d customers, %d products, in %.1f s\n", sales, len(s.history.customers), len(s.products), seconds)
	fmt.Fprintf(table, "orders placed, paid and shipped\t%d\t%d lines, %d units\n", len(log.orders), log.lines, log.units)
	fmt.Fprintf(table, "orders refused\t%d\t\n", refused)
	for _, code := range slices.Sorted(maps.Keys(log.codes)) {
		fmt.Fprintf(table, "  %s\t%d\t\n", code, log.codes[code])
	}
	fmt.Fprintf(table, "cancelled items without a purchase\t%d\tof refused orders, or of before the history\n", log.unmatched.Load())
	fmt.Fprintf(table, "decided\t%.0f orders/s\tplaced: %.0f lines/s\n", float64(len(log.orders)+refused)/seconds, float64(log.lines)/seconds)
	fmt.Fprintf(table, "an order's answer\tp50 %.1f ms\tp99 %.1f ms, at most %.1f ms\n", percentile(50), percentile(99), percentile(100))
	for _, kind := range slices.Sorted(maps.Keys(s.history.oddities)) {
		fmt.Fprintf(table, "odd in the file: %s\t%d\t\n", kind, s.history.oddities[kind])
	}
	fmt.Fprintf(table, "faults\t%d\t\n", len(faults))
	for _, fault := range faults[:min(len(faults), replayFaultsShown)] {
		fmt.Fprintf(table, "  %s\t\t\n", fault)
	}
	return table.Flush()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1_000 }
