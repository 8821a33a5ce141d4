package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// Watch measures what it takes to show one product to many connections. Each round has a
// server on new data for each [watchArm], one after the other, in an order that alternates;
// ratios are taken inside the rounds, and what is quoted is their median.
//
// The stock is changed by orders over HTTP, at a rate, as [Flash] sends them. The answer to
// an order names the version of the stock that it made, so that two times are known of each
// frame: how long a change took from its answer until a connection was shown its version or a
// later one, which includes what the client's own rate makes it wait; and how old the version
// was that a frame showed, which does not.
type Watch struct {
	// Holdfast is the path of the server's binary, Peer that of bench/peers, which is
	// measured beside it; empty is nobody.
	Holdfast, Peer string
	// PeerWriteDelay is how long the peer collects what it writes to a connection: above zero
	// it takes less memory and more of the processors.
	PeerWriteDelay time.Duration
	// Connections is how many watch, Full how many more do so through api/client/ticker.
	Connections, Full int
	// Hertz is how often a connection is told in a second, and Changes how often the stock
	// changes; zero is twice as often. When Hertz is none of the rates that the server has, the
	// next higher one is asked for and the stock changes Hertz times a second, which must be
	// all: so every server tells as often.
	Hertz, Changes float64
	// Duration is how long that is measured.
	Duration time.Duration
	// Stalled of the connections stop reading for a while, again and again, for Stall each
	// time.
	Stalled int
	Stall   time.Duration
	// Protocol is json or msgpack.
	Protocol string
	Rounds   int
	// Loops is how many goroutines read the connections.
	Loops int
	// CompareChanges, when there are two, compares the server with the first number of changes
	// of the product in a second and with the second. All the others are changes of another
	// product, so that as many orders are placed.
	CompareChanges []float64
	// Epoll measures the server with one goroutine that waits for all connections, too.
	Epoll bool
	// CompareStalled compares the connections that read beside Stalled ones that do not, and
	// beside as many that do.
	CompareStalled bool
	// Out takes progress and table.
	Out io.Writer

	// asked is the rate that servers are asked for.
	asked float64
}

// WatchRatios are the medians of what is compared, the last arm to the first, or the last of
// ours to a peer; zero is what
// was not measured.
type WatchRatios struct {
	// Seen is the 99th percentile from the answer to a change to the frame, Age that of the age
	// of a frame, Processor the server's processor time for a frame without that of the orders,
	// and Memory its memory for a connection.
	Seen, Age, Processor, Memory float64
}

// ErrWatch is wrapped by the error of a measurement in which something was wrong.
var ErrWatch = errors.New("watching found faults")

// The bounds of [Watch]'s options.
const (
	watchConnectionsMax = 60_000
	watchFullMax        = 1_000
	watchChangesMax     = 100_000
	watchDurationMax    = 10 * time.Minute
	watchRoundsMax      = 100
	watchLoopsMax       = 8
	// watchRecordsMax bounds the frames of a run, 12 bytes each.
	watchRecordsMax = 30_000_000
	// watchStallMax is below the time after which a server gives up who does not read or
	// answer a ping.
	watchStallMax = 9 * time.Second
)

// The protocols.
const (
	ProtocolJSON    = "json"
	ProtocolMsgpack = "msgpack"
)

// watchArm is one of what a round compares.
type watchArm struct {
	name string
	peer bool
	// changes are those of the product in a second, others those of another one.
	changes, others float64
	// stalls says that Stalled connections stop reading.
	stalls bool
	// epoll says that the server waits for all connections with one goroutine.
	epoll bool
}

// Run measures, prints tables and the median ratios, and returns these. What a connection
// was shown wrongly is an error.
func (w Watch) Run(ctx context.Context) (ratios WatchRatios, err error) {
	if err := w.validate(); err != nil {
		return ratios, err
	}
	// The loops wait in the kernel, each with a Go processor that it holds for a while: without
	// some more of them orders were sent 16 ms late.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + w.Loops + 2))
	report := watchReport{Watch: w, arms: w.arms()}
	for round := range w.Rounds {
		rows := make([]watchRow, len(report.arms))
		for turn := range rows {
			number := turn
			if round%2 == 1 {
				number = len(rows) - 1 - turn
			}
			fmt.Fprintf(w.Out, "round %d: %s, %d connections at %g Hz, %g changes/s for %s …\n", round+1, report.arms[number].name, w.Connections,
				w.Hertz, report.arms[number].changes, w.Duration)
			if err := w.measure(ctx, report.arms[number], &rows[number]); err != nil {
				return ratios, fmt.Errorf("round %d: %s: %w", round+1, report.arms[number].name, err)
			}
		}
		report.rounds = append(report.rounds, rows)
	}
	return report.conclude()
}

