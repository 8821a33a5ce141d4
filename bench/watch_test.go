package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/bench/crowd"
)

// Connections of the real program that read are compared beside some that stall and beside as
// many that do not: all are shown the truth in the end, and those that stalled the present
// first.
func TestStalledConnectionsAreCompared(t *testing.T) {
	var out strings.Builder
	ratios, err := Watch{Holdfast: buildHoldfast(t), Connections: 60, Full: 2, Hertz: 20, Duration: 1500 * time.Millisecond, Stalled: 20,
		Stall: 400 * time.Millisecond, Protocol: ProtocolJSON, Rounds: 2, Loops: 2, CompareStalled: true, Out: &out}.Run(t.Context())
	t.Log("\n" + out.String())
	require.NoError(t, err)
	require.Positive(t, ratios.Seen)
	require.Positive(t, ratios.Age)
	require.Regexp(t, `(?s)\nround 1: stalled, .*\nround 2: stalled, .*\nround 2: all read, `, "\n"+out.String(), "the order alternates")
	require.Regexp(t, `(?m)^ +1 +stalled +20 +20 +\d+ +\d+ +\d+ +0 `, out.String(), "everybody was shown the present")
	require.Regexp(t, `(?m)^ +2 +all read +[1-9]\d* +[1-9]\d*\.\d\d Hz`, out.String())
	require.Contains(t, out.String(), "p99 seen: ")
}

// The same orders are placed in both arms when changes are compared: those that the product
// does not get go to another one.
func TestChangesAreCompared(t *testing.T) {
	var out strings.Builder
	ratios, err := Watch{Holdfast: buildHoldfast(t), Connections: 100, Full: 1, Hertz: 5, Duration: 1500 * time.Millisecond, Stall: time.Second,
		Protocol: ProtocolJSON, Rounds: 1, Loops: 1, CompareChanges: []float64{5, 200}, Out: &out}.Run(t.Context())
	t.Log("\n" + out.String())
	require.NoError(t, err)
	require.NotZero(t, ratios.Processor)
	require.Regexp(t, `(?m)^ +1 +5/s +300 .*\n +1 +200/s +300 `, out.String())
}

// Each change is followed on each connection until its version, or a later one, is shown; the
// age is that of the version of each frame.
func TestChangesAreFollowed(t *testing.T) {
	entry := func(version int64, due time.Duration, product uint32) flashEntry {
		return flashEntry{version: version, due: due, took: 5, product: product}
	}
	changes := changesOf([]flashEntry{entry(12, 300*time.Microsecond, 1), entry(11, 100*time.Microsecond, 1), entry(11, 0, 2),
		{version: 13, product: 1, outcome: flashRefused}, entry(13, 400*time.Microsecond, 1)}, 1)
	require.Equal(t, watchChanges{{11, 105}, {12, 305}, {13, 405}}, changes)
	times := timesOf(changes, 2, [][]crowd.Record{
		{{At: 50, Member: 0, Version: 10}, {At: 115, Member: 0, Version: 11}, {At: 425, Member: 0, Version: 13}},
		{{At: 300, Member: 1, Version: 12}, {At: 1405, Member: 1, Version: 13}},
	})
	assert.EqualValues(t, 6, times.seen.TotalCount())
	assert.Equal(t, []int64{0, 20, 1000}, []int64{times.seen.Min(), times.seen.ValueAtPercentile(50), times.seen.Max()})
	assert.EqualValues(t, 4, times.age.TotalCount())
	assert.EqualValues(t, 1, times.early)
	assert.Len(t, changes.thin(1), 3)
	assert.Equal(t, watchChanges{{12, 305}}, changes.thin(watchSamplesMax/2))
}

// Of a connection that reads again it is known what it was shown of the past, and whether the
// present came then.
func TestReturnsAreFollowed(t *testing.T) {
	s := &watchStall{times: [][2]time.Duration{{time.Second, 2 * time.Second}}}
	changes := watchChanges{{10, 600_000}, {20, 740_000}, {30, 900_000}}
	s.evaluate(changes, 4, [][]crowd.Record{
		{{At: 999_999, Member: 0, Version: 1}, {At: 1_000_001, Member: 0, Version: 2}, {At: 1_000_002, Member: 0, Version: 3}, {At: 1_000_003, Member: 0, Version: 20},
			{At: 1_000_004, Member: 0, Version: 30}, {At: 1_000_005, Member: 1, Version: 30}},
		{{At: 1_500_000, Member: 2, Version: 10}, {At: 2_000_000, Member: 2, Version: 30}},
	})
	assert.Equal(t, 4, s.returns)
	assert.Equal(t, 2, s.never, "one was shown the past alone, and one nothing")
	assert.EqualValues(t, 2, s.stale.Max())
	assert.EqualValues(t, 0, s.stale.Min())
	assert.EqualValues(t, 17, s.skipped.Max())
}

