package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// watchReport is what was measured of all rounds.
type watchReport struct {
	Watch
	arms []watchArm
	// rounds have a row for each arm.
	rounds [][]watchRow
}

// conclude prints all rows and the median ratios, and returns these.
func (r *watchReport) conclude() (ratios WatchRatios, err error) {
	if err := errors.Join(r.printRows(), r.printLoad(), r.printStalls()); err != nil {
		return ratios, err
	}
	r.printMedians()
	switch last := len(r.arms) - 1; {
	case last == 0:
	case r.arms[last].peer:
		for ours := range last {
			ratios = r.printRatios(last, ours)
		}
	default:
		ratios = r.printRatios(0, last)
	}
	return ratios, nil
}

// each calls do for every row.
func (r *watchReport) each(do func(round int, row *watchRow)) {
	for round := range r.rounds {
		for i := range r.rounds[round] {
			do(round+1, &r.rounds[round][i])
		}
	}
}

func (r *watchReport) table(head string) *tabwriter.Writer {
	table := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n%s\t\n", head)
	return table
}

// perSecond is the frames that all connections were shown in a second of the measurement.
func (r *watchReport) perSecond(row *watchRow) float64 {
	return float64(row.frames) / r.Duration.Seconds()
}

// printRows says how fast connections were told.
func (r *watchReport) printRows() error {
	table := r.table("round\tserver\tframes/s\ta connection\tseen p50 ms\tp99 ms\tmax ms\tage p50 ms\tp99 ms\tmax ms\tserver µs/frame\tKiB/connection")
	r.each(func(round int, row *watchRow) {
		seen, age := row.times.seen, row.times.age
		fmt.Fprintf(table, "%d\t%s\t%.0f\t%.2f Hz\t%s\t%s\t%.2f\t%.2f\t\n", round, row.arm.name, r.perSecond(row), r.perSecond(row)/float64(row.connections),
			cells(seen), cells(age), row.perFrame(), row.memory)
	})
	return table.Flush()
}

// cells are two quantiles and the longest, in milliseconds.
func cells(l latencies) string {
	return fmt.Sprintf("%.1f\t%.1f\t%.0f", float64(l.ValueAtPercentile(50))/1e3, float64(l.ValueAtPercentile(99))/1e3, float64(l.Max())/1e3)
}

// printLoad says what it cost, and whether the generator did its part.
func (r *watchReport) printLoad() error {
	table := r.table("round\tserver\torders\tserver cores\tof that orders\tgenerator cores\tB/frame\tbefore the answer\tsent late p99 ms\tschedule\tstates checked whole")
	r.each(func(round int, row *watchRow) {
		late, schedule := float64(row.late.ValueAtPercentile(99))/1e3, "kept"
		if late > milliseconds(flashLateMax) {
			schedule = "NOT KEPT"
		}
		seconds := row.took.Seconds()
		fmt.Fprintf(table, "%d\t%s\t%d\t%.3f\t%.3f\t%.3f\t%.0f\t%d\t%.2f\t%s\t%d\t\n", round, row.arm.name, row.orders, row.server/seconds, row.ordersSeconds()/seconds,
			row.generator/seconds, float64(row.bytes)/float64(max(row.frames, 1)), row.times.early, late, schedule, row.checked)
	})
	return table.Flush()
}

// printStalls says how connections that stalled were served.
func (r *watchReport) printStalls() error {
	table, stalled := r.table("round\tserver\tstalled\treturns\tstale frames first p50\tmax\tversions skipped p50\tnever current\tserver KiB/stalled\tkernel KiB/stalled\tgiven up"), false
	r.each(func(round int, row *watchRow) {
		if s := row.stall; s != nil {
			stalled = true
			fmt.Fprintf(table, "%d\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%d\t\n", round, row.arm.name, r.Stalled, s.returns, s.stale.ValueAtPercentile(50), s.stale.Max(),
				s.skipped.ValueAtPercentile(50), s.never, s.memory, s.unsent, s.closed)
		}
	})
	if !stalled {
		return nil
	}
	return table.Flush()
}

// figures are what is quoted of a row.
func (r *watchRow) figures() WatchRatios {
	return WatchRatios{Seen: float64(r.times.seen.ValueAtPercentile(99)), Age: float64(r.times.age.ValueAtPercentile(99)), Processor: r.perFrame(), Memory: r.memory}
}

// printMedians prints the medians of each arm.
func (r *watchReport) printMedians() {
	fmt.Fprintf(r.Out, "\n%d connections (%d of them may stall) and %d full clients at %g Hz (the server is asked for %g), %s, for %s; medians of %d rounds.\n", r.Connections, r.Stalled, r.Full, r.Hertz,
		r.asked, r.Protocol, r.Duration, len(r.rounds))
	fmt.Fprintln(r.Out, "seen: from the HTTP answer to a change until its version or a later one was shown; age: from the answer to the change of a frame's version.")
	for i, arm := range r.arms {
		of := func(figure func(WatchRatios) float64) float64 {
			var values []float64
			for _, rows := range r.rounds {
				values = append(values, figure(rows[i].figures()))
			}
			return median(values)
		}
		fmt.Fprintf(r.Out, "  %s: p99 seen %.1f ms, p99 age %.1f ms, %.2f µs of the server for a frame, %.2f KiB for an idle connection\n", arm.name,
			of(func(f WatchRatios) float64 { return f.Seen })/1e3, of(func(f WatchRatios) float64 { return f.Age })/1e3,
			of(func(f WatchRatios) float64 { return f.Processor }), of(func(f WatchRatios) float64 { return f.Memory }))
	}
}

// printRatios prints the medians of the ratios inside the rounds of one arm to another, and
// returns them.
func (r *watchReport) printRatios(first, second int) (ratios WatchRatios) {
	fmt.Fprintf(r.Out, "%s to %s, medians of the ratios of %d rounds:\n", r.arms[second].name, r.arms[first].name, len(r.rounds))
	for _, quoted := range []struct {
		name   string
		figure func(*WatchRatios) *float64
	}{
		{"p99 seen", func(f *WatchRatios) *float64 { return &f.Seen }},
		{"p99 age", func(f *WatchRatios) *float64 { return &f.Age }},
		{"CPU of the server for a frame", func(f *WatchRatios) *float64 { return &f.Processor }},
		{"memory for an idle connection", func(f *WatchRatios) *float64 { return &f.Memory }},
	} {
		var values []float64
		for _, rows := range r.rounds {
			a, b := rows[first].figures(), rows[second].figures()
			values = append(values, *quoted.figure(&b)/(*quoted.figure(&a)))
		}
		*quoted.figure(&ratios) = median(values)
		fmt.Fprintf(r.Out, "  %s: %.3f (%.3f to %.3f)%s\n", quoted.name, median(values), slices.Min(values), slices.Max(values), r.wanted(quoted.name))
	}
	return ratios
}

// wanted is what the design asks for.
func (r *watchReport) wanted(name string) string {
	switch {
	case len(r.CompareChanges) == 2 && strings.HasPrefix(name, "CPU"):
		return "; wanted: at most 1.10"
	case r.CompareStalled && name == "p99 seen":
		return "; wanted: no more than noise"
	}
	return ""
}
