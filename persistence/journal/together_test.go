package journal_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// Records that belong together are in one batch, with whatever else waits, and are
// told one by one.
func TestWhatIsAppendedTogetherIsInOneBatch(t *testing.T) {
	options := small(crashfs.New())
	writer := holdWriter(&options)
	j := mustOpen(t, options)
	t.Cleanup(writer.letGo)
	l := newLedger(0)
	appendHeld(t, j, l, 1)
	writer.turn(t)
	appendHeld(t, j, l, 1)
	last, err := j.AppendTogether([]persistence.Entry{entry{l}, entry{l}, entry{l}})
	require.NoError(t, err)
	require.Equal(t, uint64(5), last)
	appendHeld(t, j, l, 1)
	writer.turn(t)
	writer.letGo()
	ends := contentOf(t, j, persistence.Position{})
	require.Len(t, ends, 2)
	requireContent(t, j, 6)
	durable, _, broken := l.told()
	assert.Equal(t, uint64(6), durable)
	assert.Empty(t, broken)
}

// Nobody comes between records that belong together, neither another record nor the
// end of a batch.
func TestNothingPartsWhatBelongsTogether(t *testing.T) {
	options := small(crashfs.New())
	options.SegmentBytes = 1 << 20
	j := mustOpen(t, options)
	stop, others := make(chan struct{}), sync.WaitGroup{}
	encode := func(dst []byte, sequence uint64) ([]byte, error) { return append(dst, recordOf(sequence)...), nil }
	other := funcEntry{encode, func(uint64, error) {}}
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = j.Append(other) // it may be busy
					runtime.Gosched()
				}
			}
		})
	}
	firsts := map[uint64]bool{}
	for len(firsts) < 2000 {
		var places []uint64
		member := funcEntry{func(dst []byte, sequence uint64) ([]byte, error) {
			places = append(places, sequence)
			runtime.Gosched()
			return encode(dst, sequence)
		}, func(uint64, error) {}}
		last, err := j.AppendTogether([]persistence.Entry{member, member, member})
		if errors.Is(err, persistence.ErrJournalBusy) {
			require.Empty(t, places)
			runtime.Gosched()
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []uint64{last - 2, last - 1, last}, places)
		firsts[last-2] = true
	}
	close(stop)
	others.Wait()
	require.NoError(t, j.Close())
	for _, end := range contentOf(t, mustOpen(t, options), persistence.Position{}) {
		require.False(t, firsts[end.Sequence] || firsts[end.Sequence-1], "a batch ends at record %d", end.Sequence)
	}
}

// When one of several refuses, or panics, nothing of them is appended.
func TestWhatBelongsTogetherIsRefusedTogether(t *testing.T) {
	j := mustOpen(t, small(crashfs.New()))
	l := newLedger(0)
	appendDurably(t, j, l, 1)
	refusal := errors.New("no such product")
	told := func(uint64, error) { t.Error("an entry that was not appended was told something") }
	good := funcEntry{func(dst []byte, _ uint64) ([]byte, error) { return append(dst, "good"...), nil }, told}
	for place := range 3 {
		entries := []persistence.Entry{good, good, good}
		entries[place] = funcEntry{func(dst []byte, _ uint64) ([]byte, error) { return append(dst, "half"...), refusal }, told}
		_, err := j.AppendTogether(entries)
		require.ErrorIs(t, err, refusal)
		entries[place] = funcEntry{func([]byte, uint64) ([]byte, error) { panic("a broken entry") }, told}
		assert.Panics(t, func() { _, _ = j.AppendTogether(entries) })
	}
	many := make([]persistence.Entry, 17) // a segment of 16 KiB takes 12 of 1,000 bytes
	for i := range many {
		many[i] = good
	}
	_, err := j.AppendTogether(many)
	require.ErrorIs(t, err, journal.ErrTooLarge)
	assert.Equal(t, uint64(2), appendDurably(t, j, l, 1))
	requireContent(t, j, 2)
}
