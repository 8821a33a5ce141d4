package blackbox

import "fmt"

// Verdict is what a loop has seen.
type Verdict struct {
	// Cycles counts the kills under load.
	Cycles int
	// Acknowledged and Refused count orders; Unknown those without an answer, of
	// which UnknownDurable exist.
	Acknowledged, Refused, Unknown, UnknownDurable int
	// InFlight counts the kills after which an order existed that nobody had been
	// told of: they met a batch in flight.
	InFlight int
	// Recoveries counts the kills of a server that listened and was not ready; of
	// them, Replays came after the journal was opened. TooLate counts the servers that
	// were ready before they were killed.
	Recoveries, Replays, TooLate int
	// Duplicates and OtherBodies count the keys that were sent several times at once,
	// and with another body; Repeats those that were sent again after a start.
	Duplicates, OtherBodies, Repeats int
	// Changes counts the requests to confirm or cancel, TooLateToConfirm those that
	// came after the hold, Expired the holds that ended.
	Changes, TooLateToConfirm, Expired int
	// StockReads and OrderReads were made under load.
	StockReads, OrderReads int
	// Earlier counts the orders of earlier cycles that were looked up again.
	Earlier int
	// Verified counts the journals of dead servers that were verified.
	Verified   int
	Violations []string
}

// String returns the verdict as a line.
func (v *Verdict) String() string {
	return fmt.Sprintf("%d cycles: %d acknowledged, %d refused, %d unknown (%d of them exist), "+
		"%d changes (%d too late), %d expired, %d sent at once, %d with another body, %d repeats, %d stock and %d order reads, %d looked up again; "+
		"%d kills with a batch in flight, %d during recovery (%d after the journal was open, %d more came too late), %d journals verified; %d violations",
		v.Cycles, v.Acknowledged, v.Refused, v.Unknown, v.UnknownDurable,
		v.Changes, v.TooLateToConfirm, v.Expired, v.Duplicates, v.OtherBodies, v.Repeats, v.StockReads, v.OrderReads, v.Earlier,
		v.InFlight, v.Recoveries, v.Replays, v.TooLate, v.Verified, len(v.Violations))
}

// violationsMax keeps the report of a broken server readable.
const violationsMax = 50

func (w *world) violation(format string, arguments ...any) {
	w.count(func(v *Verdict) {
		if len(v.Violations) < violationsMax {
			v.Violations = append(v.Violations, fmt.Sprintf(format, arguments...))
		}
	})
}

// judge notes what is wrong, if anything is.
func (w *world) judge(err error) {
	if err != nil {
		w.violation("%v", err)
	}
}

// count changes the verdict: many goroutines have something to say.
func (w *world) count(change func(*Verdict)) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	change(&w.verdict)
}

// expectAnswer requires an answer from a server that nobody is about to kill.
func (w *world) expectAnswer(reply answer) {
	if w.inPeace && reply.unknown() {
		w.violation("a server that was left in peace answered %s", reply)
	}
}
