package journal_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

func TestRecordsSurviveCloseAndOpen(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	assert.True(t, j.Opening().Created)
	l := newLedger(0)
	last := appendRecords(t, j, l, 500)
	require.NoError(t, j.Close())
	durable, failed, broken := l.told()
	assert.Equal(t, last, durable)
	assert.Zero(t, failed)
	assert.Empty(t, broken)

	again := mustOpen(t, small(fs))
	assert.True(t, again.Opening().Clean)
	assert.False(t, again.Opening().Created)
	assert.Equal(t, j.Identity(), again.Identity())
	assert.Equal(t, j.Position(), again.Position())
	requireContent(t, again, last)
	assert.Equal(t, last+1, appendDurably(t, again, newLedger(last), 1))
}

func TestRecordsSurviveOnARealDisk(t *testing.T) {
	options := small(nil)
	options.Directory = filepath.Join(t.TempDir(), "new", "data")
	j := mustOpen(t, options)
	last := appendRecords(t, j, newLedger(0), 300)
	require.NoError(t, j.WaitDurable(t.Context(), last))
	require.NoError(t, j.Close())
	requireContent(t, mustOpen(t, options), last)

	names, err := os.ReadDir(options.Directory)
	require.NoError(t, err)
	for _, name := range names {
		information, err := name.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), information.Mode(), name.Name())
	}
	information, err := os.Stat(options.Directory)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), information.Mode().Perm())
}

// funcEntry is an entry of functions.
type funcEntry struct {
	encode  func([]byte, uint64) ([]byte, error)
	durable func(uint64, error)
}

func (e funcEntry) Encode(dst []byte, sequence uint64) ([]byte, error) {
	return e.encode(dst, sequence)
}

func (e funcEntry) Durable(sequence uint64, err error) { e.durable(sequence, err) }

func TestRefusedRecordLeavesTheJournalAsItWas(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	l := newLedger(0)
	appendDurably(t, j, l, 1)

	refusal := errors.New("generation has changed")
	told := func(uint64, error) { t.Error("a refused entry was told something") }
	_, err := j.Append(funcEntry{func(dst []byte, _ uint64) ([]byte, error) { return append(dst, "half"...), refusal }, told})
	require.ErrorIs(t, err, refusal)
	_, err = j.Append(funcEntry{func(dst []byte, _ uint64) ([]byte, error) { return append(dst, make([]byte, 1001)...), nil }, told})
	require.ErrorIs(t, err, journal.ErrTooLarge)
	assert.Panics(t, func() {
		_, _ = j.Append(funcEntry{func(dst []byte, _ uint64) ([]byte, error) { panic("a broken entry") }, told})
	})

	assert.Equal(t, uint64(2), appendDurably(t, j, l, 1))
	requireContent(t, j, 2)
}

// Encode may have effects that must match the append. Catches: a refusal after it.
func TestWhatWasEncodedIsAppended(t *testing.T) {
	fs := crashfs.New()
	fs.SetCapacity(fullDiskBytes)
	options := small(fs)
	options.PendingBytesMax = 2 << 10
	writer := holdWriter(&options)
	j := mustOpen(t, options)
	t.Cleanup(writer.letGo)
	encoded, appended := 0, 0
	e := funcEntry{func(dst []byte, sequence uint64) ([]byte, error) {
		encoded++
		return append(dst, recordOf(sequence)...), nil
	}, func(uint64, error) {}}
	refusals := []error{persistence.ErrJournalBusy, persistence.ErrJournalFull, persistence.ErrJournalClosed}
	met := map[error]int{}
	for met[persistence.ErrJournalClosed] == 0 {
		sequence, err := j.Append(e)
		if err == nil {
			appended++
			require.Equal(t, uint64(appended), sequence)
		}
		require.Equal(t, appended, encoded, "%v came after the record was encoded", err)
		for _, refusal := range refusals {
			if errors.Is(err, refusal) {
				met[refusal]++
			}
		}
		switch {
		case errors.Is(err, persistence.ErrJournalBusy):
			writer.letGo()
			runtime.Gosched()
		case errors.Is(err, persistence.ErrJournalFull):
			require.NoError(t, j.Close())
		}
	}
	for _, refusal := range refusals {
		assert.Positive(t, met[refusal], refusal)
	}
	assert.Equal(t, uint64(appended), j.DurableSequence())
}

func TestLargestRecordAndEmptyRecord(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	quiet := func(uint64, error) {}
	large := bytes.Repeat([]byte{7}, 1000)
	for _, record := range [][]byte{large, nil, large} {
		_, err := j.Append(funcEntry{func(dst []byte, _ uint64) ([]byte, error) { return append(dst, record...), nil }, quiet})
		require.NoError(t, err)
	}
	require.NoError(t, j.Close())
	var records [][]byte
	require.NoError(t, journal.Dump(fs, directory, 1, 0, func(_ uint64, record []byte) error {
		records = append(records, bytes.Clone(record))
		return nil
	}))
	assert.Equal(t, [][]byte{large, {}, large}, records)
}

