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

// Share measures what the server does over HTTP as a share of the ceiling: durable
// orders, or refusals of a product that is sold out.
type Share struct {
	// Holdfast is the path of the server's binary, Self that of a binary that serves the
	// ceiling with the arguments "ceiling --listen ADDRESS", and "--sold-out" for refusals.
	Holdfast, Self string
	// SoldOut measures refusals.
	SoldOut bool
	// Rounds is how often both are measured, Duration how long each time, and WarmUp
	// how long each server is loaded before that.
	Rounds           int
	Duration, WarmUp time.Duration
	// Connections is how many connections send at once, Customers how many
	// accounts order in turn.
	Connections, Customers int
	// Out takes progress and table.
	Out io.Writer
}

// row is one measurement.
type row struct {
	name     string
	measured measured
	// cpuMicros and generatorMicros are the processor time of server and generator
	// per request.
	cpuMicros, generatorMicros float64
	// behind is how many records were not in SQL yet at the end; none were at the start.
	behind int64
}

// Run measures in interleaved rounds and prints a table. It returns the median
// share. An answer of another status than expected and a broken connection are errors.
func (s Share) Run(ctx context.Context) (float64, error) {
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "round\tserver\trequests/s\tp50 ms\tp99 ms\tmax ms\tCPU µs/request\tgenerator µs/request\tnot in SQL\tshare\t")
	var shares []float64
	for round := range s.Rounds {
		ceiling, served, err := s.round(ctx, round)
		if err != nil {
			return 0, fmt.Errorf("round %d: %w", round+1, err)
		}
		share := served.measured.perSecond() / ceiling.measured.perSecond()
		shares = append(shares, share)
		ceiling.print(table, round, "", "")
		served.print(table, round, fmt.Sprintf("%d (%.0f %%)", served.behind, 100*float64(served.behind)/float64(served.measured.Requests)),
			fmt.Sprintf("%.3f", share))
	}
	if err := table.Flush(); err != nil {
		return 0, err
	}
	middle := median(shares)
	fmt.Fprintf(s.Out, "%s over HTTP: %.3f of the ceiling (median of %d rounds, %.3f to %.3f), %d connections, %d customers\n",
		s.contest().title, middle, len(shares), slices.Min(shares), slices.Max(shares), s.Connections, s.Customers)
	return middle, nil
}

func (r *row) print(table io.Writer, round int, behind, share string) {
	fmt.Fprintf(table, "%d\t%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%s\t%s\t\n", round+1, r.name, r.measured.perSecond(),
		r.measured.P50, r.measured.P99, r.measured.Max, r.cpuMicros, r.generatorMicros, behind, share)
}

// median returns the middle value, or the average of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// ceilingName is what the table calls the ceiling.
const ceilingName = "constant"

// round measures both servers with one script; the order alternates.
func (s Share) round(ctx context.Context, round int) (ceiling, served row, err error) {
	shop, err := openShop(ctx, s.Holdfast, s.Customers, s.contest().stock)
	if err != nil {
		return ceiling, served, err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	address, err := freeAddress()
	if err != nil {
		return ceiling, served, err
	}
	constant, err := start(ctx, address, "/", nil, s.Self, append([]string{"ceiling", "--listen", address}, s.contest().ceilingFlags...)...)
	if err != nil {
		return ceiling, served, err
	}
	defer func() { err = errors.Join(err, constant.stop()) }()
	first, second := func() error {
		ceiling, err = s.measure(ctx, ceilingName, constant, shop)
		return err
	}, func() error {
		served, err = s.measureShop(ctx, shop)
		return err
	}
	if round%2 == 1 {
		first, second = second, first
	}
	if err = first(); err == nil {
		err = second()
	}
	return ceiling, served, err
}

// measureShop loads the shop, and looks at what is left to do then.
func (s Share) measureShop(ctx context.Context, shop *shop) (row, error) {
	r, err := s.measure(ctx, s.contest().name, shop.process, shop)
	if err == nil {
		r.behind, err = shop.backlog()
	}
	return r, err
}

// measure loads one server, after a warm-up and a wait for the shop to have nothing
// left to do.
func (s Share) measure(ctx context.Context, name string, p *process, shop *shop) (row, error) {
	fmt.Fprintf(s.Out, "%s: %s at %d connections …\n", name, s.Duration, s.Connections)
	if s.WarmUp > 0 {
		if _, err := s.load(ctx, name, p, shop, s.WarmUp); err != nil {
			return row{}, fmt.Errorf("warm up: %w", err)
		}
	}
	if err := shop.awaitDrained(ctx); err != nil {
		return row{}, err
	}
	before, err := p.cpuSeconds()
	if err != nil {
		return row{}, err
	}
	m, err := s.load(ctx, name, p, shop, s.Duration)
	if err != nil {
		return row{}, err
	}
	after, err := p.cpuSeconds()
	if err != nil {
		return row{}, err
	}
	return row{name: name, measured: m, cpuMicros: (after - before) / float64(m.Requests) * 1e6,
		generatorMicros: m.generatorSeconds / float64(m.Requests) * 1e6}, nil
}

// load drives one server. Its keys are those of no other load: an order that exists
// already is cheaper than one that has to be made.
func (s Share) load(ctx context.Context, name string, p *process, shop *shop, duration time.Duration) (measured, error) {
	script, err := writeOrderScript(shop.folder, shop.tokens, shop.product, nonce())
	if err != nil {
		return measured{}, err
	}
	contest := s.contest()
	before, err := contest.look(p.address, shop)
	if err != nil {
		return measured{}, err
	}
	m, err := load{address: p.address, connections: s.Connections, duration: duration, script: script}.run(ctx)
	if err != nil {
		return measured{}, err
	}
	after, err := contest.look(p.address, shop)
	if err != nil {
		return measured{}, err
	}
	err = contest.check(m)
	if err == nil && p == shop.process {
		err = contest.compare(m, before, after)
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w\n%s", name, err, &p.log)
	}
	return m, nil
}
