package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Paired measures whether a server sells as well while a service beside it fails. Each
// pair is a server in health and one with the fault, one after the other, each with data
// and a database of its own, under the same open loop of orders (see [Flash]). The order
// alternates, the ratios are taken inside each pair, and what is quoted is their median.
type Paired struct {
	// Holdfast is the path of the server's binary.
	Holdfast string
	// Fault is what fails.
	Fault Fault
	// Pairs is how many there are.
	Pairs int
	// Rate is in orders per second, such as 12000, or in percent of the capacity in
	// health, such as 30%, which is measured first, for CapacityDuration.
	Rate             string
	CapacityDuration time.Duration
	// Duration is how long each server sells, WarmUp how long it is loaded before that,
	// and Stall how long the fault lasts, in the middle of the sale.
	Duration, WarmUp, Stall time.Duration
	// Connections and Customers are those of [Flash].
	Connections, Customers int
	// Out takes progress and tables.
	Out io.Writer
}

// Fault is what fails beside a server.
type Fault string

// The faults.
const (
	// RedisDead is a Redis that was killed.
	RedisDead Fault = "redis dead"
	// PostgresStall is a Postgres that answers nothing, and keeps its connections.
	PostgresStall Fault = "postgres stall"
	// LoginFlood is no fault of a service: 200 people log in at once, again and again.
	LoginFlood Fault = "login flood"
)

// PairedRatios are what a server with the fault does as a ratio to one in health.
type PairedRatios struct {
	// P99 is that of the latency from when an order was due, PerSecond the accepted
	// orders/s. Processor is the server's processor time for each order until the end of
	// the sale, and ProcessorAll until the database had all of them too.
	P99, PerSecond, Processor, ProcessorAll float64
}

// ErrPaired is wrapped by the error of a measurement in which something was wrong.
var ErrPaired = errors.New("the measurement found faults")

// pairsMax bounds the pairs.
const pairsMax = 1_000

// Run measures the pairs, and prints a table and the median ratios, which it returns. An
// order that is not accepted, and stock that is not what the orders make of it, are
// errors.
func (p Paired) Run(ctx context.Context) (median PairedRatios, err error) {
	rate, err := p.validate()
	if err != nil {
		return median, err
	}
	services, err := startServices()
	if err != nil {
		return median, err
	}
	defer func() { err = errors.Join(err, services.close()) }()
	perSecond := rate.perSecond(1)
	if rate.percent {
		capacity, err := p.measureCapacity(ctx, services)
		if err != nil {
			return median, fmt.Errorf("measure the capacity: %w", err)
		}
		perSecond = rate.perSecond(capacity)
	}
	if orders := perSecond * p.Duration.Seconds(); orders > flashOrdersMax/2 {
		return median, fmt.Errorf("these are %.0f orders, and a sale has at most %d: sell for less time or at a lower rate", orders, flashOrdersMax/2)
	}
	report := pairedReport{Paired: p, perSecond: perSecond}
	for pair := range p.Pairs {
		healthy, faulty, err := p.pair(ctx, services, pair, perSecond)
		if err != nil {
			return median, fmt.Errorf("pair %d: %w", pair+1, err)
		}
		report.add(healthy, faulty)
	}
	return report.conclude()
}

// validate reads the rate and finds what cannot be run.
func (p *Paired) validate() (rate flashRate, err error) {
	if rate, err = parseFlashRate(p.Rate); err != nil {
		return rate, err
	}
	if p.Fault != RedisDead && p.Fault != PostgresStall && p.Fault != LoginFlood {
		return rate, fmt.Errorf("the fault %q is neither %q nor %q nor %q", p.Fault, RedisDead, PostgresStall, LoginFlood)
	}
	if p.Pairs < 1 || p.Pairs > pairsMax {
		return rate, fmt.Errorf("%d pairs are not from 1 to %d", p.Pairs, pairsMax)
	}
	if p.Stall <= 0 || p.Stall > p.Duration || p.Duration > flashDurationMax {
		return rate, fmt.Errorf("a fault of %s does not fit into a sale of %s, which may take %s", p.Stall, p.Duration, flashDurationMax)
	}
	if p.WarmUp < 0 || p.CapacityDuration <= 0 {
		return rate, errors.New("the warm-up is negative, or the capacity is measured for no time")
	}
	if p.Connections < 1 || p.Connections > flashConnectionsMax || p.Customers < 1 || p.Customers > flashCustomersMax {
		return rate, fmt.Errorf("there are from 1 to %d connections and from 1 to %d customers", flashConnectionsMax, flashCustomersMax)
	}
	return rate, nil
}

// measureCapacity returns the orders that a server in health accepts in a second.
func (p *Paired) measureCapacity(ctx context.Context, services *services) (capacity float64, err error) {
	s, err := p.open(ctx, services)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	f := Flash{CapacityDuration: p.CapacityDuration, Connections: p.Connections, Out: p.Out}
	return f.measureCapacity(ctx, s.flashSession, s.product)
}

// pair measures both conditions, in an order that alternates.
func (p *Paired) pair(ctx context.Context, services *services, pair int, perSecond float64) (healthy, faulty pairedSale, err error) {
	turns := []*pairedSale{&healthy, &faulty}
	faulty.fault = p.Fault
	if pair%2 == 1 {
		turns[0], turns[1] = turns[1], turns[0]
	}
	for _, sale := range turns {
		fmt.Fprintf(p.Out, "%s: %.0f orders/s for %s at %d connections …\n", sale.name(), perSecond, p.Duration, p.Connections)
		if err := p.measure(ctx, services, sale, perSecond); err != nil {
			return healthy, faulty, fmt.Errorf("%s: %w", sale.name(), err)
		}
	}
	return healthy, faulty, nil
}
