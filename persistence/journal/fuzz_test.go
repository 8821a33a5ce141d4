package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// Any bytes as the last segment: it opens or is refused, it never panics, and it
// takes memory in proportion to the file, not to the lengths in it.
func FuzzOpenSegment(f *testing.F) {
	golden, err := os.ReadFile(filepath.FromSlash(goldenSegment))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add(golden[:5000])
	f.Add(golden[:100])
	f.Add([]byte{})
	huge := append([]byte{}, golden...)
	copy(huge[journal.SegmentHeaderBytes+8:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(huge)
	f.Fuzz(func(t *testing.T, data []byte) {
		fs := crashfs.New()
		fs.WriteFile(segmentPath(1), data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		report, err := journal.Verify(fs, directory, persistence.Position{})
		runtime.ReadMemStats(&after)
		if allocated, bound := after.TotalAlloc-before.TotalAlloc, uint64(8*len(data)+1<<20); allocated > bound {
			t.Fatalf("%d bytes were allocated for a file of %d", allocated, len(data))
		}
		if err != nil {
			if !errors.Is(err, persistence.ErrCorrupt) && !errors.Is(err, journal.ErrVersion) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		j, err := journal.Open(small(fs))
		if err != nil {
			t.Fatalf("verified, and not opened: %v", err)
		}
		if j.Position() != report.End {
			t.Fatalf("opened at %v, verified %v", j.Position(), report.End)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
