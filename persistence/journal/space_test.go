package journal_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal/crashfs"
)

// A full disk refuses records before they have a sequence, everything appended
// becomes durable, and appending goes on when there is space again.
func TestFullDiskRefusesAndResumes(t *testing.T) {
	fs := crashfs.New()
	const segment = 16 << 10
	fs.SetCapacity(2*segment + 1024)
	options := small(fs)
	clock := manualClock{armed: make(chan func(), 1)}
	options.Clock = clock
	j := mustOpen(t, options)
	l := newLedger(0)
	last := appendUntil(t, j, l, persistence.ErrJournalFull)
	require.NoError(t, j.WaitDurable(t.Context(), last))
	durable, failed, _ := l.told()
	assert.Equal(t, last, durable, "an appended record had no room")
	assert.Zero(t, failed)
	assert.True(t, j.Statistics().Full)
	assert.Equal(t, 2, j.Statistics().Segments)

	// The pause ends, and the disk is still full.
	retry := receive(t, clock.armed, "a retry")
	retry()
	retry = receive(t, clock.armed, "a second retry")
	_, err := j.Append(entry{l})
	require.ErrorIs(t, err, persistence.ErrJournalFull)
	// Reading goes on meanwhile, and so does a start.
	contentOf(t, j, persistence.Position{})

	fs.SetCapacity(-1)
	retry()
	for err != nil {
		_, err = j.Append(entry{l})
	}
	assert.False(t, j.Statistics().Full)
	require.NoError(t, j.Close())
	durable, _, broken := l.told()
	assert.Equal(t, last+1, durable)
	assert.Empty(t, broken)
	requireContent(t, mustOpen(t, small(fs)), last+1)
}

// A journal on a full disk opens: what it prepared before makes room for the copy
// of its last segment.
func TestFullDiskOpens(t *testing.T) {
	b := build(t, 20)
	b.fs.SetCapacity(int64(len(b.fs.ReadFile(segmentPath(1)))) + 16<<10 + 1024)
	j := mustOpen(t, small(b.fs))
	assert.Equal(t, b.last, j.DurableSequence())
	_, err := j.Append(entry{newLedger(b.last)})
	require.NoError(t, err)
}

// Every record keeps its place at the end of a segment, whatever the sizes.
func TestRollKeepsOrderAndContent(t *testing.T) {
	fs := crashfs.New()
	options := small(fs)
	options.SegmentBytes = 8 << 10
	j := mustOpen(t, options)
	l := newLedger(0)
	last := appendRecords(t, j, l, 2000)
	require.NoError(t, j.WaitDurable(t.Context(), last))
	durable, _, broken := l.told()
	assert.Equal(t, last, durable)
	assert.Empty(t, broken)
	assert.Greater(t, j.Statistics().Segments, 20)
	requireContent(t, j, last)
	require.NoError(t, j.Close())
	requireContent(t, mustOpen(t, options), last)
}

// Catches: no sync of the directory. The crash loses every entry that was not
// synced, after the roll was acknowledged.
func TestRolledSegmentSurvivesLostDirectoryEntries(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	for j.Statistics().Segments < 3 {
		last := appendDurably(t, j, l, 1)
		requireContent(t, mustOpen(t, small(fs.Crash(crashfs.Lost, nil))), last)
	}
}

// Catches: no sync of the directory after the first segment or the recovery.
func TestFirstSegmentSurvivesLostDirectoryEntries(t *testing.T) {
	fs := crashfs.New()
	for start := range uint64(3) {
		j := mustOpen(t, small(fs))
		require.Equal(t, start, j.DurableSequence())
		appendDurably(t, j, newLedger(start), 1)
		crashed := fs.Crash(crashfs.Lost, nil)
		require.NoError(t, j.Close())
		fs = crashed
	}
}

// appendUntil appends until the error comes, waiting out a busy journal.
func appendUntil(t *testing.T, j persistence.Journal, l *ledger, stop error) (last uint64) {
	t.Helper()
	for {
		sequence, err := j.Append(entry{l})
		switch {
		case err == nil:
			last = sequence
		case errors.Is(err, stop):
			return last
		default:
			require.ErrorIs(t, err, persistence.ErrJournalBusy)
			require.NoError(t, j.WaitDurable(t.Context(), last))
		}
	}
}
