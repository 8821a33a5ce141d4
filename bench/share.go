package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Share measures durable orders over HTTP as a share of the ceiling.
type Share struct {
	// Holdfast is the path of the server's binary, Self that of a binary that
	// serves the ceiling with the arguments "ceiling --listen ADDRESS".
	Holdfast, Self string
	// Rounds is how often both are measured, Duration how long each time.
	Rounds   int
	Duration time.Duration
	// Connections is how many connections send at once, Customers how many
	// accounts order in turn.
	Connections, Customers int
	// Out takes progress and table.
	Out io.Writer
}

// row is one measurement.
type row struct {
	name      string
	measured  measured
	cpuMicros float64
}

// Run measures in interleaved rounds and prints a table. It returns the median
// share. An unexpected status or a broken connection is an error.
func (s Share) Run(ctx context.Context) (float64, error) {
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "round\tserver\trequests/s\tp50 ms\tp99 ms\tmax ms\tCPU µs/request\tshare\t")
	var shares []float64
	for round := range s.Rounds {
		ceiling, orders, err := s.round(ctx, round)
		if err != nil {
			return 0, fmt.Errorf("round %d: %w", round+1, err)
		}
		share := orders.measured.perSecond() / ceiling.measured.perSecond()
		shares = append(shares, share)
		for _, r := range []row{ceiling, orders} {
			fmt.Fprintf(table, "%d\t%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t", round+1, r.name, r.measured.perSecond(),
				r.measured.P50, r.measured.P99, r.measured.Max, r.cpuMicros)
			if r.name == ordersName {
				fmt.Fprintf(table, "%.3f", share)
			}
			fmt.Fprintln(table, "\t")
		}
	}
	if err := table.Flush(); err != nil {
		return 0, err
	}
	slices.Sort(shares)
	median := shares[len(shares)/2]
	fmt.Fprintf(s.Out, "durable orders over HTTP: %.3f of the ceiling (median of %d rounds, %.3f to %.3f), %d connections, %d customers\n",
		median, len(shares), shares[0], shares[len(shares)-1], s.Connections, s.Customers)
	return median, nil
}

const (
	ceilingName = "constant"
	ordersName  = "orders"
)

// round measures both servers with one script; the order alternates.
func (s Share) round(ctx context.Context, round int) (ceiling, orders row, err error) {
	shop, err := openShop(ctx, s.Holdfast, s.Customers)
	if err != nil {
		return ceiling, orders, err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	address, err := freeAddress()
	if err != nil {
		return ceiling, orders, err
	}
	constant, err := start(ctx, address, "/", nil, s.Self, "ceiling", "--listen", address)
	if err != nil {
		return ceiling, orders, err
	}
	defer func() { err = errors.Join(err, constant.stop()) }()
	script, err := writeOrderScript(shop.folder, shop.tokens, shop.product, nonce())
	if err != nil {
		return ceiling, orders, err
	}
	first, second := func() error {
		ceiling, err = s.measure(ctx, ceilingName, constant, script)
		return err
	}, func() error {
		orders, err = s.measure(ctx, ordersName, shop.process, script)
		return err
	}
	if round%2 == 1 {
		first, second = second, first
	}
	if err = first(); err == nil {
		err = second()
	}
	return ceiling, orders, err
}

// measure loads one server.
func (s Share) measure(ctx context.Context, name string, p *process, script string) (row, error) {
	fmt.Fprintf(s.Out, "%s: %s at %d connections …\n", name, s.Duration, s.Connections)
	before, err := p.cpuSeconds()
	if err != nil {
		return row{}, err
	}
	m, err := load{address: p.address, connections: s.Connections, duration: s.Duration, script: script}.run(ctx)
	if err != nil {
		return row{}, err
	}
	after, err := p.cpuSeconds()
	if err != nil {
		return row{}, err
	}
	if m.Unexpected > 0 || m.Broken > 0 {
		return row{}, fmt.Errorf("%s: %d answers with an unexpected status, %d broken connections\n%s", name, m.Unexpected, m.Broken, p.log.String())
	}
	return row{name: name, measured: m, cpuMicros: (after - before) / float64(m.Requests) * 1e6}, nil
}
