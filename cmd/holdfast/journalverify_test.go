package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const firstSegment = "00000000000000000001.journal"

// usedDirectory is a data directory in which a server sold something and was
// stopped in order.
func usedDirectory(t *testing.T) string {
	t.Helper()
	data := freshDirectory(t)
	customer, key := seed(t, data, 1)[0].AccessToken, createKey(t, data, "stocker", "admin")
	s := serve(t, data)
	s.stockThree(key)
	require.Equal(t, 201, s.order(customer).status)
	s.stop(t)
	return data
}

// stockThree makes three products, so that the journal has three receipts.
func (s site) stockThree(key string) {
	s.t.Helper()
	for _, sku := range []string{"LANTERN-RED", "KETTLE-STEEL", "MUG-ENAMEL"} {
		require.Equal(s.t, 201, s.post("/api/products", key, someProduct(sku)).status)
	}
}

// verify runs "journal verify" and expects that it changes nothing.
func verify(t *testing.T, data string, arguments ...string) outcome {
	t.Helper()
	before := journalFiles(t, data)
	o := run(t, append([]string{"journal", "verify", "--data-dir", data}, arguments...)...)
	assert.Equal(t, before, journalFiles(t, data), "a look changed the journal")
	return o
}

func journalFiles(t *testing.T, data string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(data, "journal", "*"))
	require.NoError(t, err)
	files := make(map[string]string, len(paths))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		files[filepath.Base(path)] = string(content)
	}
	return files
}

// reported is what "journal verify --json" says.
func reported(t *testing.T, data string) reportJSON {
	t.Helper()
	o := verify(t, data, "--json")
	require.Equal(t, exitOK, o.code, o.stderr)
	var report reportJSON
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &report))
	return report
}

// edit changes the bytes of the journal's first segment.
func edit(t *testing.T, data string, change func(segment []byte) []byte) {
	t.Helper()
	path := filepath.Join(data, "journal", firstSegment)
	segment, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, change(segment), 0o600))
}

func TestVerifyOfAnIntactJournal(t *testing.T) {
	data := usedDirectory(t)
	report := reported(t, data)
	assert.True(t, report.ClosedInOrder)
	assert.Zero(t, report.TornBytes)
	assert.Equal(t, uint64(1), report.FirstSequence)
	assert.Equal(t, uint64(4), report.LastSequence, "three openings and an order")
	assert.Equal(t, int64(4), report.Records)
	require.Len(t, report.Segments, 1)
	assert.Equal(t, segmentJSON{Name: firstSegment, FirstSequence: 1, LastSequence: 4,
		UsedBytes: report.Segments[0].UsedBytes, Bytes: 1 << 20}, report.Segments[0])
	o := verify(t, data)
	assert.Equal(t, exitOK, o.code)
	assert.Empty(t, o.stderr)
	assert.Contains(t, o.stdout, report.Journal)
	assert.Contains(t, o.stdout, "4 in ")
	assert.Regexp(t, `closed in order +yes\n`, o.stdout)
	assert.Contains(t, o.stdout, firstSegment)
}

func TestVerifyAfterAKill(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "stocker", "admin")
	p, s := launchServer(t, data)
	s.stockThree(key)
	p.signal(t, syscall.SIGKILL)
	p.wait(t)
	report := reported(t, data)
	assert.False(t, report.ClosedInOrder)
	assert.Equal(t, int64(3), report.Records)
	assert.Regexp(t, `closed in order +no`, verify(t, data).stdout)
}

// A torn tail is what a crash may leave: it is told, and the next start drops it.
func TestVerifyOfATornTail(t *testing.T) {
	data := usedDirectory(t)
	used := reported(t, data).Segments[0].UsedBytes
	edit(t, data, func(segment []byte) []byte {
		copy(segment[used:], bytes.Repeat([]byte("torn"), 25))
		return segment
	})
	report := reported(t, data)
	assert.Equal(t, int64(100), report.TornBytes)
	assert.Equal(t, int64(4), report.Records)
	assert.Regexp(t, `torn tail +100 bytes`, verify(t, data).stdout)
	s := serve(t, data)
	assert.Len(t, s.skus(), 3)
	s.stop(t)
	assert.Zero(t, reported(t, data).TornBytes)
}

