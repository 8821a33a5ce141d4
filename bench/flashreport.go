package bench

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// flashLateMax is how late the generator may send one in a hundred orders that found a
// connection free. Beyond it the table says that the schedule was not kept.
const flashLateMax = 2 * time.Millisecond

// flashReport is what a flash sale has measured.
type flashReport struct {
	Flash
	session  *flashSession
	capacity float64
	sales    []flashSale
	// distributions takes those of all latencies; nil is nobody.
	distributions io.Writer
}

// flashTally counts what became of the orders of a sale.
type flashTally struct {
	requests, repeats, waited int
	outcomes                  [flashOutcomes]int
	// codes counts the refusals and the unknown by code.
	codes [flashOutcomes]map[string]int
	// taken are the latencies by outcome, repeated those of repeats, late how late orders
	// were sent that found a connection free.
	taken          [flashOutcomes]latencies
	repeated, late latencies
}

// tally counts the orders of a sale. Repeats are counted by themselves.
func (r *flashReport) tally(sale *flashSale) *flashTally {
	t := &flashTally{requests: len(sale.entries), repeated: newLatencies(), late: newLatencies()}
	for outcome := range t.codes {
		t.codes[outcome], t.taken[outcome] = map[string]int{}, newLatencies()
	}
	for i := range sale.entries {
		entry := &sale.entries[i]
		if entry.waited {
			t.waited++
		} else {
			t.late.add(entry.sent)
		}
		if entry.repeat {
			t.repeats++
			t.repeated.add(entry.took)
			continue
		}
		t.outcomes[entry.outcome]++
		t.taken[entry.outcome].add(entry.took)
		if entry.outcome != flashAccepted {
			t.codes[entry.outcome][r.session.codes.name(entry.code)]++
		}
	}
	return t
}

// conclude prints what there is to say, and returns [ErrFlash] when there were faults.
func (r *flashReport) conclude() error {
	if err := r.write(); err != nil {
		return err
	}
	if count := r.session.faults.count; count > 0 {
		return fmt.Errorf("%w: %d of them", ErrFlash, count)
	}
	return nil
}

// write prints the tables and, when asked for, the distributions.
func (r *flashReport) write() error {
	tallies := make([]*flashTally, len(r.sales))
	for i := range r.sales {
		tallies[i] = r.tally(&r.sales[i])
		if r.Stock > 0 && tallies[i].outcomes[flashAccepted] == 0 {
			r.session.faults.add("of %d orders at %s none was accepted", tallies[i].requests, r.sales[i].name)
		}
	}
	arrivals := "at a constant distance"
	if r.Poisson {
		arrivals = "at random (Poisson)"
	}
	fmt.Fprintf(r.Out, "\nflash sale: %d product(s) of %d units, %d customers, orders due %s for %s, at most %d under way\n",
		r.Products, r.Stock, r.Customers, arrivals, r.Duration, r.Connections)
	if r.capacity > 0 {
		fmt.Fprintf(r.Out, "capacity: %.0f accepted orders/s, closed loop at %d connections\n", r.capacity, r.Connections)
	}
	if err := errors.Join(r.printSales(tallies), r.printLatencies(tallies), r.printLoad(tallies), r.printFaults()); err != nil {
		return err
	}
	return r.printDistributions(tallies)
}

func (r *flashReport) table(head string) *tabwriter.Writer {
	table := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n%s\t\n", head)
	return table
}

