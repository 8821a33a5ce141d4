package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// entry is an event on its way into a journal.
type entry struct{ event inventory.Event }

func (e *entry) Encode(dst []byte, _ uint64) ([]byte, error) {
	return persistence.AppendEvent(dst, &e.event), nil
}

func (e *entry) Durable(uint64, error) {}

// oneOfEachKind is a history with every kind of event.
func oneOfEachKind() []inventory.Event {
	id := func(b byte) inventory.ID { return inventory.ID{0: 1, 6: 0x70, 8: 0x80, 15: b} }
	fingerprint := func(b byte) inventory.Fingerprint { return inventory.Fingerprint{0: b, 15: b} }
	at := inventory.Instant(1_790_000_000_123_456_789)
	placed := inventory.Event{Kind: inventory.OrderPlaced, At: at, By: id(1), Order: id(2), Customer: id(1),
		ExpiresAt: at + 600e9, Currency: inventory.Currency{'E', 'U', 'R'}, Key: fingerprint(3), Body: fingerprint(4),
		Lines: []inventory.Line{{ProductID: id(5), Quantity: 2, Price: 0, SKU: "FREE"}, {ProductID: id(6), Quantity: 1, Price: 799, SKU: "MUG"}}}
	lines := []inventory.Line{{ProductID: id(5), Quantity: 2}, {ProductID: id(6), Quantity: 1}}
	return []inventory.Event{
		{Kind: inventory.StockAdjusted, At: at, Key: fingerprint(7), Reason: "opening", Lines: []inventory.Line{{ProductID: id(5), Quantity: 9}}},
		{Kind: inventory.StockAdjusted, At: at, By: id(8), Key: fingerprint(9), Body: fingerprint(10), Reason: "damage",
			Note: "a \"crate\" fell\n<two> broken", Lines: []inventory.Line{{ProductID: id(5), Quantity: -2}}},
		placed,
		{Kind: inventory.OrderConfirmed, At: at + 1e9, By: id(1), Order: id(2), Customer: id(1), Lines: lines},
		{Kind: inventory.OrderCancelled, At: at + 2e9, By: id(8), Order: id(2), Customer: id(1), From: inventory.Confirmed, Lines: lines},
		{Kind: inventory.OrderExpired, At: at + 3e9, Order: id(11), Customer: id(1), Lines: lines},
	}
}

// writtenJournal is a data directory with a journal of these events.
func writtenJournal(t *testing.T, events []inventory.Event) string {
	t.Helper()
	data := freshDirectory(t)
	j, err := journal.Open(journal.Options{Directory: filepath.Join(data, "journal"), SegmentBytes: 1 << 20})
	require.NoError(t, err)
	for _, event := range events {
		_, err := j.Append(&entry{event})
		require.NoError(t, err)
	}
	require.NoError(t, j.Close())
	return data
}

// What is printed is read by programs: a change of it shows here.
func TestDumpIsGolden(t *testing.T) {
	const golden = "testdata/dump.jsonl"
	data := writtenJournal(t, oneOfEachKind())
	dumped := succeed(t, "journal", "dump", "--data-dir", data)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(dumped), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), dumped)
	assert.NoFileExists(t, filepath.Join(data, "holdfast.db"), "a dump needs no database and makes none")
}

func TestDumpOfARange(t *testing.T) {
	data := writtenJournal(t, oneOfEachKind())
	all := strings.SplitAfter(succeed(t, "journal", "dump", "--data-dir", data), "\n")[:6]
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"1", "0", all}, {"2", "3", all[1:3]}, {"6", "6", all[5:]}, {"5", "100", all[4:]}, {"7", "0", nil}, {"0", "1", all[:1]},
	} {
		dumped := succeed(t, "journal", "dump", "--from", c.from, "--to", c.to, "--data-dir", data)
		assert.Equal(t, strings.Join(c.want, ""), dumped, "%s to %s", c.from, c.to)
	}
}

// The records before the damage are printed; the torn end of a crash is no damage.
func TestDumpOfADamagedJournal(t *testing.T) {
	data := usedDirectory(t)
	all := succeed(t, "journal", "dump", "--data-dir", data)
	require.Equal(t, 4, strings.Count(all, "\n"))
	used := reported(t, data).Segments[0].UsedBytes
	edit(t, data, func(segment []byte) []byte {
		copy(segment[used:], "torn")
		return segment
	})
	assert.Equal(t, all, succeed(t, "journal", "dump", "--data-dir", data))
	edit(t, data, func(segment []byte) []byte {
		segment[used-1-int64(trailingZeros(segment[:used]))] ^= 1
		return segment
	})
	o := run(t, "journal", "dump", "--data-dir", data)
	assert.Equal(t, exitCorrupt, o.code)
	assert.Contains(t, o.stderr, "sequence 4")
	assert.True(t, o.stdout != "" && strings.HasPrefix(all, o.stdout), o.stdout)
	assert.Equal(t, 3, strings.Count(o.stdout, "\n"))
}

func trailingZeros(data []byte) int { return len(data) - len(strings.TrimRight(string(data), "\x00")) }

// "journal dump | head -1" ends like every other program: at once and silently.
func TestDumpIntoAClosedPipe(t *testing.T) {
	data := writtenJournal(t, oneOfEachKind())
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	dump := binaryCommand(t, "journal", "dump", "--data-dir", data)
	errorLog := newLiveLog()
	dump.Stdout, dump.Stderr = writer, errorLog
	require.Error(t, dump.Run())
	require.NoError(t, writer.Close())
	status := dump.ProcessState.Sys().(syscall.WaitStatus)
	assert.True(t, status.Signaled() && status.Signal() == syscall.SIGPIPE, "%s", dump.ProcessState)
	assert.Empty(t, errorLog.String())
	succeed(t, "journal", "verify", "--data-dir", data)
}

// fullDisk takes nothing.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// What could not be printed is no success.
func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	data := writtenJournal(t, oneOfEachKind())
	for _, arguments := range [][]string{
		{"journal", "dump"}, {"journal", "verify"}, {"journal", "verify", "--json"},
		{"config", "print"}, {"version"}, {"version", "--json"}, {"apikey", "create", "--name", "a", "--role", "admin"},
	} {
		if arguments[0] == "apikey" {
			data = freshDirectory(t) // with a journal, the database would be missing
		}
		errorLog := newLiveLog()
		p := &program{stdin: strings.NewReader(""), stdout: io.Writer(fullDisk{}), stderr: errorLog, clock: clock.NewSystem()}
		code := p.run(t.Context(), append(arguments, "--data-dir", data))
		assert.Equal(t, exitError, code, arguments)
		assert.Contains(t, errorLog.String(), errFull.Error(), arguments)
	}
}
