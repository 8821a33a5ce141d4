package journal_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// Catches: acknowledging before the sync.
func TestNoAcknowledgementBeforeTheSyncEnds(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	appendDurably(t, j, l, 2)

	syncing, proceed := make(chan struct{}), make(chan struct{})
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.Sync && o.Name == segmentPath(1) {
			syncing <- struct{}{}
			<-proceed
		}
		return crashfs.Fault{}
	})
	appendRecords(t, j, l, 1)
	receive(t, syncing, "the sync")
	// The disk stalls. Appending goes on, and refuses at the bound.
	var err error
	appended := 0
	for ; err == nil; appended++ {
		_, err = j.Append(entry{l})
	}
	require.ErrorIs(t, err, persistence.ErrJournalBusy)
	assert.Greater(t, appended, 10)
	s := j.Statistics()
	assert.Positive(t, s.PendingBytes)
	assert.LessOrEqual(t, s.PendingBytes, int64(12<<10))
	assert.NotZero(t, s.WritingSince)
	durable, failed, _ := l.told()
	assert.Equal(t, uint64(2), durable, "told before the sync ended")
	assert.Zero(t, failed)
	assert.Equal(t, uint64(2), j.DurableSequence())

	hook.set(func(crashfs.Operation) crashfs.Fault { return crashfs.Fault{} })
	close(proceed)
	require.NoError(t, j.WaitDurable(t.Context(), j.Statistics().AppendedSequence))
	_, _, broken := l.told()
	assert.Empty(t, broken)
}

// Catches: trying a failed sync again.
func TestFailedSyncIsNeverRetried(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	options := small(fs)
	failed := make(chan error, 2)
	options.Failed = func(err error) { failed <- err }
	j := mustOpen(t, options)
	l := newLedger(0)
	appendDurably(t, j, l, 3)

	var syncs atomic.Int64
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.Sync && o.Name == segmentPath(1) && syncs.Add(1) == 1 {
			return crashfs.Fault{Err: syscall.EIO}
		}
		return crashfs.Fault{}
	})
	last := appendRecords(t, j, l, 1)
	require.ErrorIs(t, receive(t, failed, "the call of Failed"), syscall.EIO)
	require.ErrorIs(t, j.WaitDurable(t.Context(), last), syscall.EIO)
	_, err := j.Append(entry{l})
	require.ErrorIs(t, err, persistence.ErrJournalClosed)
	require.ErrorIs(t, j.Close(), syscall.EIO)

	assert.Equal(t, int64(1), syncs.Load(), "the file was synced again after a failed sync")
	assert.Empty(t, failed, "Failed was called twice")
	durable, lost, broken := l.told()
	assert.Equal(t, uint64(3), durable)
	assert.Equal(t, 1, lost)
	assert.Empty(t, broken)
	// What the failed sync lost is not found again; what was told is.
	requireContent(t, mustOpen(t, small(fs.Crash(crashfs.Lost, nil))), 3)
}

// Everything that waits when the journal fails hears of it, in order.
func TestFailureTellsAllThatIsPending(t *testing.T) {
	for name, fault := range map[string]crashfs.Fault{
		"write error": {Err: syscall.EIO}, "short write": {Short: true}, "no space": {Err: syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			fs, hook := crashfs.New(), &faults{}
			hook.on(fs)
			j := mustOpen(t, small(fs))
			l := newLedger(0)
			appendDurably(t, j, l, 2)
			writing, proceed := make(chan struct{}), make(chan struct{})
			hook.set(func(o crashfs.Operation) crashfs.Fault {
				if o.Kind == crashfs.Write && o.Name == segmentPath(1) {
					writing <- struct{}{}
					<-proceed
					return fault
				}
				return crashfs.Fault{}
			})
			appendRecords(t, j, l, 1)
			receive(t, writing, "the write")
			last := appendRecords(t, j, l, 5)
			close(proceed)
			err := j.WaitDurable(t.Context(), last)
			require.Error(t, err)
			if fault.Err == nil {
				require.ErrorIs(t, err, io.ErrShortWrite)
			}
			require.Error(t, j.Close())
			durable, failed, broken := l.told()
			assert.Equal(t, uint64(2), durable)
			assert.Equal(t, 6, failed)
			assert.Empty(t, broken)
			requireContent(t, mustOpen(t, small(fs.Clone())), 2)
		})
	}
}

