package journal_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

var update = flag.Bool("update", false, "write the golden files anew")

const goldenSegment, goldenWatermark = "testdata/version1.journal", "testdata/version1.watermark"

// The bytes of version 1 are fixed: journals of it have to open for ever. A change of
// the format needs a new version and a new file beside this one.
func TestFormatIsGolden(t *testing.T) {
	fs, hook := crashfs.New(), &faults{}
	hook.on(fs)
	options := journal.WithIdentity(small(fs), inventory.ID{0: 0xab, 7: 0xcd, 15: 0xef})
	options.SegmentBytes = 8 << 10
	options.Epoch = 3
	j := mustOpen(t, options)
	l := newLedger(0)
	appendDurably(t, j, l, 1)
	// Three records gather while the second batch is synced.
	syncing, proceed := make(chan struct{}, 2), make(chan struct{})
	hook.set(func(o crashfs.Operation) crashfs.Fault {
		if o.Kind == crashfs.Sync && o.Name == segmentPath(1) {
			syncing <- struct{}{}
			<-proceed
		}
		return crashfs.Fault{}
	})
	appendRecords(t, j, l, 1)
	receive(t, syncing, "the sync")
	appendRecords(t, j, l, 3)
	close(proceed)
	require.NoError(t, j.Close())

	for golden, name := range map[string]string{goldenSegment: segmentPath(1), goldenWatermark: watermarkPath} {
		written := fs.ReadFile(name)
		if *update {
			require.NoError(t, os.WriteFile(filepath.FromSlash(golden), written, 0o600))
		}
		fixed, err := os.ReadFile(filepath.FromSlash(golden))
		require.NoError(t, err)
		assert.Equal(t, fixed, written, "the format has changed: %s", golden)
	}
}

func TestGoldenJournalOpens(t *testing.T) {
	fs := crashfs.New()
	for golden, name := range map[string]string{goldenSegment: segmentPath(1), goldenWatermark: watermarkPath} {
		data, err := os.ReadFile(filepath.FromSlash(golden))
		require.NoError(t, err)
		fs.WriteFile(name, data)
	}
	j := mustOpen(t, small(fs))
	assert.True(t, j.Opening().Clean)
	assert.Equal(t, uint32(3), j.Epoch())
	assert.Equal(t, int64(3), j.Opening().Batches)
	requireContent(t, j, 5)
	assert.Equal(t, persistence.Position{
		Journal: inventory.ID{0: 0xab, 7: 0xcd, 15: 0xef}, Epoch: 3, Sequence: 5, Hash: j.Position().Hash,
	}, j.Position())
}
