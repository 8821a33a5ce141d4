package journal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// requireRefused requires that the journal is refused as corrupt and that no file
// changed.
func requireRefused(t *testing.T, fs *crashfs.FS, projected persistence.Position) error {
	t.Helper()
	before := fs.Clone()
	options := small(fs)
	options.Projected = projected
	j, err := journal.Open(options)
	if err == nil {
		require.NoError(t, j.Close())
	}
	require.ErrorIs(t, err, persistence.ErrCorrupt)
	require.Equal(t, before.Names(), fs.Names())
	for _, name := range fs.Names() {
		require.True(t, bytes.Equal(before.ReadFile(name), fs.ReadFile(name)), "%s was changed", name)
	}
	return err
}

// flip changes one bit of a file.
func flip(fs *crashfs.FS, name string, bit int) {
	data := fs.ReadFile(name)
	data[bit/8] ^= 1 << (bit % 8)
	fs.WriteFile(name, data)
}

// Catches: cutting the journal at the first bad checksum. The damaged batch is in the
// last segment, nothing of it is above the watermark or SQL, and batches follow.
func TestDamageBeforeTheTailIsRefused(t *testing.T) {
	b := build(t, 12)
	require.Len(t, b.segments(), 1)
	b.fs.RemoveFile(watermarkPath)
	report, err := journal.Verify(b.fs, directory, persistence.Position{})
	require.NoError(t, err)
	require.Equal(t, b.last, report.End.Sequence)

	flip(b.fs, segmentPath(1), (journal.SegmentHeaderBytes+100)*8)
	err = requireRefused(t, b.fs, persistence.Position{})
	var damage *journal.Corruption
	require.ErrorAs(t, err, &damage)
	assert.Equal(t, journal.SegmentName(1), damage.Segment)
	assert.Equal(t, int64(journal.SegmentHeaderBytes), damage.Offset)
	assert.Equal(t, uint64(1), damage.Sequence)
	assert.Contains(t, err.Error(), "a valid batch with sequence")
}

// Catches: taking the last acknowledged batch for a torn one.
func TestDamageOfTheLastAcknowledgedBatchIsRefused(t *testing.T) {
	for name, evidence := range map[string]func(b built) persistence.Position{
		"by the watermark": func(built) persistence.Position { return persistence.Position{} },
		"by the database": func(b built) persistence.Position {
			b.fs.RemoveFile(watermarkPath)
			return b.ends[len(b.ends)-1]
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, 12)
			projected := evidence(b)
			report, err := journal.Verify(b.fs, directory, projected)
			require.NoError(t, err)
			flip(b.fs, segmentPath(1), int(report.Segments[0].UsedBytes-b.lastBytes+70)*8)
			requireRefused(t, b.fs, projected)
		})
	}
}

// One bit after the other, anywhere: it is detected, or it is harmless and all the
// content is there.
func TestSingleBitFlips(t *testing.T) {
	flips := 10_000
	if raceEnabled {
		flips = 1_500
	}
	for name, withWatermark := range map[string]bool{"with the watermark": true, "with the database": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := build(t, 90)
			require.GreaterOrEqual(t, len(b.segments()), 3)
			projected := persistence.Position{}
			if !withWatermark {
				b.fs.RemoveFile(watermarkPath)
				projected = b.ends[len(b.ends)-1]
			}
			random := rand.New(rand.NewPCG(5, 5))
			outcomes := map[bool]int{}
			for range flips / 2 {
				name := b.fs.Names()[random.IntN(len(b.fs.Names()))]
				bit := random.IntN(len(b.fs.ReadFile(name)) * 8)
				outcomes[survives(t, b, name, bit, projected)]++
			}
			assert.Greater(t, outcomes[true], flips/20)
			assert.Greater(t, outcomes[false], flips/20)
		})
	}
}