// arms are what is compared.
func (w *Watch) arms() []watchArm {
	if len(w.CompareChanges) == 2 {
		few, many := w.CompareChanges[0], w.CompareChanges[1]
		return []watchArm{{name: fmt.Sprintf("%g/s", few), changes: few, others: max(many-few, 0)},
			{name: fmt.Sprintf("%g/s", many), changes: many, others: max(few-many, 0)}}
	}
	if w.CompareStalled {
		return []watchArm{{name: "all read", changes: w.Changes}, {name: "stalled", changes: w.Changes, stalls: true}}
	}
	arms := []watchArm{{name: "holdfast", changes: w.Changes, stalls: w.Stalled > 0}}
	if w.Epoll {
		arms = append(arms, watchArm{name: "holdfast, epoll", epoll: true, changes: w.Changes, stalls: w.Stalled > 0})
	}
	if w.Peer != "" {
		arms = append(arms, watchArm{name: "centrifuge", peer: true, changes: w.Changes, stalls: w.Stalled > 0})
	}
	return arms
}

// serverRates are how often the server tells a connection at most, from the slowest.
var serverRates = []float64{0.2, 0.5, 1, 2, 4, 5, 8, 10, 20}

// fillRates finds the rate to ask for, and how often the stock changes when nobody says so.
func (w *Watch) fillRates() error {
	i := slices.IndexFunc(serverRates, func(rate float64) bool { return rate >= w.Hertz })
	if i < 0 || w.Hertz < serverRates[0] {
		return fmt.Errorf("%g times a second is not from %g to %g", w.Hertz, serverRates[0], serverRates[len(serverRates)-1])
	}
	w.asked = serverRates[i]
	exact := w.asked == w.Hertz
	switch {
	case w.Changes == 0 && exact:
		w.Changes = 2 * w.Hertz
	case w.Changes == 0:
		w.Changes = w.Hertz
	case !exact && w.Changes != w.Hertz:
		return fmt.Errorf("the server tells 20, 10, 8, 5, 4, 2, 1, 0.5 or 0.2 times a second: with %g changes/s nobody is told %g times", w.Changes, w.Hertz)
	}
	if !exact && len(w.CompareChanges) > 0 {
		return fmt.Errorf("changes are compared at a rate of the server, and %g is none", w.Hertz)
	}
	return nil
}

// validate finds what cannot be run.
func (w *Watch) validate() error {
	if err := w.fillRates(); err != nil {
		return err
	}
	for _, bound := range []struct {
		name              string
		value, least, max float64
	}{
		{"connections", float64(w.Connections), 1, watchConnectionsMax},
		{"full clients", float64(w.Full), 0, watchFullMax},
		{"changes/s", w.Changes, 0.1, watchChangesMax},
		{"seconds", w.Duration.Seconds(), 0.1, watchDurationMax.Seconds()},
		{"stalled connections", float64(w.Stalled), 0, float64(w.Connections - 1)},
		{"seconds of a stall", w.Stall.Seconds(), 0.1, watchStallMax.Seconds()},
		{"seconds of the peer's delay", w.PeerWriteDelay.Seconds(), 0, 1},
		{"rounds", float64(w.Rounds), 1, watchRoundsMax},
		{"loops", float64(w.Loops), 1, watchLoopsMax},
		{"frames to record", w.framesMax(), 1, watchRecordsMax},
		{"orders", 2 * w.rateMax() * w.Duration.Seconds(), 0, flashOrdersMax},
	} {
		if !(bound.value >= bound.least && bound.value <= bound.max) {
			return fmt.Errorf("%g %s are not from %g to %g", bound.value, bound.name, bound.least, bound.max)
		}
	}
	switch {
	case w.Protocol != ProtocolJSON && w.Protocol != ProtocolMsgpack:
		return fmt.Errorf("the protocol %q is neither %s nor %s", w.Protocol, ProtocolJSON, ProtocolMsgpack)
	case len(w.CompareChanges) != 0 && len(w.CompareChanges) != 2:
		return errors.New("two numbers of changes are compared, such as 1,10000")
	case len(w.CompareChanges) == 2 && (min(w.CompareChanges[0], w.CompareChanges[1]) < 0.1 || w.rateMax() > watchChangesMax):
		return fmt.Errorf("the numbers of changes that are compared are from 0.1 to %d", watchChangesMax)
	case w.CompareStalled && w.Stalled == 0:
		return errors.New("there is nothing to compare: say how many connections stall")
	case len(w.CompareChanges) == 2 && (w.CompareStalled || w.Stalled > 0), (w.Peer != "" || w.Epoll) && (w.CompareStalled || len(w.CompareChanges) == 2):
		return errors.New("one thing is compared at a time: changes, stalled connections, or other servers")
	}
	return nil
}

// framesMax is how many frames there can be: what is changed more often than a client wants to
// know is told as often as that, and a little more for changes of phase and what is late.
func (w *Watch) framesMax() float64 {
	return 1.3 * float64(w.Connections) * w.asked * (w.Duration.Seconds() + 5)
}

// rateMax is the most orders in a second of an arm.
func (w *Watch) rateMax() float64 {
	rate := w.Changes
	for _, changes := range w.CompareChanges {
		rate = max(rate, changes)
	}
	return rate
}
