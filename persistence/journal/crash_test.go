package journal_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// errPowerOff is what every operation returns after the crash.
var errPowerOff = errors.New("the power is off")

// powerCut cuts the power of a file system before one of its operations.
type powerCut struct {
	mutex sync.Mutex
	// at is the number of the operation, of those that are chosen; nil chooses all.
	at     int64
	chosen func(crashfs.Operation) bool
	// watch is called for every operation before the crash; nil is nothing.
	watch  func(crashfs.Operation)
	seen   int64
	fs     *crashfs.FS
	mode   crashfs.Mode
	random *rand.Rand
	// told returns what was told durable so far.
	told func() uint64

	// after is what the next start finds, nil before the crash.
	after        *crashfs.FS
	acknowledged uint64
	operation    crashfs.Operation
}

func (p *powerCut) hook(o crashfs.Operation) crashfs.Fault {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.after == nil && (p.chosen == nil || p.chosen(o)) {
		if p.seen++; p.seen >= p.at {
			p.cut(o)
		}
	}
	if p.after != nil {
		return crashfs.Fault{Err: errPowerOff}
	}
	if p.watch != nil {
		p.watch(o)
	}
	return crashfs.Fault{}
}

// cut needs the mutex. What was told before the operation was told before the crash.
func (p *powerCut) cut(o crashfs.Operation) {
	p.operation = o
	p.acknowledged = p.told()
	p.after = p.fs.Crash(p.mode, p.random)
}

// coverage counts what the sweep came through, so that it cannot be empty.
type coverage struct {
	mutex  sync.Mutex
	counts map[string]int
}

func (c *coverage) count(what string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[what]++
}

// Crashes at any operation, in recovery and while segments roll, on a full disk too,
// with any part of what was not synced lost, torn, garbled or kept. Catches:
// acknowledging before the sync, no sync of the directory.
func TestCrashAnywhereKeepsWhatWasAcknowledged(t *testing.T) {
	seeds := 2400
	if raceEnabled {
		seeds = 300
	}
	covered := &coverage{counts: map[string]int{}}
	t.Run("seeds", func(t *testing.T) {
		for worker := range 4 {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for seed := worker; seed < seeds; seed += 4 {
					life := &life{t: t, seed: uint64(seed), covered: covered, fs: crashfs.New()}
					life.live()
				}
			})
		}
	})
	t.Log(covered.counts)
	for _, what := range []string{"in recovery", "write", "sync", "rename", "sync directory", "remove", "torn tail dropped",
		"several segments", "lost", "prefix", "subset", "garbage", "kept", "refused for space", "reserve taken"} {
		assert.Greater(t, covered.counts[what], 10, what)
	}
}

// life is one data directory that crashes again and again.
type life struct {
	t       *testing.T
	seed    uint64
	covered *coverage
	fs      *crashfs.FS
	random  *rand.Rand

	appended, acknowledged uint64
	projected              persistence.Position
}

func (l *life) live() {
	plan := rand.New(rand.NewPCG(l.seed, 11))
	if plan.IntN(4) == 0 {
		l.fill(plan)
	}
	starts := 2 + plan.IntN(4)
	for start := range starts {
		// What a start draws does not depend on how the one before ran.
		l.random = rand.New(rand.NewPCG(l.seed, 100+uint64(start)))
		l.start()
	}
	options := l.options()
	j, err := journal.Open(options)
	require.NoError(l.t, err, "seed %d", l.seed)
	l.inspect(j)
	require.NoError(l.t, j.Close())
}

const lifeSegmentBytesMax = 32 << 10

// fill lets the life begin on a full disk. It has room for the largest segment and its
// reserve, so no start may fail from then on.
func (l *life) fill(plan *rand.Rand) {
	l.fs.SetCapacity(2*lifeSegmentBytesMax + 1<<10 + plan.Int64N(2*lifeSegmentBytesMax))
	l.random = plan
	j, err := journal.Open(l.options())
	require.NoError(l.t, err, "seed %d", l.seed)
	last := appendUntil(l.t, j, newLedger(0), persistence.ErrJournalFull)
	require.NoError(l.t, j.WaitDurable(l.t.Context(), last))
	l.appended, l.acknowledged = last, last
	killed := l.fs.Crash(crashfs.Mode(plan.IntN(int(crashfs.Modes))), plan)
	require.NoError(l.t, j.Close())
	l.fs = killed
}