// survives flips a bit and returns whether the journal still opens; then it requires
// that it opens whole. The bit is flipped back.
func survives(t *testing.T, b built, name string, bit int, projected persistence.Position) bool {
	flip(b.fs, name, bit)
	defer flip(b.fs, name, bit)
	damaged := b.fs.Clone()
	options := small(damaged)
	options.Projected = projected
	j, err := journal.Open(options)
	if err != nil {
		if !errors.Is(err, journal.ErrVersion) {
			require.ErrorIs(t, err, persistence.ErrCorrupt, "%s bit %d", name, bit)
		}
		return false
	}
	require.Equal(t, b.ends[len(b.ends)-1], j.Position(), "%s bit %d", name, bit)
	require.NoError(t, j.Close())
	next := uint64(1)
	require.NoError(t, journal.Dump(damaged, directory, 1, 0, func(sequence uint64, record []byte) error {
		if sequence != next || !bytes.Equal(record, recordOf(next)) {
			t.Fatalf("record %d differs after flipping bit %d of %s", sequence, bit, name)
		}
		next++
		return nil
	}))
	require.Equal(t, b.last+1, next)
	return true
}

// Pages of zeros are what a disk returns for blocks that it lost.
func TestZeroedPages(t *testing.T) {
	b := build(t, 90)
	for _, first := range b.segments() {
		original := b.fs.ReadFile(segmentPath(first))
		for page := 0; page < len(original); page += 4096 {
			data := bytes.Clone(original)
			clear(data[page : page+4096])
			b.fs.WriteFile(segmentPath(first), data)
			if bytes.Equal(data, original) {
				continue
			}
			requireRefused(t, b.fs, persistence.Position{})
		}
		b.fs.WriteFile(segmentPath(first), original)
	}
}

// The last 64 KiB, cut at every byte. With evidence of what was acknowledged a cut is
// refused unless it hits the zeros alone; without, the whole batches before it remain.
func TestTruncationAtEveryByte(t *testing.T) {
	const size = 64 << 10
	stride := 1
	if raceEnabled {
		stride = 31
	}
	c := cutting{fs: crashfs.New()}
	options := small(c.fs)
	options.SegmentBytes = size
	j := mustOpen(t, options)
	c.last = appendDurably(t, j, newLedger(0), 95)
	require.NoError(t, j.Close())
	c.whole, c.ends = c.fs.ReadFile(segmentPath(1)), frameEnds(c.last)
	require.Len(t, c.whole, size)
	require.Greater(t, c.ends[c.last-1], 50<<10)
	for part := range 4 {
		t.Run("part", func(t *testing.T) {
			t.Parallel()
			for n := part * stride; n < size; n += 4 * stride {
				c.at(t, n)
			}
		})
	}
}

// cutting is a journal with one segment that is cut.
type cutting struct {
	fs    *crashfs.FS
	whole []byte
	// ends are where the frames of the records end; last is the last record.
	ends []int
	last uint64
}

// at cuts the segment to n bytes. Starts are checked around the sectors and at a
// sample of the other bytes; what they rest on, at all.
func (c *cutting) at(t *testing.T, n int) {
	kept := uint64(0)
	for kept < c.last && c.ends[kept] <= n {
		kept++
	}
	cut := crashfs.New()
	cut.WriteFile(segmentPath(1), c.whole[:n])
	report, err := journal.Verify(cut, directory, persistence.Position{})
	if n < journal.SegmentHeaderBytes {
		require.ErrorIs(t, err, persistence.ErrCorrupt, "cut at %d", n)
		return
	}
	require.NoError(t, err, "cut at %d", n)
	require.Equal(t, kept, report.End.Sequence, "cut at %d", n)
	if place := n % 512; place > 1 && place < 511 && n%67 != 0 {
		return
	}
	j, err := journal.Open(small(cut))
	require.NoError(t, err, "cut at %d", n)
	require.Equal(t, kept, j.DurableSequence(), "cut at %d", n)
	require.NoError(t, j.Close())

	cut.WriteFile(segmentPath(1), c.whole[:n])
	cut.WriteFile(watermarkPath, c.fs.ReadFile(watermarkPath))
	_, err = journal.Verify(cut, directory, persistence.Position{})
	if kept == c.last {
		require.NoError(t, err, "cut at %d", n)
	} else {
		require.ErrorIs(t, err, persistence.ErrCorrupt, "cut at %d", n)
	}
}

// frameEnds returns where the frame of each record ends, without padding, when each is
// a batch of its own.
func frameEnds(last uint64) (ends []int) {
	offset := journal.SegmentHeaderBytes
	for sequence := uint64(1); sequence <= last; sequence++ {
		end := offset + journal.FrameHeaderBytes + 4 + len(recordOf(sequence))
		ends = append(ends, end)
		offset = (end + 511) / 512 * 512
	}
	return ends
}

