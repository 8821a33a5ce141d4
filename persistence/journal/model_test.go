package journal_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// The journal against a model that is a list of records: any sequence of appending,
// one by one and together, waiting, reading, releasing, closing, killing and losing power.
func TestJournalAgreesWithItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{fs: crashfs.New()}
		m.open(t)
		defer func() { _ = m.journal.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append": m.append, "append together": m.appendTogether, "wait": m.wait, "read": m.read, "release": m.release,
			"close and open": m.reopen, "crash": m.crash, "": m.check,
		})
	})
}

type model struct {
	fs      *crashfs.FS
	journal *journal.Journal
	ledger  *ledger
	// records are those appended, from sequence 1 on; ends are the positions read so
	// far, of which projected is one.
	records [][]byte
	// together are the first and last sequences of those that belong together.
	together  [][2]uint64
	ends      []persistence.Position
	projected persistence.Position
}

func (m *model) open(t *rapid.T) {
	options := journal.Options{
		Directory: directory, FS: m.fs, Clock: hastyClock{}, Log: slog.New(slog.DiscardHandler), RecordBytesMax: 1000,
		SegmentBytes: rapid.SampledFrom([]int64{8 << 10, 16 << 10, 64 << 10}).Draw(t, "segment bytes"),
		RetainBytes:  rapid.SampledFrom([]int64{0, 1, 20 << 10}).Draw(t, "retained bytes"), Projected: m.projected,
	}
	var err error
	m.journal, err = journal.Open(options)
	require.NoError(t, err)
	m.ledger = newLedger(m.journal.DurableSequence())
}

func (m *model) append(t *rapid.T) {
	for range rapid.IntRange(1, 30).Draw(t, "records") {
		record := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "record")
		e := modelEntry{entry{m.ledger}, record}
		sequence, err := m.journal.Append(e)
		for errors.Is(err, persistence.ErrJournalBusy) {
			runtime.Gosched()
			sequence, err = m.journal.Append(e)
		}
		require.NoError(t, err)
		m.records = append(m.records, record)
		require.Equal(t, uint64(len(m.records)), sequence)
	}
}

// appendTogether appends records that no crash may part.
func (m *model) appendTogether(t *rapid.T) {
	var entries []persistence.Entry
	for range rapid.IntRange(2, 3).Draw(t, "records") {
		record := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "record")
		entries = append(entries, modelEntry{entry{m.ledger}, record})
		m.records = append(m.records, record)
	}
	last, err := m.journal.AppendTogether(entries)
	for errors.Is(err, persistence.ErrJournalBusy) {
		runtime.Gosched()
		last, err = m.journal.AppendTogether(entries)
	}
	require.NoError(t, err)
	require.Equal(t, uint64(len(m.records)), last)
	m.together = append(m.together, [2]uint64{last - uint64(len(entries)) + 1, last})
}

type modelEntry struct {
	entry
	record []byte
}

func (e modelEntry) Encode(dst []byte, _ uint64) ([]byte, error) {
	return append(dst, e.record...), nil
}

func (m *model) wait(t *rapid.T) {
	require.NoError(t, m.journal.WaitDurable(t.Context(), uint64(len(m.records))))
}

// read reads everything after the projected position, or one of the positions that
// were read after it.
func (m *model) read(t *rapid.T) {
	from := m.projected
	for _, end := range m.ends {
		if end.Sequence > from.Sequence && rapid.Bool().Draw(t, "from there") {
			from = end
			break
		}
	}
	reader, err := m.journal.ReadFrom(from)
	require.NoError(t, err)
	defer reader.Close()
	next := from.Sequence
	for {
		batch, ok, err := reader.TryNext()
		require.NoError(t, err)
		if !ok {
			return
		}
		require.Equal(t, next+1, batch.First)
		for _, record := range batch.Records {
			require.Equal(t, string(m.records[next]), string(record))
			next++
		}
		if n := len(m.ends); n == 0 || batch.End.Sequence > m.ends[n-1].Sequence {
			m.ends = append(m.ends, batch.End)
		}
	}
}

func (m *model) release(t *rapid.T) {
	if len(m.ends) == 0 {
		return
	}
	end := rapid.SampledFrom(m.ends).Draw(t, "position")
	if end.Sequence > m.projected.Sequence {
		m.projected = end
	}
	require.NoError(t, m.journal.Release(m.projected.Sequence))
}

func (m *model) reopen(t *rapid.T) {
	require.NoError(t, m.journal.Close())
	durable, _, _ := m.ledger.told()
	require.Equal(t, uint64(len(m.records)), durable)
	m.open(t)
	require.Equal(t, durable, m.journal.DurableSequence())
}

func (m *model) crash(t *rapid.T) {
	mode := crashfs.Mode(rapid.IntRange(0, int(crashfs.Modes)-1).Draw(t, "mode"))
	acknowledged, _, _ := m.ledger.told()
	after := m.fs.Crash(mode, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
	require.NoError(t, m.journal.Close())
	m.fs = after
	m.open(t)
	found := m.journal.DurableSequence()
	require.GreaterOrEqual(t, found, acknowledged)
	require.LessOrEqual(t, found, uint64(len(m.records)))
	m.records = m.records[:found]
	for _, group := range m.together {
		require.False(t, group[0] <= found && found < group[1], "records %d to %d were parted: %d is the last", group[0], group[1], found)
	}
	m.together = slices.DeleteFunc(m.together, func(group [2]uint64) bool { return group[1] > found })
}

func (m *model) check(t *rapid.T) {
	published := m.journal.DurableSequence()
	durable, failed, broken := m.ledger.told()
	require.Empty(t, broken)
	require.Zero(t, failed)
	require.GreaterOrEqual(t, durable, published)
	require.LessOrEqual(t, durable, uint64(len(m.records)))
}