func (l *life) options() journal.Options {
	options := small(l.fs)
	options.SegmentBytes = []int64{8 << 10, 12 << 10, lifeSegmentBytesMax}[l.random.IntN(3)]
	options.Projected = l.projected
	return options
}

// cut plans the end of a start: at one of all operations, or of a rare kind, so that
// those are met however the goroutines run.
func (l *life) cut(heard *ledger) *powerCut {
	mode := crashfs.Mode(l.random.IntN(int(crashfs.Modes)))
	l.covered.count(mode.String())
	before := l.acknowledged
	cut := &powerCut{fs: l.fs, mode: mode, random: rand.New(rand.NewPCG(l.seed, uint64(l.random.Uint32()))), watch: l.watch,
		told: func() uint64 {
			durable, _, _ := heard.told()
			return max(durable, before)
		}}
	switch l.random.IntN(8) {
	case 0, 1:
		cut.at = 1 + int64(l.random.IntN(40))
	case 2:
		kinds := []crashfs.Kind{crashfs.Write, crashfs.Sync, crashfs.Rename, crashfs.SyncDirectory, crashfs.Remove}
		kind := kinds[l.random.IntN(len(kinds))]
		cut.at, cut.chosen = 1+int64(l.random.IntN(3)), func(o crashfs.Operation) bool { return o.Kind == kind }
	case 3:
		cut.at, cut.chosen = 1+int64(l.random.IntN(6)), inBatch
	default:
		cut.at = 1 + int64(l.random.IntN(150))
	}
	return cut
}

// inBatch tells whether a batch in a named segment is written and not synced.
func inBatch(o crashfs.Operation) bool {
	return o.Kind == crashfs.Sync && strings.HasSuffix(o.Name, ".journal")
}

func (l *life) watch(o crashfs.Operation) {
	// Nothing else than the reserve is renamed to that.
	if o.Kind == crashfs.Rename && o.Name == recoveryPath {
		l.covered.count("reserve taken")
	}
}

// start runs until the power is cut.
func (l *life) start() {
	heard := newLedger(0)
	cut := l.cut(heard)
	l.fs.Hook = cut.hook
	j, err := journal.Open(l.options())
	if err == nil {
		heard.begin(j.DurableSequence())
		l.inspect(j)
		l.run(j, heard)
	} else {
		require.ErrorIs(l.t, err, errPowerOff, "seed %d", l.seed)
		l.covered.count("in recovery")
	}
	cut.mutex.Lock()
	defer cut.mutex.Unlock()
	if cut.after == nil {
		cut.cut(crashfs.Operation{})
	}
	l.covered.count(string(cut.operation.Kind))
	l.fs, l.acknowledged = cut.after, cut.acknowledged
}

// inspect holds what a start found against what was promised. What is served from
// then on is promised too.
func (l *life) inspect(j *journal.Journal) {
	found := j.DurableSequence()
	require.GreaterOrEqual(l.t, found, l.acknowledged, "seed %d", l.seed)
	require.LessOrEqual(l.t, found, l.appended, "seed %d", l.seed)
	l.acknowledged, l.appended = found, found
	if j.Opening().TornBytes > 0 {
		l.covered.count("torn tail dropped")
	}
	if j.Statistics().Segments > 1 {
		l.covered.count("several segments")
	}
	reader, err := j.ReadFrom(l.projected)
	if err != nil {
		require.ErrorIs(l.t, err, errPowerOff, "seed %d", l.seed)
		return
	}
	defer reader.Close()
	l.read(reader, j.DurableSequence())
}

// read checks the content up to a sequence.
func (l *life) read(reader persistence.Reader, last uint64) {
	for next := l.projected.Sequence + 1; next <= last; {
		batch, ok, err := reader.TryNext()
		if err != nil {
			require.ErrorIs(l.t, err, errPowerOff, "seed %d", l.seed)
			return
		}
		require.True(l.t, ok)
		require.Equal(l.t, next, batch.First)
		for _, record := range batch.Records {
			require.Equal(l.t, recordOf(next), record, "seed %d", l.seed)
			next++
		}
	}
}