func TestSegmentsMissingDuplicatedOrSwapped(t *testing.T) {
	other := build(t, 90)
	for name, damage := range map[string]func(b built, first, second, last uint64){
		"first missing":  func(b built, first, _, _ uint64) { b.fs.RemoveFile(segmentPath(first)) },
		"middle missing": func(b built, _, second, _ uint64) { b.fs.RemoveFile(segmentPath(second)) },
		"last missing":   func(b built, _, _, last uint64) { b.fs.RemoveFile(segmentPath(last)) },
		"all missing": func(b built, _, _, _ uint64) {
			for _, first := range b.segments() {
				b.fs.RemoveFile(segmentPath(first))
			}
		},
		"duplicated": func(b built, first, _, _ uint64) {
			b.fs.WriteFile(segmentPath(first+1), b.fs.ReadFile(segmentPath(first)))
		},
		"duplicated after the last": func(b built, _, _, last uint64) {
			b.fs.WriteFile(segmentPath(last+1000), b.fs.ReadFile(segmentPath(last)))
		},
		"swapped": func(b built, first, second, _ uint64) {
			one, two := b.fs.ReadFile(segmentPath(first)), b.fs.ReadFile(segmentPath(second))
			b.fs.WriteFile(segmentPath(first), two)
			b.fs.WriteFile(segmentPath(second), one)
		},
		"of another journal": func(b built, _, second, _ uint64) {
			b.fs.WriteFile(segmentPath(second), other.fs.ReadFile(segmentPath(second)))
		},
		"last of another journal": func(b built, _, _, last uint64) {
			b.fs.WriteFile(segmentPath(last), other.fs.ReadFile(segmentPath(last)))
		},
		"all of another journal": func(b built, _, _, _ uint64) {
			for _, first := range b.segments() {
				b.fs.WriteFile(segmentPath(first), other.fs.ReadFile(segmentPath(first)))
			}
		},
		"badly named": func(b built, first, _, _ uint64) {
			b.fs.WriteFile(directory+"/copy.journal", b.fs.ReadFile(segmentPath(first)))
		},
		"header cut off": func(b built, _, second, _ uint64) {
			b.fs.WriteFile(segmentPath(second), b.fs.ReadFile(segmentPath(second))[:4000])
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, 90)
			firsts := b.segments()
			require.GreaterOrEqual(t, len(firsts), 3)
			require.Equal(t, firsts, other.segments())
			damage(b, firsts[0], firsts[1], firsts[len(firsts)-1])
			requireRefused(t, b.fs, persistence.Position{})
		})
	}
}

// An older copy of the last segment has valid batches only; the watermark knows more.
func TestOlderCopyOfTheLastSegmentIsRefused(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	appendDurably(t, j, l, 5)
	older := fs.ReadFile(segmentPath(1))
	appendDurably(t, j, l, 1)
	require.NoError(t, j.Close())
	fs.WriteFile(segmentPath(1), older)
	requireRefused(t, fs, persistence.Position{})
}

// A process that is killed leaves the watermark of all that it acknowledged.
// Catches: raising it only when the journal is closed.
func TestWatermarkOfAKilledProcessRefusesAnOlderCopy(t *testing.T) {
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	appendDurably(t, j, l, 5)
	older := fs.ReadFile(segmentPath(1))
	appendDurably(t, j, l, 1)
	killed := fs.Crash(crashfs.Kept, nil)
	killed.WriteFile(segmentPath(1), older)
	requireRefused(t, killed, persistence.Position{})
}

