package bench

import (
	"context"
	"fmt"
	"time"
)

// flashSale is what was measured at one rate.
type flashSale struct {
	name      string
	perSecond float64
	entries   []flashEntry
	// took is the time from the first order that was due to the last answer.
	took time.Duration
	// unsent are the orders that were given up since the server was too far behind.
	unsent int
	// serverSeconds and generatorSeconds are processor time.
	serverSeconds, generatorSeconds float64
	// behind is how many records were not in SQL at the end; none were at the start.
	behind int64
}

// sell warms the server up, measures its capacity when a rate needs it, and sells at
// each rate.
func (f *Flash) sell(ctx context.Context, s *flashSession, rates []flashRate, report *flashReport) error {
	warm, err := s.putOnSale(1, plenty)
	if err != nil {
		return err
	}
	if f.WarmUp > 0 {
		fmt.Fprintf(f.Out, "warm-up: %s at %d connections …\n", f.WarmUp, f.Connections)
		entries, err := s.closedLoop(ctx, f.Connections, only(warm[0]), f.WarmUp)
		if err != nil {
			return fmt.Errorf("warm up: %w", err)
		}
		s.entries = append(s.entries, entries...)
	}
	for _, rate := range rates {
		if rate.percent && report.capacity == 0 {
			if report.capacity, err = f.measureCapacity(ctx, s, warm[0]); err != nil {
				return fmt.Errorf("measure the capacity: %w", err)
			}
		}
		sale, err := f.sellAt(ctx, s, rate, report.capacity)
		if err != nil {
			return fmt.Errorf("sell at %s: %w", rate, err)
		}
		report.sales = append(report.sales, sale)
		s.entries = append(s.entries, sale.entries...)
	}
	return nil
}

// only chooses one product always.
func only(product uint32) func(uint32) uint32 { return func(uint32) uint32 { return product } }

// measureCapacity returns the orders that the server accepts in a second when each
// connection sends the next as soon as the one before is answered.
func (f *Flash) measureCapacity(ctx context.Context, s *flashSession, product uint32) (float64, error) {
	fmt.Fprintf(f.Out, "capacity: %s at %d connections …\n", f.CapacityDuration, f.Connections)
	if err := s.shop.awaitDrained(ctx); err != nil {
		return 0, err
	}
	entries, err := s.closedLoop(ctx, f.Connections, only(product), f.CapacityDuration)
	if err != nil {
		return 0, err
	}
	s.entries = append(s.entries, entries...)
	accepted := 0
	for i := range entries {
		if entries[i].outcome == flashAccepted {
			accepted++
		}
	}
	if accepted == 0 {
		return 0, fmt.Errorf("none of %d orders was accepted", len(entries))
	}
	return float64(accepted) / spanOf(entries).Seconds(), nil
}

// sellAt sells new products at one rate, when the database has everything of before.
func (f *Flash) sellAt(ctx context.Context, s *flashSession, rate flashRate, capacity float64) (sale flashSale, err error) {
	sale = flashSale{name: rate.String(), perSecond: rate.perSecond(capacity)}
	orders := sale.perSecond * f.Duration.Seconds()
	if left := flashOrdersMax - float64(s.serial.Load()); orders > left {
		return sale, fmt.Errorf("these are %.0f orders, and a run has at most %d: sell for less time or at a lower rate", orders, flashOrdersMax)
	}
	products, err := s.putOnSale(f.Products, f.Stock)
	if err != nil {
		return sale, err
	}
	if err := s.shop.awaitDrained(ctx); err != nil {
		return sale, err
	}
	fmt.Fprintf(f.Out, "%s: %.0f orders/s for %s at %d connections …\n", sale.name, sale.perSecond, f.Duration, f.Connections)
	used, err := s.processorTime()
	if err != nil {
		return sale, err
	}
	bar := f.newBar("orders due", int64(orders))
	sale.entries, sale.unsent, err = s.openLoop(ctx, flashOrders{perSecond: sale.perSecond, duration: f.Duration, poisson: f.Poisson,
		repeat: float64(f.RepeatPercent) / 100, hot: float64(f.HotPercent) / 100, products: products, connections: f.Connections, overrun: flashOverrunMax, bar: bar})
	bar.End()
	if err != nil {
		return sale, err
	}
	return sale, sale.finish(s, used)
}

// finish notes what was used since before, and what is left to do.
func (sale *flashSale) finish(s *flashSession, before processorTime) error {
	after, err := s.processorTime()
	if err != nil {
		return err
	}
	sale.serverSeconds, sale.generatorSeconds = after.server-before.server, after.generator-before.generator
	if sale.behind, err = s.shop.backlog(); err != nil {
		return err
	}
	sale.took = spanOf(sale.entries)
	return nil
}
