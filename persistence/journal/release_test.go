package journal_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// filledRecords fill four segments.
const filledRecords = 75

// filled returns an open journal of several segments and the positions of its batches.
func filled(t *testing.T, fs *crashfs.FS, change func(*journal.Options)) (*journal.Journal, []persistence.Position) {
	t.Helper()
	options := small(fs)
	change(&options)
	j := mustOpen(t, options)
	appendDurably(t, j, newLedger(0), filledRecords)
	ends := contentOf(t, j, persistence.Position{})
	require.Equal(t, 4, j.Statistics().Segments)
	return j, ends
}

func TestReleaseDeletesWholeSegmentsBelow(t *testing.T) {
	fs := crashfs.New()
	j, ends := filled(t, fs, func(*journal.Options) {})
	second := built{fs: fs}.segments()[1]
	require.NoError(t, j.Release(second-2))
	assert.Equal(t, 4, j.Statistics().Segments, "a record of the first segment is still needed")
	require.NoError(t, j.Release(second-1))
	assert.Equal(t, second, built{fs: fs}.segments()[0])
	assert.Equal(t, 3, j.Statistics().Segments)

	_, err := j.ReadFrom(persistence.Position{})
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.ErrorIs(t, err, journal.ErrReleased)
	_, err = j.ReadFrom(ends[second-3])
	require.ErrorIs(t, err, journal.ErrReleased)
	assert.Len(t, contentOf(t, j, ends[second-2]), filledRecords-int(second)+1)

	// Never the current segment, whatever is said.
	require.NoError(t, j.Release(^uint64(0)))
	assert.Equal(t, 1, j.Statistics().Segments)
	appendDurably(t, j, newLedger(filledRecords), 1)
	require.NoError(t, j.Close())
	options := small(fs)
	options.Projected = ends[len(ends)-1]
	assert.Equal(t, uint64(filledRecords+1), mustOpen(t, options).DurableSequence())
}

func TestReleaseRetainsTheSafetyWindow(t *testing.T) {
	for retain, left := range map[int64]int{0: 1, 1: 2, 16 << 10: 2, 16<<10 + 1: 3, 1 << 30: 4} {
		j, ends := filled(t, crashfs.New(), func(o *journal.Options) { o.RetainBytes = retain })
		require.NoError(t, j.Release(ends[len(ends)-1].Sequence))
		assert.Equal(t, left, j.Statistics().Segments, "retained %d bytes", retain)
	}
}

// Catches: removing several segments without syncing the directory between. Whatever
// entries the crash brings back, there is no gap.
func TestReleaseLeavesNoGapAfterACrash(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	j, ends := filled(t, fs, func(*journal.Options) {})
	projected := ends[len(ends)-1]
	var states []*crashfs.FS
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.SyncDirectory {
			// The removals that are not synced are lost, or found.
			states = append(states, fs.Crash(crashfs.Lost, nil), fs.Crash(crashfs.Kept, nil))
		}
		return crashfs.Fault{}
	})
	require.NoError(t, j.Release(projected.Sequence))
	require.Len(t, states, 6)
	unsynced := 0
	for at := 0; at < len(states); at += 2 {
		unsynced = max(unsynced, len(built{fs: states[at]}.segments())-len(built{fs: states[at+1]}.segments()))
	}
	assert.Equal(t, 1, unsynced, "more than one removal was not synced")
	for _, state := range states {
		options := small(state)
		options.Projected = projected
		assert.Equal(t, projected, mustOpen(t, options).Position())
	}
}

// A removal that fails is an error of Release; a directory that cannot be synced is
// the end of the journal.
func TestReleaseThatFails(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	failed := make(chan error, 1)
	j, ends := filled(t, fs, func(o *journal.Options) { o.Failed = func(err error) { failed <- err } })
	fail := func(kind crashfs.Kind) {
		hook.set(func(o crashfs.Operation) crashfs.Fault {
			if o.Kind == kind {
				return crashfs.Fault{Err: syscall.EIO}
			}
			return crashfs.Fault{}
		})
	}
	fail(crashfs.Remove)
	require.ErrorIs(t, j.Release(ends[len(ends)-1].Sequence), syscall.EIO)
	appendDurably(t, j, newLedger(filledRecords), 1)
	fail(crashfs.SyncDirectory)
	require.ErrorIs(t, j.Release(ends[len(ends)-1].Sequence), syscall.EIO)
	require.ErrorIs(t, receive(t, failed, "the call of Failed"), syscall.EIO)
	_, err := j.Append(entry{newLedger(filledRecords + 1)})
	require.ErrorIs(t, err, persistence.ErrJournalClosed)
}

// A reader that stays behind is told, and one that is in time goes on.
func TestReleaseUnderAReader(t *testing.T) {
	j, ends := filled(t, crashfs.New(), func(*journal.Options) {})
	behind, err := j.ReadFrom(persistence.Position{})
	require.NoError(t, err)
	defer behind.Close()
	_, err = behind.Next(t.Context())
	require.NoError(t, err)
	inTime, err := j.ReadFrom(ends[len(ends)-2])
	require.NoError(t, err)
	defer inTime.Close()
	require.NoError(t, j.Release(ends[len(ends)-1].Sequence))
	_, err = behind.Next(t.Context())
	require.ErrorIs(t, err, journal.ErrReleased)
	batch, err := inTime.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, ends[len(ends)-1], batch.End)
}