// Only the queues of the server's own sockets count.
func TestUnsentBytesAreSummed(t *testing.T) {
	sum, err := sumUnsent("  sl  local_address rem_address   st tx_queue rx_queue\n"+
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   1: 0100007F:1F90 0200007F:9C40 01 0000000A:00000000\n"+
		"   2: 0200007F:9C40 0100007F:1F90 01 00000FFF:00000000\n   3: 0100007F:1F90 0200007F:9C41 01 00000100:00000000\n", ":1F90")
	require.NoError(t, err)
	require.EqualValues(t, 0x10a, sum)
	_, err = sumUnsent("a: b:1 c d zz:0", ":1")
	require.Error(t, err)
}

// The rates of the server bound what can be measured, and one thing is compared at a time.
func TestWhatCannotBeWatchedIsRefused(t *testing.T) {
	good := func() Watch {
		return Watch{Connections: 10, Hertz: 20, Duration: time.Second, Stall: time.Second, Protocol: ProtocolJSON, Rounds: 1, Loops: 1}
	}
	for hertz, want := range map[float64][2]float64{20: {20, 40}, 8: {8, 16}, 4: {4, 8}, 3: {4, 3}, 1: {1, 2}, 0.2: {0.2, 0.4}} {
		w := good()
		w.Hertz = hertz
		require.NoError(t, w.validate())
		assert.Equal(t, want, [2]float64{w.asked, w.Changes}, "%g Hz", hertz)
	}
	for name, spoil := range map[string]func(*Watch){
		"no connections":           func(w *Watch) { w.Connections = 0 },
		"too fast":                 func(w *Watch) { w.Hertz = 21 },
		"too slow":                 func(w *Watch) { w.Hertz = 0.1 },
		"no rate":                  func(w *Watch) { w.Hertz, w.Changes = 3, 100 },
		"all stalled":              func(w *Watch) { w.Stalled = 10 },
		"a stall that is too long": func(w *Watch) { w.Stall = 10 * time.Second },
		"no protocol":              func(w *Watch) { w.Protocol = "xml" },
		"one number of changes":    func(w *Watch) { w.CompareChanges = []float64{1} },
		"no changes":               func(w *Watch) { w.CompareChanges = []float64{0, 1} },
		"nobody stalls":            func(w *Watch) { w.CompareStalled = true },
		"two comparisons":          func(w *Watch) { w.CompareStalled, w.Stalled, w.Peer = true, 1, "peer" },
		"too many frames":          func(w *Watch) { w.Connections, w.Duration = 60_000, 10*time.Minute },
		"too many orders":          func(w *Watch) { w.Changes, w.Duration = 100_000, time.Minute },
		"no round":                 func(w *Watch) { w.Rounds = 0 },
	} {
		w := good()
		spoil(&w)
		require.Error(t, w.validate(), name)
	}
}

// The ratios are those inside the rounds, ours to the peer's.
func TestMediansOfRounds(t *testing.T) {
	row := func(arm watchArm, micros uint32, server, memory float64) watchRow {
		r := watchRow{arm: arm, connections: 10, orders: 1, took: time.Second, frames: 1000, late: newLatencies(), server: server, alone: 0.01, memory: memory,
			times: watchTimes{seen: newLatencies(), age: newLatencies()}}
		r.times.seen.add(micros)
		r.times.age.add(micros / 2)
		return r
	}
	var out strings.Builder
	r := watchReport{Watch: Watch{Duration: time.Second, Out: &out}, arms: []watchArm{{name: "holdfast"}, {name: "centrifuge", peer: true}}}
	for _, micros := range []uint32{1000, 6000, 2000} {
		r.rounds = append(r.rounds, []watchRow{row(r.arms[0], micros, 0.02, 5), row(r.arms[1], 4000, 0.03, 10)})
	}
	ratios, err := r.conclude()
	require.NoError(t, err)
	assert.InDelta(t, 0.5, ratios.Seen, 0.001)
	assert.InDelta(t, 0.5, ratios.Age, 0.001)
	assert.InDelta(t, 0.5, ratios.Processor, 1e-9)
	assert.InDelta(t, 0.5, ratios.Memory, 1e-9)
	require.Contains(t, out.String(), "holdfast to centrifuge, medians of the ratios of 3 rounds:\n  p99 seen: 0.500 (0.250 to 1.500)\n")
	require.NotContains(t, out.String(), "never current")
}
