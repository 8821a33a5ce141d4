package journal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

func TestVerifyReports(t *testing.T) {
	b := build(t, 90)
	before := b.fs.Clone()
	end := b.ends[len(b.ends)-1]
	report, err := journal.Verify(b.fs, directory, end)
	require.NoError(t, err)
	assert.Equal(t, end, report.End)
	assert.Equal(t, end.Journal, report.Journal)
	assert.Equal(t, uint64(1), report.First)
	assert.Equal(t, int64(90), report.Records)
	assert.Equal(t, int64(len(b.ends)), report.Batches)
	assert.Zero(t, report.TornBytes)
	assert.True(t, report.Clean)
	firsts := b.segments()
	require.Len(t, report.Segments, len(firsts))
	next := uint64(1)
	for at, segment := range report.Segments {
		assert.Equal(t, journal.SegmentName(firsts[at]), segment.Name)
		assert.Equal(t, next, segment.First)
		assert.Equal(t, int64(16<<10), segment.Bytes)
		assert.LessOrEqual(t, segment.UsedBytes, segment.Bytes)
		next = segment.Last + 1
	}
	assert.Equal(t, b.last+1, next)
	for _, name := range before.Names() {
		assert.True(t, bytes.Equal(before.ReadFile(name), b.fs.ReadFile(name)), "verifying changed %s", name)
	}
}

// What was verified before the damage is reported with the error.
func TestVerifyReportsDamage(t *testing.T) {
	b := build(t, 90)
	flip(b.fs, segmentPath(b.segments()[1]), (journal.SegmentHeaderBytes+9)*8)
	report, err := journal.Verify(b.fs, directory, persistence.Position{})
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	assert.Equal(t, b.segments()[1]-1, report.End.Sequence)
	require.Len(t, report.Segments, 2)
}

func TestVerifyOfNothing(t *testing.T) {
	report, err := journal.Verify(crashfs.New(), directory, persistence.Position{})
	require.NoError(t, err)
	assert.Zero(t, report.Records)
	_, err = journal.Verify(journal.Disk{}, t.TempDir()+"/missing", persistence.Position{})
	require.Error(t, err)
	require.NotErrorIs(t, err, persistence.ErrCorrupt)
}

func TestDumpWritesARange(t *testing.T) {
	b := build(t, 90)
	for _, c := range []struct{ from, to, first, last uint64 }{{0, 0, 1, 90}, {1, 1, 1, 1}, {20, 60, 20, 60}, {80, 1000, 80, 90}, {91, 0, 1, 0}} {
		next := c.first
		require.NoError(t, journal.Dump(b.fs, directory, c.from, c.to, func(sequence uint64, record []byte) error {
			assert.Equal(t, next, sequence)
			assert.Equal(t, recordOf(next), record)
			next++
			return nil
		}))
		assert.Equal(t, c.last+1, next)
	}
	broken := errors.New("the pipe is broken")
	require.ErrorIs(t, journal.Dump(b.fs, directory, 1, 0, func(uint64, []byte) error { return broken }), broken)
}