// printSales says what became of the orders.
func (r *flashReport) printSales(tallies []*flashTally) error {
	table := r.table("rate\toffered/s\tanswered/s\torders\taccepted\trefused\tunknown\twrong\trepeats\tnot sent")
	for i, t := range tallies {
		sale := &r.sales[i]
		offered := float64(t.requests+sale.unsent) / r.Duration.Seconds()
		answered := float64(t.requests) / sale.took.Seconds()
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", sale.name, offered, answered, t.requests-t.repeats, t.outcomes[flashAccepted],
			t.outcomes[flashRefused], t.outcomes[flashUnknown], t.outcomes[flashWrong], t.repeats, sale.unsent)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i, t := range tallies {
		for outcome, codes := range t.codes {
			for _, code := range slices.Sorted(maps.Keys(codes)) {
				fmt.Fprintf(r.Out, "  %s: %s for %s: %d\n", r.sales[i].name, flashOutcomeNames[outcome], code, codes[code])
			}
		}
	}
	return nil
}

// printLatencies says how long answers took.
func (r *flashReport) printLatencies(tallies []*flashTally) error {
	table := r.table("rate\tanswer, from when it was due\tcount\t" + quantilesHead)
	for i, t := range tallies {
		for name, taken := range t.distributions() {
			fmt.Fprintf(table, "%s\t%s\t%d\t%s\t\n", r.sales[i].name, name, taken.TotalCount(), taken.row())
		}
	}
	return table.Flush()
}

// distributions are the latencies that there are, by name.
func (t *flashTally) distributions() func(yield func(string, latencies) bool) {
	return func(yield func(string, latencies) bool) {
		for outcome, taken := range t.taken {
			if taken.TotalCount() > 0 && !yield(flashOutcomeNames[outcome], taken) {
				return
			}
		}
		if t.repeated.TotalCount() > 0 {
			yield("repeated", t.repeated)
		}
	}
}

// printLoad says what it cost, and whether the generator did its part.
func (r *flashReport) printLoad(tallies []*flashTally) error {
	table := r.table("rate\tserver µs/order\tgenerator µs/order\tnot in SQL\tno connection free\tsent late p50 ms\tp99 ms\tmax ms\tschedule")
	for i, t := range tallies {
		sale, each := &r.sales[i], 1e6/float64(max(t.requests, 1))
		late := func(quantile float64) float64 { return float64(t.late.ValueAtPercentile(quantile)) / 1e3 }
		schedule := "kept"
		switch {
		case sale.unsent > 0:
			schedule = "given up: the server is too slow"
		case late(99) > milliseconds(flashLateMax):
			schedule = fmt.Sprintf("NOT KEPT within %s: latencies have the generator's own", flashLateMax)
		}
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%d\t%d (%.1f %%)\t%.2f\t%.2f\t%.1f\t%s\t\n", sale.name, sale.serverSeconds*each, sale.generatorSeconds*each,
			sale.behind, t.waited, 100*float64(t.waited)/float64(max(t.requests, 1)), late(50), late(99), float64(t.late.Max())/1e3, schedule)
	}
	return table.Flush()
}

// printFaults says what the check has found.
func (r *flashReport) printFaults() error {
	s := r.session
	placed, repeats := 0, 0
	for i := range s.entries {
		switch {
		case s.entries[i].repeat:
			repeats++
		case s.entries[i].placed():
			placed++
		}
	}
	_, err := fmt.Fprintf(r.Out, "\nchecked: %d orders against the lists of %d customers, %d repeats, the stock of %d products\nfaults: %d\n",
		placed, len(s.shop.tokens), repeats, len(s.products), s.faults.count)
	for _, text := range s.faults.texts {
		fmt.Fprintf(r.Out, "  %s\n", text)
	}
	return err
}

// printDistributions writes all distributions, each below its title.
func (r *flashReport) printDistributions(tallies []*flashTally) error {
	if r.distributions == nil {
		return nil
	}
	var failed error
	for i, t := range tallies {
		for name, taken := range t.distributions() {
			failed = errors.Join(failed, taken.print(r.distributions, r.sales[i].name+", "+name))
		}
		failed = errors.Join(failed, t.late.print(r.distributions, r.sales[i].name+", sent late"))
	}
	if failed != nil {
		return fmt.Errorf("write the distributions: %w", failed)
	}
	return nil
}
