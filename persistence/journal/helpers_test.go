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

var (
	watermarkPath = filepath.Join(directory, journal.WatermarkName)
	reservePath   = filepath.Join(directory, journal.ReserveName)
	recoveryPath  = filepath.Join(directory, journal.RecoveryName)
)

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
	durable uint64
	failed  []uint64
	broken  string
}

// newLedger expects sequences after base.
func newLedger(base uint64) *ledger { return &ledger{durable: base} }

// begin sets what is durable before anything is told.
func (l *ledger) begin(base uint64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.durable = base
}

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
// The same number of records gives the same batches, whenever the writer runs.
func build(t testing.TB, records int) built {
	t.Helper()
	b := built{fs: crashfs.New(), last: uint64(records)}
	options := small(b.fs)
	writer := holdWriter(&options)
	j := mustOpen(t, options)
	t.Cleanup(writer.letGo)
	l, random := newLedger(0), rand.New(rand.NewPCG(1, 1))
	var planned, made []uint64
	// The first batch is of one record: until then nothing holds the writer.
	for done, n := 0, 1; done < records; n = min(1+random.IntN(4), records-done) {
		appendHeld(t, j, l, n)
		writer.turn(t)
		done += n
		planned = append(planned, uint64(done))
	}
	writer.letGo()
	b.ends = contentOf(t, j, persistence.Position{})
	for _, end := range b.ends {
		made = append(made, end.Sequence)
	}
	require.Equal(t, planned, made, "the writer made other batches")
	b.lastBytes = lastBatchBytes(t, j, b.ends)
	require.NoError(t, j.Close())
	return b
}

func lastBatchBytes(t testing.TB, j *journal.Journal, ends []persistence.Position) int64 {
	t.Helper()
	reader, err := j.ReadFrom(ends[len(ends)-2])
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	batch, err := reader.Next(t.Context())
	require.NoError(t, err)
	return batch.Bytes
}

// appendHeld appends n records while the writer is held. The preparer is not, so a
// journal that is busy has room soon.
func appendHeld(t testing.TB, j *journal.Journal, l *ledger, n int) {
	t.Helper()
	for range n {
		_, err := j.Append(entry{l})
		for errors.Is(err, persistence.ErrJournalBusy) {
			runtime.Gosched()
			_, err = j.Append(entry{l})
		}
		require.NoError(t, err)
	}
}

// heldWriter stops the writer after every batch, so that what a test appends then
// is the next batch as a whole.
type heldWriter struct {
	over, goOn, free chan struct{}
	held             bool
	letGo            func()
}

// holdWriter holds the writer of the journal that will be opened with the options.
func holdWriter(options *journal.Options) *heldWriter {
	w := &heldWriter{over: make(chan struct{}), goOn: make(chan struct{}), free: make(chan struct{})}
	w.letGo = sync.OnceFunc(func() { close(w.free) })
	options.Published = func(uint64) {
		select {
		case w.over <- struct{}{}:
		case <-w.free:
			return
		}
		select {
		case <-w.goOn:
		case <-w.free:
		}
	}
	return w
}

// turn lets the writer make one batch of what was appended, and holds it again.
func (w *heldWriter) turn(t testing.TB) {
	t.Helper()
	if w.held {
		w.goOn <- struct{}{}
	}
	receive(t, w.over, "the end of a batch")
	w.held = true
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

// hastyClock makes every wait a thousand times shorter.
type hastyClock struct{}

func (hastyClock) Now() inventory.Instant { return inventory.Instant(time.Now().UnixNano()) }

func (hastyClock) AfterFunc(d time.Duration, run func()) clock.Timer {
	return time.AfterFunc(d/1000, run)
}

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
