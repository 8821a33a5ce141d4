package journal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// segmentBytes is the size of small segments. On a full disk there is room for two, the
// reserve, and the watermark.
const (
	segmentBytes  = 16 << 10
	fullDiskBytes = 3*segmentBytes + 1<<10
)

// A full disk refuses records before they have a sequence, everything appended
// becomes durable, and appending goes on when there is space again.
func TestFullDiskRefusesAndResumes(t *testing.T) {
	fs := crashfs.New()
	fs.SetCapacity(fullDiskBytes)
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
	assert.Equal(t, int64(3*segmentBytes), j.Statistics().DiskBytes, "the reserve was used for records")

	// The pause ends, and the disk is still full.
	retry := receive(t, clock.armed, "a retry")
	retry()
	retry = receive(t, clock.armed, "a second retry")
	_, err := j.Append(entry{l})
	require.ErrorIs(t, err, persistence.ErrJournalFull)
	// Reading goes on meanwhile.
	contentOf(t, j, persistence.Position{})

	fs.SetCapacity(-1)
	retry()
	for err != nil {
		runtime.Gosched()
		_, err = j.Append(entry{l})
	}
	assert.False(t, j.Statistics().Full)
	require.NoError(t, j.Close())
	durable, _, broken := l.told()
	assert.Equal(t, last+1, durable)
	assert.Empty(t, broken)
	requireContent(t, mustOpen(t, small(fs)), last+1)
}

// fillDisk fills a small disk with records and returns it and the last one. The journal
// is still open.
func fillDisk(t *testing.T) (fs *crashfs.FS, j *journal.Journal, last uint64) {
	t.Helper()
	fs = crashfs.New()
	fs.SetCapacity(fullDiskBytes)
	j = mustOpen(t, small(fs))
	last = appendUntil(t, j, newLedger(0), persistence.ErrJournalFull)
	require.NoError(t, j.WaitDurable(t.Context(), last))
	require.Equal(t, 2, j.Statistics().Segments)
	return fs, j, last
}

// A journal that refuses records for want of space opens again, as often as it has to,
// with no more space than before: it is read, refuses, and resumes when there is space.
func TestFullDiskOpens(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *crashfs.FS, *journal.Journal) *crashfs.FS{
		"after it was closed": func(t *testing.T, fs *crashfs.FS, j *journal.Journal) *crashfs.FS {
			require.NoError(t, j.Close())
			return fs
		},
		"after it was killed": func(_ *testing.T, fs *crashfs.FS, _ *journal.Journal) *crashfs.FS {
			return fs.Crash(crashfs.Kept, nil)
		},
		"after the power went": func(_ *testing.T, fs *crashfs.FS, _ *journal.Journal) *crashfs.FS {
			return fs.Crash(crashfs.Lost, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs, j, last := fillDisk(t)
			for range 3 {
				fs = end(t, fs, j)
				j = mustOpen(t, small(fs))
				requireContent(t, j, last)
				_, err := j.Append(entry{newLedger(last)})
				require.ErrorIs(t, err, persistence.ErrJournalFull)
				assert.True(t, j.Statistics().Full)
				assert.Equal(t, int64(3*segmentBytes), j.Statistics().DiskBytes, "there is no reserve for the next start")
			}
			fs.SetCapacity(-1)
			l := newLedger(last)
			require.NoError(t, j.WaitDurable(t.Context(), appendSoon(t, j, l)))
			require.NoError(t, j.Close())
			requireContent(t, mustOpen(t, small(fs)), last+1)
		})
	}
}

// appendSoon appends one record when the journal has noticed that there is space.
func appendSoon(t *testing.T, j *journal.Journal, l *ledger) uint64 {
	t.Helper()
	for {
		sequence, err := j.Append(entry{l})
		if err == nil {
			return sequence
		}
		require.ErrorIs(t, err, persistence.ErrJournalFull)
		runtime.Gosched()
	}
}

