package bench

import (
	"fmt"
	"slices"
	"text/tabwriter"
)

// The bounds that a fault beside a server may reach.
const (
	pairedP99Max        = 1.25
	pairedPerSecondMin  = 0.9
	pairedProcessorsMax = 1.1
	// pairedLoginsP99Max is that of people who log in.
	pairedLoginsP99Max = 2
)

// pairedReport is what was measured of all pairs.
type pairedReport struct {
	Paired
	perSecond       float64
	healthy, faulty []pairedSale
}

func (r *pairedReport) add(healthy, faulty pairedSale) {
	r.healthy, r.faulty = append(r.healthy, healthy), append(r.faulty, faulty)
}

// p99 is the 99th percentile, in microseconds.
func (s *pairedSale) p99() float64 { return float64(s.taken.ValueAtPercentile(99)) }

// ratios compares a pair.
func ratiosOf(healthy, faulty *pairedSale) PairedRatios {
	return PairedRatios{P99: faulty.p99() / healthy.p99(), PerSecond: faulty.perSecond / healthy.perSecond,
		Processor: faulty.server / healthy.server, ProcessorAll: faulty.all / healthy.all}
}

// schedule says whether the generator kept to its own.
func (s *pairedSale) schedule() string {
	if late := float64(s.late.ValueAtPercentile(99)) / 1e3; late > milliseconds(flashLateMax) {
		return fmt.Sprintf("NOT KEPT: p99 %.1f ms late", late)
	}
	return "kept"
}

// conclude prints each pair and the medians, and returns these.
func (r *pairedReport) conclude() (median PairedRatios, err error) {
	table := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\npair\tcondition\torders/s\t%s\tserver µs/order\tuntil in SQL\tgenerator µs/order\tnot in SQL\tpeak MiB\tlogins\tschedule\tp99 ratio\torders/s\tCPU\tuntil in SQL\t\n", quantilesHead)
	ratios := make([]PairedRatios, len(r.healthy))
	for i := range r.healthy {
		ratios[i] = ratiosOf(&r.healthy[i], &r.faulty[i])
		for _, sale := range []*pairedSale{&r.healthy[i], &r.faulty[i]} {
			fmt.Fprintf(table, "%d\t%s\t%.0f\t%s\t%.1f\t%.1f\t%.1f\t%d\t%.0f\t%d\t%s\t", i+1, sale.name(), sale.perSecond, sale.taken.row(), sale.server, sale.all,
				sale.generator, sale.behind, sale.memory, sale.logins, sale.schedule())
			if sale.fault != "" {
				fmt.Fprintf(table, "%.3f\t%.3f\t%.3f\t%.3f\t", ratios[i].P99, ratios[i].PerSecond, ratios[i].Processor, ratios[i].ProcessorAll)
			} else {
				fmt.Fprint(table, "\t\t\t\t")
			}
			fmt.Fprintln(table)
		}
	}
	if err := table.Flush(); err != nil {
		return median, err
	}
	fmt.Fprintf(r.Out, "\n%s for %s of %s, %.0f orders/s due, %d connections, %d customers; ratios to health, medians of %d pairs:\n",
		r.Fault, r.Stall, r.Duration, r.perSecond, r.Connections, r.Customers, len(ratios))
	p99Max := pairedP99Max
	if r.Fault == LoginFlood {
		p99Max = pairedLoginsP99Max
	}
	median.P99 = r.quote(ratios, "p99 of an order", fmt.Sprintf("at most %.2f", p99Max), func(p PairedRatios) float64 { return p.P99 })
	median.PerSecond = r.quote(ratios, "orders/s", fmt.Sprintf("at least %.2f", pairedPerSecondMin), func(p PairedRatios) float64 { return p.PerSecond })
	if r.Fault == LoginFlood {
		return median, nil // the processors are what logging in takes
	}
	bound := fmt.Sprintf("at most %.2f", pairedProcessorsMax)
	median.Processor = r.quote(ratios, "CPU of the server for an order", bound, func(p PairedRatios) float64 { return p.Processor })
	median.ProcessorAll = r.quote(ratios, "the same until the database had all", bound, func(p PairedRatios) float64 { return p.ProcessorAll })
	return median, nil
}

// quote prints the median of one ratio with its range and its bound, and returns it.
func (r *pairedReport) quote(ratios []PairedRatios, name, bound string, of func(PairedRatios) float64) float64 {
	values := make([]float64, len(ratios))
	for i := range ratios {
		values[i] = of(ratios[i])
	}
	middle := median(values)
	fmt.Fprintf(r.Out, "  %s: %.3f (%.3f to %.3f; wanted: %s)\n", name, middle, slices.Min(values), slices.Max(values), bound)
	return middle
}
