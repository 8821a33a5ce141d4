package journal_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
	"holdfast/persistence/journal/crashfs"
)

// directory is where the tests keep a journal in a crashfs.
const directory = "/data"

// deadline bounds what a test waits for. Reaching it is a failure.
const deadline = 20 * time.Second

func segmentPath(first uint64) string { return filepath.Join(directory, journal.SegmentName(first)) }

var watermarkPath = filepath.Join(directory, journal.WatermarkName)

// small are options with tiny segments.
func small(fs journal.FS) journal.Options {
	return journal.Options{
		Directory: directory, FS: fs, Clock: hastyClock{}, Log: slog.New(slog.DiscardHandler),
		SegmentBytes: 16 << 10, RecordBytesMax: 1000,
	}
}

// mustOpen opens a journal that is closed with the test.
func mustOpen(t testing.TB, options journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// recordOf is the record with that sequence in every test: its content and size
// follow from the sequence.
func recordOf(sequence uint64) []byte {
	random := rand.New(rand.NewPCG(sequence, 7))
	size := 8 + random.IntN(300)
	if sequence%5 == 0 {
		size += 600
	}
	record := make([]byte, size)
	binary.LittleEndian.PutUint64(record, sequence)
	for i := 8; i < len(record); i++ {
		record[i] = byte(random.Uint32())
	}
	return record
}

// ledger hears what becomes of records, and holds against the contract.
type ledger struct {
	mutex   sync.Mutex
	base    uint64
	durable uint64
	failed  []uint64
	broken  string
}

// newLedger expects sequences after base.
func newLedger(base uint64) *ledger { return &ledger{base: base, durable: base} }

// entry is one record of a ledger.
type entry struct{ ledger *ledger }

// Encode implements persistence.Entry.
func (e entry) Encode(dst []byte, sequence uint64) ([]byte, error) {
	return append(dst, recordOf(sequence)...), nil
}

// Durable implements persistence.Entry.
func (e entry) Durable(sequence uint64, err error) {
	l := e.ledger
	l.mutex.Lock()
	defer l.mutex.Unlock()
	switch expected := l.durable + uint64(len(l.failed)) + 1; {
	case sequence != expected:
		l.broken = fmt.Sprintf("record %d was told, expected was %d", sequence, expected)
	case err != nil:
		l.failed = append(l.failed, sequence)
	case len(l.failed) > 0:
		l.broken = fmt.Sprintf("record %d was told durable after a failure", sequence)
	default:
		l.durable = sequence
	}
}

// told returns the last sequence that was told durable, how many records failed, and
// what was wrong.
func (l *ledger) told() (durable uint64, failed int, broken string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.durable, len(l.failed), l.broken
}

// appendRecords appends n records and returns the last sequence. It tries again
// while the journal is busy.
func appendRecords(t testing.TB, j *journal.Journal, l *ledger, n int) (last uint64) {
	t.Helper()
	for range n {
		sequence, err := j.Append(entry{l})
		for errors.Is(err, persistence.ErrJournalBusy) {
			require.NoError(t, j.WaitDurable(t.Context(), last))
			runtime.Gosched()
			sequence, err = j.Append(entry{l})
		}
		require.NoError(t, err)
		last = sequence
	}
	return last
}

// appendDurably appends n records, each in a batch of its own.
func appendDurably(t testing.TB, j *journal.Journal, l *ledger, n int) (last uint64) {
	t.Helper()
	for range n {
		last = appendRecords(t, j, l, 1)
		require.NoError(t, j.WaitDurable(t.Context(), last))
	}
	return last
}

// contentOf reads all durable batches after the position.
func contentOf(t testing.TB, j *journal.Journal, from persistence.Position) (ends []persistence.Position) {
	t.Helper()
	reader, err := j.ReadFrom(from)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	next := from.Sequence + 1
	for {
		batch, ok, err := reader.TryNext()
		require.NoError(t, err)
		if !ok {
			return ends
		}
		require.Equal(t, next, batch.First)
		for _, record := range batch.Records {
			require.Equal(t, recordOf(next), record, "record %d", next)
			next++
		}
		require.Equal(t, next-1, batch.End.Sequence)
		ends = append(ends, batch.End)
	}
}

// requireContent requires that a journal which begins at 1 holds exactly the records
// up to last.
func requireContent(t testing.TB, j *journal.Journal, last uint64) {
	t.Helper()
	require.Equal(t, last, j.DurableSequence())
	end := persistence.Position{}
	if ends := contentOf(t, j, end); len(ends) > 0 {
		end = ends[len(ends)-1]
	}
	require.Equal(t, last, end.Sequence)
}

// built is a closed journal in memory.
type built struct {
	fs   *crashfs.FS
	last uint64
	ends []persistence.Position
	// lastBytes is the size of the last batch in its file.
	lastBytes int64
}

// build makes a journal with single and several records in a batch, and closes it.
func build(t testing.TB, records int) built {
	t.Helper()
	fs := crashfs.New()
	j := mustOpen(t, small(fs))
	l := newLedger(0)
	random := rand.New(rand.NewPCG(1, 1))
	for done := 0; done < records; {
		n := min(1+random.IntN(4), records-done)
		require.NoError(t, j.WaitDurable(t.Context(), appendRecords(t, j, l, n)))
		done += n
	}
	b := built{fs: fs, last: uint64(records), ends: contentOf(t, j, persistence.Position{})}
	reader, err := j.ReadFrom(b.ends[len(b.ends)-2])
	require.NoError(t, err)
	batch, err := reader.Next(t.Context())
	require.NoError(t, err)
	b.lastBytes = batch.Bytes
	require.NoError(t, reader.Close())
	require.NoError(t, j.Close())
	return b
}

// segments returns the first sequences of the segments.
func (b built) segments() (firsts []uint64) {
	for _, name := range b.fs.Names() {
		var first uint64
		if n, _ := fmt.Sscanf(filepath.Base(name), "%020d.journal", &first); n == 1 {
			firsts = append(firsts, first)
		}
	}
	return firsts
}

// hastyClock does not let anybody wait.
type hastyClock struct{}

func (hastyClock) Now() inventory.Instant { return inventory.Instant(time.Now().UnixNano()) }

func (hastyClock) AfterFunc(_ time.Duration, run func()) clock.Timer { return time.AfterFunc(0, run) }

// manualClock stands still and hands its timers to the test.
type manualClock struct {
	// armed gets the function of every timer.
	armed chan func()
}

func (manualClock) Now() inventory.Instant { return inventory.Second }

func (c manualClock) AfterFunc(_ time.Duration, run func()) clock.Timer {
	c.armed <- run
	return stoppedTimer{}
}

type stoppedTimer struct{}

func (stoppedTimer) Stop() bool               { return false }
func (stoppedTimer) Reset(time.Duration) bool { return false }

// receive waits for a value.
func receive[T any](t testing.TB, values <-chan T, what string) (value T) {
	t.Helper()
	select {
	case value = <-values:
	case <-time.After(deadline):
		require.FailNow(t, "nothing came", what)
	}
	return value
}

// faults is a hook that can be changed while the file system is used.
type faults struct {
	current atomic.Pointer[func(crashfs.Operation) crashfs.Fault]
}

// on makes fs ask f, which lets everything be until set.
func (f *faults) on(fs *crashfs.FS) {
	fs.Hook = func(operation crashfs.Operation) crashfs.Fault {
		if hook := f.current.Load(); hook != nil {
			return (*hook)(operation)
		}
		return crashfs.Fault{}
	}
}

func (f *faults) set(hook func(crashfs.Operation) crashfs.Fault) { f.current.Store(&hook) }
