package bench

import (
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latencyMax is the longest latency that a histogram tells from longer ones, in
// microseconds, and latencyDigits how many digits of each it keeps.
const (
	latencyMax    = int64(time.Hour / time.Microsecond)
	latencyDigits = 3
)

// latencies are the distribution of durations in microseconds.
type latencies struct{ *hdrhistogram.Histogram }

func newLatencies() latencies { return latencies{hdrhistogram.New(1, latencyMax, latencyDigits)} }

// add notes a duration.
func (l latencies) add(micros uint32) {
	_ = l.RecordValue(min(int64(micros), latencyMax)) // it is within bounds
}

// quantiles are those of the table.
var quantiles = []float64{50, 90, 99, 99.9}

const quantilesHead = "p50 ms\tp90 ms\tp99 ms\tp99.9 ms\tmax ms"

// row returns the quantiles and the longest, in milliseconds, as cells of a table.
func (l latencies) row() string {
	text := ""
	for _, quantile := range quantiles {
		text += fmt.Sprintf("%.2f\t", float64(l.ValueAtPercentile(quantile))/1e3)
	}
	return text + fmt.Sprintf("%.1f", float64(l.Max())/1e3)
}

// ticksPerHalf is how many lines a distribution has for each halving of what is above.
const ticksPerHalf = 5

// print writes the distribution, in milliseconds and in the form of HdrHistogram, below
// a title.
func (l latencies) print(out io.Writer, title string) error {
	if _, err := fmt.Fprintf(out, "# %s, milliseconds\n", title); err != nil {
		return err
	}
	_, err := l.PercentilesPrint(out, ticksPerHalf, 1e3)
	return err
}
