package journal_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// A copy that is made while the journal goes on and deletes what it began with holds
// everything from there to what was durable at the end of the copy.
func TestACopyHoldsWhatTheJournalDeletes(t *testing.T) {
	fs, l := crashfs.New(), newLedger(0)
	options := small(fs)
	options.RetainBytes = 1
	j := mustOpen(t, options)
	defer func() { require.NoError(t, j.Close()) }()
	appendDurably(t, j, l, 200)
	pinned, err := journal.Pin(fs, directory)
	require.NoError(t, err)
	defer func() { require.NoError(t, pinned.Close()) }()
	projected := j.Position()
	require.NoError(t, j.Release(projected.Sequence))
	last := appendDurably(t, j, l, 60)

	end, err := pinned.CopyTo("copy", projected)
	require.NoError(t, err)
	require.Equal(t, j.Position(), end)
	report, err := journal.Verify(fs, "copy", projected)
	require.NoError(t, err)
	require.EqualValues(t, 1, report.First)
	require.Equal(t, last, report.End.Sequence)
	require.False(t, report.Clean)

	copied := small(fs)
	copied.Directory, copied.Projected = "copy", projected
	opened := mustOpen(t, copied)
	requireContent(t, opened, last)
	require.NoError(t, opened.Close())
}

// When whole segments come and go between Pin and the copy, the copy begins after them,
// and says so when that is too late for the database.
func TestACopyThatCameTooLate(t *testing.T) {
	fs, l := crashfs.New(), newLedger(0)
	options := small(fs)
	options.RetainBytes = 1
	j := mustOpen(t, options)
	defer func() { require.NoError(t, j.Close()) }()
	appendDurably(t, j, l, 200)
	early := j.Position()
	pinned, err := journal.Pin(fs, directory)
	require.NoError(t, err)
	defer func() { require.NoError(t, pinned.Close()) }()
	appendDurably(t, j, l, 400)
	late := j.Position()
	require.NoError(t, j.Release(late.Sequence))
	_, err = pinned.CopyTo("early", early)
	require.ErrorIs(t, err, journal.ErrReleased)
	end, err := pinned.CopyTo("late", late)
	require.NoError(t, err)
	require.Equal(t, late, end)
}

// A batch that is half written is not copied: nobody was told of it.
func TestACopyLeavesATornBatchBehind(t *testing.T) {
	b := build(t, 90)
	end := b.ends[len(b.ends)-1]
	last := b.segments()[len(b.segments())-1]
	report, err := journal.Verify(b.fs, directory, persistence.Position{})
	require.NoError(t, err)
	used := report.Segments[len(report.Segments)-1].UsedBytes
	file, err := b.fs.OpenWrite(segmentPath(last))
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("half a batch"), used)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	pinned, err := journal.Pin(b.fs, directory)
	require.NoError(t, err)
	copied, err := pinned.CopyTo("copy", end)
	require.NoError(t, err)
	require.NoError(t, pinned.Close())
	require.Equal(t, end, copied)
	report, err = journal.Verify(b.fs, "copy", end)
	require.NoError(t, err)
	require.Zero(t, report.TornBytes)
}

// Damage below the watermark ends a copy with an error.
func TestACopyOfDamageIsRefused(t *testing.T) {
	b := build(t, 90)
	flip(b.fs, segmentPath(b.segments()[1]), (journal.SegmentHeaderBytes+9)*8)
	pinned, err := journal.Pin(b.fs, directory)
	require.NoError(t, err)
	defer func() { require.NoError(t, pinned.Close()) }()
	_, err = pinned.CopyTo("copy", persistence.Position{})
	require.ErrorIs(t, err, persistence.ErrCorrupt)
}

func TestACopyOfNothingIsNothing(t *testing.T) {
	fs := crashfs.New()
	require.NoError(t, fs.MakeDirectory(directory))
	pinned, err := journal.Pin(fs, directory)
	require.NoError(t, err)
	end, err := pinned.CopyTo("copy", persistence.Position{})
	require.NoError(t, err)
	require.Zero(t, end)
	position, err := journal.Branch(fs, "copy", 9)
	require.NoError(t, err)
	require.Zero(t, position)
	_, err = journal.Pin(journal.Disk{}, filepath.Join(t.TempDir(), "missing"))
	require.Error(t, err)
}

// A branch keeps all records, and what is appended to it has another epoch, also when it
// is made twice, and never a lower one than before.
func TestABranchIsAnotherHistory(t *testing.T) {
	b := build(t, 90)
	end := b.ends[len(b.ends)-1]
	for _, epoch := range []uint32{1_000, 1_000, 3} {
		branch, err := journal.Branch(b.fs, directory, epoch)
		require.NoError(t, err)
		require.Equal(t, end.Sequence, branch.Sequence)
		require.Equal(t, end.Hash, branch.Hash)
		require.Greater(t, branch.Epoch, end.Epoch)
		require.GreaterOrEqual(t, branch.Epoch, epoch)
		end = branch
	}
	options := small(b.fs)
	options.Projected = b.ends[len(b.ends)-1]
	j := mustOpen(t, options)
	require.Equal(t, end.Epoch, j.Epoch())
	requireContent(t, j, end.Sequence)
	last := appendDurably(t, j, newLedger(end.Sequence), 40)
	requireContent(t, j, last)
	require.Len(t, b.segments(), j.Statistics().Segments, "each segment is a file of its own")
	position := j.Position()
	require.Equal(t, end.Epoch, position.Epoch)
	require.NoError(t, j.Close())
	options.Projected = position
	again := mustOpen(t, options)
	require.Equal(t, end.Epoch, again.Epoch())
	require.NoError(t, again.Close())
}