// run appends, reads and releases until the journal fails or the script ends.
func (l *life) run(j *journal.Journal, heard *ledger) {
	l.use(j, heard)
	if l.random.IntN(2) == 0 {
		_ = j.WaitDurable(l.t.Context(), j.Statistics().AppendedSequence)
	}
	_ = j.Close()
	_, _, broken := heard.told()
	require.Empty(l.t, broken, "seed %d", l.seed)
}

func (l *life) use(j *journal.Journal, heard *ledger) {
	for range l.random.IntN(60) {
		sequence, err := j.Append(entry{heard})
		switch {
		case err == nil:
			l.appended = max(l.appended, sequence)
		case errors.Is(err, persistence.ErrJournalFull):
			l.covered.count("refused for space")
		case !errors.Is(err, persistence.ErrJournalBusy):
			return
		}
		switch l.random.IntN(12) {
		case 0, 1, 2, 3, 4, 5:
			_ = j.WaitDurable(l.t.Context(), sequence)
		case 6:
			l.project(j)
		}
	}
}

// project does what the projector of a database does, whose disk does not crash.
func (l *life) project(j *journal.Journal) {
	reader, err := j.ReadFrom(l.projected)
	if err != nil {
		require.ErrorIs(l.t, err, errPowerOff, "seed %d", l.seed)
		return
	}
	defer reader.Close()
	for range l.random.IntN(10) {
		batch, ok, err := reader.TryNext()
		if !ok || err != nil {
			break
		}
		l.projected = batch.End
	}
	_ = j.Release(l.projected.Sequence)
}

// The end of the process alone loses nothing and changes nothing, at any operation.
func TestKilledProcessLosesNoAppendedByteThatWasSynced(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	last := appendDurably(t, j, newLedger(0), 60)
	for range 3 {
		fs = fs.Crash(crashfs.Kept, nil)
		again := mustOpen(t, small(fs))
		assert.False(t, again.Opening().Clean)
		requireContent(t, again, last)
	}
}

// A torn batch that nobody was told of is dropped, and its sequence used again.
func TestTornTailIsDropped(t *testing.T) {
	b := build(t, 5)
	last := b.fs.ReadFile(segmentPath(1))
	report, err := journal.Verify(b.fs, directory, persistence.Position{})
	require.NoError(t, err)
	end := report.Segments[0].UsedBytes
	copy(last[end:], strings.Repeat("torn", 500))
	b.fs.WriteFile(segmentPath(1), last)

	report, err = journal.Verify(b.fs, directory, persistence.Position{})
	require.NoError(t, err)
	assert.Equal(t, int64(2000), report.TornBytes)
	j := mustOpen(t, small(b.fs))
	assert.Equal(t, int64(2000), j.Opening().TornBytes)
	requireContent(t, j, b.last)
	appendDurably(t, j, newLedger(b.last), 1)
	require.NoError(t, j.Close())
	again := mustOpen(t, small(b.fs))
	assert.Zero(t, again.Opening().TornBytes)
	requireContent(t, again, b.last+1)
}

// What a start found may be in the page cache alone. Catches: serving it before it is
// synced again.
func TestRecoveredTailIsSyncedBeforeItIsServed(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	appendDurably(t, j, l, 3)
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.Sync && filepath.Base(o.Name) == journal.SegmentName(1) {
			return crashfs.Fault{Err: errPowerOff}
		}
		return crashfs.Fault{}
	})
	require.ErrorIs(t, j.WaitDurable(t.Context(), appendRecords(t, j, l, 1)), errPowerOff)
	require.Error(t, j.Close())
	// The failed sync has marked the pages clean. The next process reads them, on the
	// same file system, and then the power goes.
	hook.set(func(crashfs.Operation) crashfs.Fault { return crashfs.Fault{} })
	again := mustOpen(t, small(fs))
	served := again.DurableSequence()
	require.Equal(t, uint64(4), served)
	requireContent(t, mustOpen(t, small(fs.Crash(crashfs.Lost, nil))), served)
}