// Two copies of a directory went on separately, and a part of one got into the
// other. Its checksums, journal and sequences are right: the hash before it is not.
func TestPartOfAnotherHistoryIsRefused(t *testing.T) {
	common := build(t, 5)
	var copies [2]*crashfs.FS
	for i := range copies {
		copies[i] = common.fs.Clone()
		j := mustOpen(t, small(copies[i]))
		l := newLedger(common.last)
		for n := range 40 {
			record := modelEntry{entry{l}, append(bytes.Repeat([]byte{byte(i)}, 100), byte(n))}
			sequence, err := j.Append(record)
			for errors.Is(err, persistence.ErrJournalBusy) {
				sequence, err = j.Append(record)
			}
			require.NoError(t, err)
			require.NoError(t, j.WaitDurable(t.Context(), sequence))
		}
		require.NoError(t, j.Close())
		copies[i].RemoveFile(watermarkPath)
	}
	report, err := journal.Verify(copies[0], directory, persistence.Position{})
	require.NoError(t, err)
	require.Len(t, report.Segments, 2)
	last := filepath.Join(directory, report.Segments[1].Name)
	mine, other := copies[0].ReadFile(last), copies[1].ReadFile(last)
	require.Len(t, other, len(mine))

	t.Run("segment", func(t *testing.T) {
		fs := copies[0].Clone()
		fs.WriteFile(last, other)
		requireRefused(t, fs, persistence.Position{})
	})
	t.Run("batch", func(t *testing.T) {
		fs, used := copies[0].Clone(), report.Segments[1].UsedBytes
		copy(mine[used-512:used], other[used-512:used])
		fs.WriteFile(last, mine)
		requireRefused(t, fs, persistence.Position{})
	})
}

func TestDatabaseOfAnotherHistoryIsRefused(t *testing.T) {
	b := build(t, 90)
	middle := b.ends[len(b.ends)/2]
	changed := func(change func(*persistence.Position)) persistence.Position {
		position := middle
		change(&position)
		return position
	}
	for name, projected := range map[string]persistence.Position{
		"another journal":       changed(func(p *persistence.Position) { p.Journal = inventory.ID{1} }),
		"another hash":          changed(func(p *persistence.Position) { p.Hash[0] ^= 1 }),
		"beyond the end":        changed(func(p *persistence.Position) { p.Sequence = b.last + 1 }),
		"not the end of one":    changed(func(p *persistence.Position) { p.Sequence = insideOfBatch(t, b) }),
		"nothing of another":    {Journal: inventory.ID{1}},
		"beginning with a hash": {Journal: middle.Journal, Hash: middle.Hash},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, b.fs, projected)
			_, err := journal.Verify(b.fs, directory, projected)
			require.ErrorIs(t, err, persistence.ErrCorrupt)
		})
	}
	t.Run("no segments", func(t *testing.T) { requireRefused(t, crashfs.New(), middle) })
	for name, projected := range map[string]persistence.Position{
		"none": {}, "the beginning": {Journal: middle.Journal}, "middle": middle, "end": b.ends[len(b.ends)-1],
	} {
		t.Run(name+" is accepted", func(t *testing.T) {
			options := small(b.fs.Clone())
			options.Projected = projected
			requireContent(t, mustOpen(t, options), b.last)
		})
	}
}

// insideOfBatch returns a sequence that is not the last of its batch.
func insideOfBatch(t *testing.T, b built) uint64 {
	for at := 1; at < len(b.ends); at++ {
		if b.ends[at].Sequence > b.ends[at-1].Sequence+1 {
			return b.ends[at].Sequence - 1
		}
	}
	require.FailNow(t, "every batch has one record")
	return 0
}

// What a database holds must reach the first segment that was kept.
func TestGapBetweenDatabaseAndJournalIsRefused(t *testing.T) {
	b := build(t, 90)
	firsts := b.segments()
	b.fs.RemoveFile(segmentPath(firsts[0]))
	for _, end := range b.ends {
		if end.Sequence+1 < firsts[1] {
			requireRefused(t, b.fs, end)
			continue
		}
		options := small(b.fs.Clone())
		options.Projected = end
		assert.Equal(t, b.last, mustOpen(t, options).DurableSequence())
	}
}

// A damaged or missing watermark is lost evidence, and nothing else.
func TestDamagedWatermarkIsIgnored(t *testing.T) {
	for name, data := range map[string][]byte{"empty": {}, "noise": bytes.Repeat([]byte{9}, 64), "zeros": make([]byte, 64)} {
		t.Run(name, func(t *testing.T) {
			b := build(t, 12)
			b.fs.WriteFile(watermarkPath, data)
			j := mustOpen(t, small(b.fs))
			assert.False(t, j.Opening().Clean)
			requireContent(t, j, b.last)
			require.NoError(t, j.Close())
			assert.True(t, mustOpen(t, small(b.fs)).Opening().Clean)
		})
	}
}
