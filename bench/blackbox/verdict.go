package blackbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
	// Outages counts the kills of the database, of which OutagesInStart met a server that
	// started, and AwayAtStart the servers that were started without it. AcknowledgedAway
	// counts the orders that were placed and acknowledged during outages.
	Outages, OutagesInStart, AwayAtStart, AcknowledgedAway int
	// Changes counts the changes of orders without a key, Moves the shipments, returns
	// and adjustments.
	Changes, Moves int
	// Tried counts everything else that has to happen.
	Tried map[traffic]int
	// Verified counts the journals of dead servers that were verified.
	Verified   int
	Violations []string
}

// add adds what another loop has seen.
func (v *Verdict) add(o *Verdict) {
	for _, row := range []struct{ into, from *int }{
		{&v.Cycles, &o.Cycles}, {&v.Acknowledged, &o.Acknowledged}, {&v.Refused, &o.Refused},
		{&v.Unknown, &o.Unknown}, {&v.UnknownDurable, &o.UnknownDurable}, {&v.InFlight, &o.InFlight},
		{&v.Recoveries, &o.Recoveries}, {&v.Replays, &o.Replays}, {&v.TooLate, &o.TooLate},
		{&v.Changes, &o.Changes}, {&v.Moves, &o.Moves}, {&v.Verified, &o.Verified},
		{&v.Outages, &o.Outages}, {&v.OutagesInStart, &o.OutagesInStart}, {&v.AwayAtStart, &o.AwayAtStart},
		{&v.AcknowledgedAway, &o.AcknowledgedAway},
	} {
		*row.into += *row.from
	}
	if v.Tried == nil {
		v.Tried = make(map[traffic]int)
	}
	for what, count := range o.Tried {
		v.Tried[what] += count
	}
	v.Violations = append(v.Violations, o.Violations...)
}

// traffic is a kind of thing that happened, in the words of the report.
type traffic string

const (
	atOnce           traffic = "keys sent at once"
	otherBodies      traffic = "other bodies"
	repeats          traffic = "orders repeated after a start"
	tooLate          traffic = "too late to confirm or extend"
	refusedForLimit  traffic = "refused for a limit"
	limitsTried      traffic = "limits tried after a start"
	stockReads       traffic = "reads of stocks"
	orderReads       traffic = "reads of orders"
	lookedUpAgain    traffic = "orders looked up again"
	adjustedUp       traffic = "adjusted up"
	adjustedDown     traffic = "adjusted down"
	movesAtOnce      traffic = "movements sent at once"
	movesAgain       traffic = "movements repeated after a start"
	movesUnknown     traffic = "movements without an answer"
	movesOld         traffic = "movements of earlier cycles repeated"
	movesInTurn      traffic = "movements repeated in turn"
	paidAtTheEnd     traffic = "paid for when the hold ended"
	movesOther       traffic = "movements with another body"
	partShipped      traffic = "shipped in part"
	restShipped      traffic = "shipped whole"
	partBack         traffic = "returned in part"
	restBack         traffic = "returned whole"
	restockedMoves   traffic = "restocked"
	writtenOff       traffic = "written off"
	basketOrders     traffic = "orders of several products"
	backwardsOrders  traffic = "orders in descending order"
	splitOrders      traffic = "orders that name a product twice"
	droppedOrders    traffic = "orders that dropped units"
	releasedOrders   traffic = "orders that released a line"
	extendedOrders   traffic = "orders extended"
	refundedOrders   traffic = "orders to be refunded"
	limitedOrders    traffic = "orders of a product with a limit"
	restBought       traffic = "scarce products bought out after a start"
	ordersReserved   traffic = "orders reserved"
	ordersConfirmed  traffic = "orders confirmed"
	ordersCancelled  traffic = "orders cancelled"
	ordersExpired    traffic = "orders expired"
	ordersFulfilled  traffic = "orders fulfilled"
	ordersPartly     traffic = "orders fulfilled in part"
	ordersReturned   traffic = "orders returned"
	ordersPartlyBack traffic = "orders returned in part"
)

// rare may be missing in a short run, the others never.
var rare = []traffic{movesUnknown, tooLate, movesOld, movesOther, paidAtTheEnd, ordersPartly, ordersPartlyBack}

var usual = []traffic{atOnce, otherBodies, repeats, refusedForLimit, limitsTried, stockReads, orderReads, lookedUpAgain,
	adjustedUp, adjustedDown, movesAtOnce, movesInTurn, movesAgain, partShipped, restShipped, partBack, restBack,
	restockedMoves, writtenOff, basketOrders, backwardsOrders, splitOrders, droppedOrders, releasedOrders, extendedOrders,
	refundedOrders, limitedOrders, restBought, ordersReserved, ordersConfirmed, ordersCancelled, ordersExpired,
	ordersFulfilled, ordersReturned}

// missing returns what has to happen in a run of so many cycles and did not.
func (v *Verdict) missing(cycles int) (missing []traffic) {
	expected := usual
	if cycles >= 10 {
		expected = slices.Concat(usual, rare)
	}
	for _, what := range expected {
		if v.Tried[what] == 0 {
			missing = append(missing, what)
		}
	}
	return missing
}

// String returns the verdict as a line.
func (v *Verdict) String() string {
	outages := ""
	if v.Outages > 0 {
		outages = fmt.Sprintf("%d outages of the database (%d during a start, %d starts without it), %d acknowledged meanwhile; ",
			v.Outages, v.OutagesInStart, v.AwayAtStart, v.AcknowledgedAway)
	}
	return fmt.Sprintf("%d cycles: %d acknowledged, %d refused, %d unknown (%d of them exist), %d changes, %d movements; "+
		"%d kills with a batch in flight, %d during recovery (%d after the journal was open, %d more came too late), %d journals verified; %s%d violations",
		v.Cycles, v.Acknowledged, v.Refused, v.Unknown, v.UnknownDurable, v.Changes, v.Moves,
		v.InFlight, v.Recoveries, v.Replays, v.TooLate, v.Verified, outages, len(v.Violations))
}

// Details returns what else has happened, as a line.
func (v *Verdict) Details() string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(v.Tried)) {
		words = append(words, fmt.Sprintf("%s %d", what, v.Tried[what]))
	}
	return strings.Join(words, ", ")
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

// tried counts something that has happened.
func (w *world) tried(what traffic) { w.triedMany(what, 1) }

func (w *world) triedMany(what traffic, count int) {
	w.count(func(v *Verdict) {
		if v.Tried == nil {
			v.Tried = make(map[traffic]int)
		}
		v.Tried[what] += count
	})
}

// expectAnswer requires an answer from a server that nobody is about to kill.
func (w *world) expectAnswer(reply answer) {
	if w.inPeace && reply.unknown() {
		w.violation("a server that was left in peace answered %s", reply)
	}
}