func TestWaitDurable(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	require.NoError(t, j.WaitDurable(t.Context(), 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, j.WaitDurable(ctx, 1), context.Canceled)

	waited := make(chan error, 2)
	for range 2 {
		go func() { waited <- j.WaitDurable(t.Context(), 3) }()
	}
	appendRecords(t, j, newLedger(0), 3)
	require.NoError(t, receive(t, waited, "the end of waiting"))
	require.NoError(t, receive(t, waited, "the end of waiting"))

	go func() { waited <- j.WaitDurable(t.Context(), 4) }()
	require.NoError(t, j.Close())
	require.ErrorIs(t, receive(t, waited, "the end of waiting"), persistence.ErrJournalClosed)
	require.NoError(t, j.WaitDurable(t.Context(), 3))
}

func TestClosedJournalTakesNothing(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	_, err := j.Append(entry{newLedger(0)})
	require.ErrorIs(t, err, persistence.ErrJournalClosed)
	require.ErrorIs(t, j.WaitDurable(t.Context(), 1), persistence.ErrJournalClosed)
	require.NoError(t, j.Release(1))
}

// The order of what a batch does: all its entries hear, then DurableSequence is
// raised, then Published and Observe are called.
func TestOrderOfTelling(t *testing.T) {
	fs := crashfs.New()
	options := small(fs)
	var events []string
	var j *journal.Journal
	options.Published = func(sequence uint64) {
		assert.Equal(t, sequence, j.DurableSequence())
		events = append(events, "published")
	}
	options.Observe = func(records int, bytes int64, _ time.Duration) {
		assert.Equal(t, 1, records)
		assert.Equal(t, int64(512), bytes)
		events = append(events, "observed")
	}
	j = mustOpen(t, options)
	_, err := j.Append(funcEntry{
		encode: func(dst []byte, _ uint64) ([]byte, error) { return append(dst, 1), nil },
		durable: func(sequence uint64, err error) {
			assert.NoError(t, err)
			assert.Less(t, j.DurableSequence(), sequence)
			events = append(events, "told")
		},
	})
	require.NoError(t, err)
	require.NoError(t, j.Close())
	assert.Equal(t, []string{"told", "published", "observed"}, events)
}

func TestEpochIsNeverLowered(t *testing.T) {
	fs := crashfs.New()
	for _, step := range []struct{ asked, got uint32 }{{0, 1}, {7, 7}, {0, 7}, {3, 7}, {9, 9}} {
		options := small(fs)
		options.Epoch = step.asked
		j := mustOpen(t, options)
		assert.Equal(t, step.got, j.Epoch())
		appendDurably(t, j, newLedger(j.DurableSequence()), 1)
		assert.Equal(t, step.got, j.Position().Epoch)
		require.NoError(t, j.Close())
	}
}

func TestStatistics(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	last := appendDurably(t, j, newLedger(0), 40)
	s := j.Statistics()
	assert.Equal(t, int64(40), s.Batches)
	assert.Equal(t, int64(40), s.Records)
	assert.Equal(t, int64(32*512+8*1024), s.Bytes)
	assert.Equal(t, last, s.AppendedSequence)
	assert.Equal(t, last, s.DurableSequence)
	assert.Equal(t, 2, s.Segments)
	assert.GreaterOrEqual(t, s.DiskBytes, int64(2*16<<10))
	assert.Positive(t, s.SyncDurationTotal)
	assert.Zero(t, s.PendingBytes)
	assert.Zero(t, s.WritingSince)
	assert.False(t, s.Full)
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*journal.Options){
		"no directory":           func(o *journal.Options) { o.Directory = "" },
		"segment not of sectors": func(o *journal.Options) { o.SegmentBytes = 16<<10 + 1 },
		"segment too small":      func(o *journal.Options) { o.SegmentBytes = 4096 },
		"segment too large":      func(o *journal.Options) { o.SegmentBytes = 2 << 30 },
		"bound below a record":   func(o *journal.Options) { o.PendingBytesMax = 100 },
	} {
		t.Run(name, func(t *testing.T) {
			options := small(crashfs.New())
			change(&options)
			_, err := journal.Open(options)
			require.Error(t, err)
			require.NotErrorIs(t, err, persistence.ErrCorrupt)
		})
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	options := small(nil)
	options.Directory = t.TempDir()
	options.SegmentBytes = 4 << 20
	j := mustOpen(t, options)
	record := make([]byte, 120)
	e := &funcEntry{
		encode:  func(dst []byte, _ uint64) ([]byte, error) { return append(dst, record...), nil },
		durable: func(uint64, error) {},
	}
	var last uint64
	add := func() {
		var err error
		if last, err = j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		for range 1000 {
			add()
		}
		require.NoError(t, j.WaitDurable(t.Context(), last))
	}
	assert.Less(t, testing.AllocsPerRun(1000, add), 1.0)
}
