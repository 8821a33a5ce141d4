package journal_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// A reader that tails a busy journal sees every record once, in order, over rolls.
func TestReaderFollowsTheWriter(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	reader, err := j.ReadFrom(persistence.Position{})
	require.NoError(t, err)
	defer reader.Close()
	const records = 3000
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			for next := uint64(1); next <= records; {
				batch, err := reader.Next(t.Context())
				if err != nil {
					return err
				}
				if batch.End.Sequence > j.DurableSequence() {
					t.Errorf("batch to %d was read, durable is %d", batch.End.Sequence, j.DurableSequence())
				}
				for _, record := range batch.Records {
					assert.Equal(t, recordOf(next), record)
					next++
				}
			}
			return nil
		}()
	}()
	appendRecords(t, j, newLedger(0), records)
	require.NoError(t, receive(t, done, "the end of reading"))
	assert.Greater(t, j.Statistics().Segments, 10)
}

// Catches: reading what is written and not yet synced.
func TestReaderSeesDurableBatchesOnly(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	appendDurably(t, j, l, 1)
	reader, err := j.ReadFrom(persistence.Position{})
	require.NoError(t, err)
	defer reader.Close()
	_, ok, err := reader.TryNext()
	require.NoError(t, err)
	require.True(t, ok)

	syncing, proceed := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(release)
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.Sync && o.Name == segmentPath(1) {
			syncing <- struct{}{}
			<-proceed
		}
		return crashfs.Fault{}
	})
	appendRecords(t, j, l, 1)
	receive(t, syncing, "the sync")
	_, ok, err = reader.TryNext()
	require.NoError(t, err)
	require.False(t, ok)
	release()
	batch, err := reader.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, uint64(2), batch.First)
}

func TestReaderStartsAtEveryBatch(t *testing.T) {
	b := build(t, 90)
	j := mustOpen(t, small(b.fs))
	for at, end := range b.ends {
		assert.Equal(t, b.ends[at+1:], append([]persistence.Position{}, contentOf(t, j, end)...))
	}
	assert.Equal(t, b.ends, contentOf(t, j, persistence.Position{Journal: j.Identity()}))
}

func TestReaderRefusesAnotherHistory(t *testing.T) {
	b := build(t, 90)
	j := mustOpen(t, small(b.fs))
	middle := b.ends[len(b.ends)/2]
	for name, change := range map[string]func(*persistence.Position){
		"another journal":    func(p *persistence.Position) { p.Journal = inventory.ID{1} },
		"no journal":         func(p *persistence.Position) { p.Journal = inventory.ID{} },
		"another hash":       func(p *persistence.Position) { p.Hash[0] ^= 1 },
		"not the end of one": func(p *persistence.Position) { p.Sequence = insideOfBatch(t, b) },
		"beyond the end":     func(p *persistence.Position) { p.Sequence = b.last + 1 },
		"largest sequence":   func(p *persistence.Position) { p.Sequence = ^uint64(0) },
	} {
		t.Run(name, func(t *testing.T) {
			position := middle
			change(&position)
			_, err := j.ReadFrom(position)
			require.ErrorIs(t, err, persistence.ErrCorrupt)
		})
	}
}

// Bytes that change under an open journal are not handed out.
func TestReaderVerifiesWhatItReads(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	appendDurably(t, j, newLedger(0), 4)
	name := segmentPath(1)
	for _, offset := range []int{0, journal.SegmentHeaderBytes, journal.SegmentHeaderBytes + 8, journal.SegmentHeaderBytes + 70} {
		original := fs.ReadFile(name)
		flip(fs, name, offset*8)
		reader, err := j.ReadFrom(persistence.Position{})
		require.NoError(t, err)
		for range 2 {
			_, _, err = reader.TryNext()
			require.ErrorIs(t, err, persistence.ErrCorrupt, "offset %d", offset)
		}
		require.NoError(t, reader.Close())
		fs.WriteFile(name, original)
	}
}

func TestReaderWaitsForContextAndEnd(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	reader, err := j.ReadFrom(persistence.Position{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = reader.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)

	appendRecords(t, j, newLedger(0), 1)
	require.NoError(t, j.Close())
	// What is durable can still be read, and then the end.
	_, err = reader.Next(t.Context())
	require.NoError(t, err)
	_, err = reader.Next(t.Context())
	require.ErrorIs(t, err, persistence.ErrJournalClosed)
	require.NoError(t, reader.Close())
	require.NoError(t, reader.Close())
	_, err = reader.Next(t.Context())
	require.ErrorIs(t, err, persistence.ErrJournalClosed)
}