// Bytes that were changed after they were written end with 78, with their place;
// and a server does not start over them.
func TestDamageIsRefusedWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		change func(segment []byte) []byte
		says   []string
	}{
		"a bit of the first batch": {func(segment []byte) []byte {
			segment[journalSectorBytes+70] ^= 4
			return segment
		}, []string{"segment " + firstSegment + ", offset 4096, sequence 1"}},
		"a bit of the last batch": {func(segment []byte) []byte {
			segment[len(bytes.TrimRight(segment, "\x00"))-1] ^= 1
			return segment
		}, []string{"segment " + firstSegment + ", offset ", ", sequence 4"}},
		"a bit of the header": {func(segment []byte) []byte {
			segment[20] ^= 1
			return segment
		}, []string{"segment " + firstSegment + ", offset 0", "the header of the segment is damaged"}},
		"a short file": {func(segment []byte) []byte { return segment[:journalSectorBytes] },
			[]string{"offset 4096, sequence 1", "holds records up to 4"}},
		"an empty file": {func([]byte) []byte { return nil }, []string{"0 bytes are left of the file"}},
		"zeros": {func(segment []byte) []byte {
			clear(segment[journalSectorBytes:])
			return segment
		}, []string{"the history ends here", "holds records up to 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			data := usedDirectory(t)
			edit(t, data, c.change)
			before := journalFiles(t, data)
			for _, o := range []outcome{
				verify(t, data), verify(t, data, "--json"), verify(t, data, "--journal-only"),
				run(t, "journal", "dump", "--data-dir", data), run(t, serveArguments(data)...),
			} {
				assert.Equal(t, exitCorrupt, o.code)
				for _, says := range c.says {
					assert.Contains(t, o.stderr, says)
				}
			}
			assert.Equal(t, before, journalFiles(t, data), "the evidence was changed")
		})
	}
}

// What was verified before the damage is printed all the same.
func TestVerifyPrintsWhatItVerified(t *testing.T) {
	data := usedDirectory(t)
	edit(t, data, func(segment []byte) []byte {
		segment[len(bytes.TrimRight(segment, "\x00"))-1] ^= 1
		return segment
	})
	o := verify(t, data)
	assert.Equal(t, exitCorrupt, o.code)
	assert.Contains(t, o.stdout, "from 1 to 3")
}

// Before a server has run there is nothing to verify; a folder that is none of ours
// is left as it is.
func TestVerifyWithoutAJournal(t *testing.T) {
	for _, data := range []string{t.TempDir(), freshDirectory(t)} {
		for _, command := range []string{"verify", "dump"} {
			o := run(t, "journal", command, "--data-dir", data)
			assert.Equal(t, exitError, o.code)
			assert.Contains(t, o.stderr, data+" has neither a journal nor a database")
			entries, _ := os.ReadDir(data)
			assert.Empty(t, entries)
		}
	}
	data := freshDirectory(t)
	createKey(t, data, "a", "admin")
	assert.Equal(t, outcome{stdout: "There is no journal: the first start of the server makes it.\n"}, verify(t, data))
	report := reported(t, data)
	assert.Zero(t, report.Records)
	assert.Empty(t, report.Segments)
}

// A journal that the database does not know is refused, unless nobody asks for it.
func TestVerifyComparesWithTheDatabase(t *testing.T) {
	data, other := usedDirectory(t), usedDirectory(t)
	lost := usedDirectory(t)
	require.NoError(t, os.RemoveAll(filepath.Join(data, "journal")))
	require.NoError(t, os.Rename(filepath.Join(other, "journal"), filepath.Join(data, "journal")))
	require.NoError(t, os.RemoveAll(filepath.Join(lost, "journal")))
	for _, data := range []string{data, lost} {
		o := verify(t, data)
		assert.Equal(t, exitCorrupt, o.code)
		assert.Contains(t, o.stderr, "the database holds")
		o = verify(t, data, "--journal-only")
		assert.Equal(t, exitOK, o.code, o.stderr)
		assert.Equal(t, exitCorrupt, run(t, serveArguments(data)...).code)
	}
}

func TestADamagedDatabaseIsRefused(t *testing.T) {
	data := usedDirectory(t)
	require.NoError(t, os.WriteFile(filepath.Join(data, "holdfast.db"), []byte(strings.Repeat("no database ", 1000)), 0o600))
	for _, o := range []outcome{
		run(t, serveArguments(data)...), verify(t, data),
		run(t, "apikey", "create", "--name", "a", "--role", "admin", "--data-dir", data),
	} {
		assert.Equal(t, exitCorrupt, o.code)
		assert.Contains(t, o.stderr, filepath.Join(data, "holdfast.db"))
		assert.Empty(t, o.stdout)
	}
}