// A directory that cannot be synced may forget a segment: its batch is not told.
func TestFailedDirectorySyncEndsTheJournal(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	j := mustOpen(t, small(fs))
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.SyncDirectory {
			return crashfs.Fault{Err: syscall.EIO}
		}
		return crashfs.Fault{}
	})
	l := newLedger(0)
	var err error
	for err == nil {
		var sequence uint64
		if sequence, err = j.Append(entry{l}); err == nil || errors.Is(err, persistence.ErrJournalBusy) {
			err = j.WaitDurable(t.Context(), sequence)
		}
	}
	require.ErrorIs(t, j.Close(), syscall.EIO)
	durable, failed, broken := l.told()
	assert.Positive(t, durable)
	assert.Positive(t, failed)
	assert.Empty(t, broken)
	requireContent(t, mustOpen(t, small(fs.Crash(crashfs.Lost, nil))), durable)
}

// A fault of the preparer ends the journal too.
func TestFailedPreparationEndsTheJournal(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.Sync && strings.HasPrefix(filepath.Base(o.Name), "prepared") {
			return crashfs.Fault{Err: syscall.EIO}
		}
		return crashfs.Fault{}
	})
	options := small(fs)
	failed := make(chan error, 1)
	options.Failed = func(err error) { failed <- err }
	j := mustOpen(t, options)
	require.ErrorIs(t, receive(t, failed, "the call of Failed"), syscall.EIO)
	_, err := j.Append(entry{newLedger(0)})
	require.ErrorIs(t, err, persistence.ErrJournalClosed)
	require.ErrorIs(t, j.Close(), syscall.EIO)
}

// One operation after the other fails, until the script ends untouched. Whatever
// fails: what was told durable is there afterwards, nothing else is invented, and
// nothing is taken for corruption.
func TestEveryOperationMayFail(t *testing.T) {
	for name, fault := range map[string]crashfs.Fault{
		"EIO": {Err: syscall.EIO}, "ENOSPC": {Err: syscall.ENOSPC},
		"short write": {Short: true}, "short write with ENOSPC": {Short: true, Err: syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fired := int64(0)
			for k := int64(1); ; k++ {
				s := &script{t: t, fs: crashfs.New(), random: rand.New(rand.NewPCG(uint64(k), 3))}
				s.fs.Hook = func(o crashfs.Operation) crashfs.Fault {
					if o.Number != k || fault.Short && o.Kind != crashfs.Write {
						return crashfs.Fault{}
					}
					return fault
				}
				s.run()
				if s.fs.Operations() < k {
					break
				}
				fired++
				s.check()
			}
			assert.Greater(t, fired, int64(50))
		})
	}
}

// script is a run of the journal through open, roll, read, release, close and open.
type script struct {
	t      *testing.T
	fs     *crashfs.FS
	random *rand.Rand

	appended, acknowledged uint64
	projected              persistence.Position
}

func (s *script) options() journal.Options {
	options := small(s.fs)
	options.Projected = s.projected
	return options
}

func (s *script) run() {
	for range 2 {
		j, err := journal.Open(s.options())
		if err != nil {
			require.NotErrorIs(s.t, err, persistence.ErrCorrupt)
			return
		}
		err = s.use(j)
		if closeErr := j.Close(); err != nil || closeErr != nil {
			return
		}
	}
}

func (s *script) use(j *journal.Journal) error {
	l := newLedger(j.DurableSequence())
	defer func() {
		_ = j.Close()
		durable, _, broken := l.told()
		require.Empty(s.t, broken)
		s.acknowledged = max(s.acknowledged, durable)
	}()
	for range 40 {
		sequence, err := j.Append(entry{l})
		if errors.Is(err, persistence.ErrJournalBusy) || errors.Is(err, persistence.ErrJournalFull) {
			continue
		}
		if err != nil {
			return err
		}
		s.appended = sequence
		if s.random.IntN(2) == 0 {
			if err := j.WaitDurable(s.t.Context(), sequence); err != nil {
				return err
			}
		}
	}
	return s.project(j)
}

// project reads everything new and releases it.
func (s *script) project(j *journal.Journal) error {
	reader, err := j.ReadFrom(s.projected)
	if err != nil {
		require.NotErrorIs(s.t, err, persistence.ErrCorrupt)
		return err
	}
	defer reader.Close()
	for {
		batch, ok, err := reader.TryNext()
		if err != nil {
			return err
		}
		if !ok {
			return j.Release(s.projected.Sequence)
		}
		s.projected = batch.End
	}
}

// check opens what a crash leaves behind.
func (s *script) check() {
	for _, mode := range []crashfs.Mode{crashfs.Lost, crashfs.Subset, crashfs.Kept} {
		options := s.options()
		options.FS = s.fs.Crash(mode, s.random)
		j, err := journal.Open(options)
		require.NoError(s.t, err, "%v", mode)
		require.GreaterOrEqual(s.t, j.DurableSequence(), s.acknowledged, "%v", mode)
		require.LessOrEqual(s.t, j.DurableSequence(), s.appended, "%v", mode)
		contentOf(s.t, j, s.projected)
		require.NoError(s.t, j.Close())
	}
}