// Something else fills the disk while there is room for records: the start takes the
// reserve, and has the next one before anybody else gets the space.
func TestFullDiskOpensWithRoomForRecords(t *testing.T) {
	b, hook := build(t, 12), &faults{}
	hook.on(b.fs)
	// What was open for a moment only may have had no time to make one.
	b.fs.WriteFile(reservePath, make([]byte, segmentBytes))
	b.fs.SetCapacity(2*segmentBytes + 1<<10)
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		// A start that does not wait for the reserve is over before it is made.
		for turns := 0; turns < 1000 && strings.HasPrefix(o.Name, reservePath); turns++ {
			runtime.Gosched()
		}
		return crashfs.Fault{}
	})
	options := small(b.fs)
	options.PendingBytesMax = 2 << 10 // With that much room a start waits for no segment.
	for start := range uint64(3) {
		j := mustOpen(t, options)
		assert.Equal(t, int64(2*segmentBytes), j.Statistics().DiskBytes, "there is no reserve for the next start")
		requireContent(t, j, b.last+start)
		appendDurably(t, j, newLedger(b.last+start), 1)
		require.NoError(t, j.Close())
	}
}

// Whatever operation of a start on a full disk is the last one, and whatever is lost
// with it, the next start has room and finds everything. Catches: the reserve and a
// segment are one file after the crash.
func TestFullDiskOpensAfterACrashInRecovery(t *testing.T) {
	full, _, last := fillDisk(t)
	full = full.Crash(crashfs.Kept, nil)
	taken := 0
	for mode := range crashfs.Modes {
		for at, done := int64(1), false; !done; at++ {
			fs := full.Clone()
			cut := &powerCut{at: at, fs: fs, mode: mode, random: rand.New(rand.NewPCG(uint64(at), 17)), told: func() uint64 { return last },
				watch: func(o crashfs.Operation) {
					if o.Kind == crashfs.Rename && o.Name == recoveryPath {
						taken++
					}
				}}
			fs.Hook = cut.hook
			j, err := journal.Open(small(fs))
			if err == nil {
				_ = j.Close()
			}
			cut.mutex.Lock()
			after := cut.after
			cut.mutex.Unlock()
			if done = after == nil; !done {
				require.Empty(t, bytes.Trim(after.ReadFile(reservePath), "\x00"), "%v at %d", mode, at)
				requireContent(t, mustOpen(t, small(after)), last)
			}
		}
	}
	assert.Greater(t, taken, 50, "the reserve was not taken")
}

// Something else filled the disk before there was a reserve.
func TestStartWithoutSpaceAndReserveSaysWhatItNeeds(t *testing.T) {
	for name, reserve := range map[string][]byte{"no reserve": nil, "one that is too small": make([]byte, segmentBytes-1)} {
		t.Run(name, func(t *testing.T) {
			fs, j, last := fillDisk(t)
			require.NoError(t, j.Close())
			fs.RemoveFile(reservePath)
			if reserve != nil {
				fs.WriteFile(reservePath, reserve)
			}
			fs.SetCapacity(2*segmentBytes + int64(len(reserve)) + 1<<10)
			before := fs.Clone()
			_, err := journal.Open(small(fs))
			require.ErrorIs(t, err, persistence.ErrJournalFull)
			require.ErrorIs(t, err, syscall.ENOSPC)
			assert.Contains(t, err.Error(), "16384 bytes are needed")
			require.Equal(t, before.Names(), fs.Names())
			for _, name := range fs.Names() {
				assert.Equal(t, before.ReadFile(name), fs.ReadFile(name), name)
			}
			fs.SetCapacity(fullDiskBytes + segmentBytes)
			requireContent(t, mustOpen(t, small(fs)), last)
		})
	}
}

// A full disk opens with another size of segments too, again and again.
func TestFullDiskOpensWithAnotherSegmentSize(t *testing.T) {
	for _, size := range []int64{8 << 10, 64 << 10} {
		fs, j, last := fillDisk(t)
		for range 3 {
			require.NoError(t, j.Close())
			options := small(fs)
			options.SegmentBytes = size
			j = mustOpen(t, options)
			requireContent(t, j, last)
		}
	}
}

// Catches: giving the last room of the disk to records, so that the next start has none.
func TestNoSegmentIsPreparedWithoutAReserve(t *testing.T) {
	fs := crashfs.New()
	fs.SetCapacity(2*segmentBytes + 1<<10)
	j := mustOpen(t, small(fs))
	last := appendUntil(t, j, newLedger(0), persistence.ErrJournalFull)
	require.NoError(t, j.WaitDurable(t.Context(), last))
	assert.Equal(t, 1, j.Statistics().Segments)
	assert.Len(t, fs.ReadFile(reservePath), segmentBytes)
	requireContent(t, mustOpen(t, small(fs.Crash(crashfs.Lost, nil))), last)
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
			runtime.Gosched()
		}
	}
}
