package bench

import (
	"context"
	"errors"
	"fmt"
)

// pairedSale is one condition of a pair.
type pairedSale struct {
	// fault is what failed meanwhile, empty in health.
	fault     Fault
	perSecond float64
	taken     latencies
	// late is how late orders were sent that found a connection free.
	late latencies
	// server and generator are microseconds of processor time for each order until the end
	// of the sale, all is that of the server until the database had all orders.
	server, all, generator float64
	// behind is how many records were not in SQL at the end of the sale.
	behind int64
	// memory is the most that the server had resident until then, in MiB, and logins how many
	// people could log in.
	memory float64
	logins int64
}

// name is what the table calls the condition.
func (s *pairedSale) name() string {
	if s.fault == "" {
		return "healthy"
	}
	return string(s.fault)
}

// measure sells in one condition.
func (p *Paired) measure(ctx context.Context, services *services, sale *pairedSale, perSecond float64) (err error) {
	s, err := p.open(ctx, services)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if err := s.shop.awaitDrained(ctx); err != nil {
		return err
	}
	opening, err := s.shop.stock(s.products[s.product].id)
	if err != nil {
		return err
	}
	before, err := s.processorTime()
	if err != nil {
		return err
	}
	entries, err := p.sell(ctx, s, sale, perSecond)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, &s.shop.log)
	}
	each := 1e6 / float64(len(entries))
	after, err := s.processorTime()
	if err != nil {
		return err
	}
	if sale.behind, err = s.shop.backlog(); err != nil {
		return err
	}
	if sale.memory, err = s.shop.peakMemory(); err != nil {
		return err
	}
	if s.logins != nil {
		sale.logins = s.logins.accepted.Load()
	}
	if err := s.shop.awaitDrained(ctx); err != nil {
		return err
	}
	drained, err := s.processorTime()
	if err != nil {
		return err
	}
	sale.server, sale.generator = (after.server-before.server)*each, (after.generator-before.generator)*each
	sale.all = (drained.server - before.server) * each
	return s.judge(sale, entries, opening)
}

// sell sells while the fault, if there is one, comes and goes.
func (p *Paired) sell(ctx context.Context, s *pairedSession, sale *pairedSale, perSecond float64) ([]flashEntry, error) {
	s.serial.Store(0)
	s.nonce = nonce() // other keys than those of the warm-up
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed := make(chan error, 1)
	if sale.fault == "" {
		failed <- nil
	} else {
		go func() {
			err := s.fail(ctx, p)
			if err != nil {
				cancel(err)
			}
			failed <- err
		}()
	}
	entries, unsent, err := s.openLoop(ctx, flashOrders{perSecond: perSecond, duration: p.Duration, products: []uint32{s.product},
		connections: p.Connections, overrun: flashOverrunMax, bar: Flash{}.newBar("", 0)})
	if err != nil {
		cancel(err)
	}
	err = errors.Join(<-failed, err)
	switch {
	case err != nil:
		return nil, err
	case unsent > 0 || len(entries) == 0:
		return nil, fmt.Errorf("%w: %d orders were never sent, since the server was too slow, and %d were", ErrPaired, unsent, len(entries))
	}
	return entries, nil
}

// judge takes the figures from the orders, all of which must have been accepted, and
// nothing else may be in the stock.
func (s *pairedSession) judge(sale *pairedSale, entries []flashEntry, opening productStock) error {
	sale.taken, sale.late = newLatencies(), newLatencies()
	for i := range entries {
		entry := &entries[i]
		if entry.outcome != flashAccepted {
			return fmt.Errorf("%w: an order was not accepted: %s %s\n%s", ErrPaired, flashOutcomeNames[entry.outcome], s.codes.name(entry.code), &s.shop.log)
		}
		sale.taken.add(entry.took)
		if !entry.waited {
			sale.late.add(entry.sent)
		}
	}
	sale.perSecond = float64(len(entries)) / spanOf(entries).Seconds()
	if s.faults.count > 0 {
		return fmt.Errorf("%w: %d, such as %s", ErrPaired, s.faults.count, s.faults.texts[0])
	}
	stock, err := s.shop.stock(s.products[s.product].id)
	if err != nil {
		return err
	}
	if count := int64(len(entries)); stock.Reserved != opening.Reserved+count || stock.Version != opening.Version+count {
		return fmt.Errorf("%w: %d orders made %+v of %+v", ErrPaired, count, stock, opening)
	}
	return nil
}
