package password

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Work()
	goleak.VerifyTestMain(m)
}

func newWorkers(t *testing.T, parallel int) *Hasher {
	h := NewWorkerHasher(parallel)
	t.Cleanup(h.Close)
	return h
}

// onlyWorker is the process of a hasher that has one, and nothing to do.
func onlyWorker(t *testing.T, h *Hasher) *worker {
	turn := <-h.idle
	h.idle <- turn
	w, is := turn.(*worker)
	require.True(t, is)
	return w
}

// What a server hashes is good for a command line that hashes by itself, and the reverse.
func TestAProcessHashesAsThisOneDoes(t *testing.T) {
	here, there := NewHasher(1), newWorkers(t, 1)
	const secret = "zw\u00f6lf \"Lobster\" \\ \u00fcben"
	for _, pair := range [][2]*Hasher{{here, there}, {there, here}, {there, there}} {
		phc, err := pair[0].Hash(context.Background(), secret)
		require.NoError(t, err)
		for candidate, want := range map[string]bool{secret: true, secret + " ": false, "": false, "\xff\xfe": false} {
			got, err := pair[1].Verify(context.Background(), candidate, phc)
			require.NoError(t, err)
			require.Equal(t, want, got, "%q", candidate)
		}
	}
	got, err := there.Verify(context.Background(), "", "")
	require.NoError(t, err)
	require.False(t, got, "an account without a password")
	_, err = there.Verify(context.Background(), "anything", "no hash")
	require.ErrorIs(t, err, ErrHash)
}

func TestAProcessThatDiedIsReplaced(t *testing.T) {
	h := newWorkers(t, 1)
	phc, err := h.Hash(context.Background(), "seventeen lobsters")
	require.NoError(t, err)
	first := onlyWorker(t, h).command.Process
	require.NoError(t, first.Kill())
	got, err := h.Verify(context.Background(), "seventeen lobsters", phc)
	require.NoError(t, err)
	require.True(t, got)
	require.NotEqual(t, first.Pid, onlyWorker(t, h).command.Process.Pid)
}

// policyField is the number of the field of /proc/pid/stat, from 1, that has the policy of the
// scheduler; two come before the end of the name.
const policyField = 41

func TestAProcessGivesWayAndKnowsNoSecrets(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://user:password@host/database")
	h := newWorkers(t, 1)
	_, err := h.Hash(context.Background(), "seventeen lobsters")
	require.NoError(t, err)
	process := filepath.Join("/proc", strconv.Itoa(onlyWorker(t, h).command.Process.Pid))

	environment, err := os.ReadFile(filepath.Join(process, "environ"))
	require.NoError(t, err)
	require.Empty(t, environment)
	threads, err := filepath.Glob(filepath.Join(process, "task", "*", "stat"))
	require.NoError(t, err)
	require.Greater(t, len(threads), 1)
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		require.NoError(t, err)
		_, fields, found := strings.Cut(string(stat), ") ") // the name of the thread may have spaces
		require.True(t, found)
		require.Equal(t, strconv.Itoa(unix.SCHED_IDLE), strings.Fields(fields)[policyField-3], "a thread of the process")
	}
	own, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	_, fields, _ := strings.Cut(string(own), ") ")
	require.Equal(t, strconv.Itoa(unix.SCHED_NORMAL), strings.Fields(fields)[policyField-3], "this process")
}

// Each thread that starts a process is an idle one, and none may go on to sell.
func TestProcessesWorkSideBySideAndEndWithTheHasher(t *testing.T) {
	h := NewWorkerHasher(3)
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			phc, err := h.Hash(context.Background(), "seventeen lobsters")
			if !assert.NoError(t, err) {
				return
			}
			got, err := h.Verify(context.Background(), "seventeen lobsters", phc)
			assert.NoError(t, err)
			assert.True(t, got)
		})
	}
	group.Wait()
	require.Len(t, h.idle, 3)
	busy := (<-h.idle).(*worker)
	_, err := busy.derive("seventeen lobsters", fresh())
	require.NoError(t, err)
	pid := busy.command.Process.Pid
	h.Close()
	require.Empty(t, h.idle)
	require.DirExists(t, filepath.Join("/proc", strconv.Itoa(pid)), "it may finish")
	h.leave(busy)
	require.Empty(t, h.idle, "and ends when it comes back")
	require.NoDirExists(t, filepath.Join("/proc", strconv.Itoa(pid)))
}

func TestAProcessEndsWithWhoAsksIt(t *testing.T) {
	reader, writer := newPipes(t)
	require.NoError(t, writer.Close())
	require.NoError(t, work(reader, nil))
	require.ErrorContains(t, work(strings.NewReader("{nonsense"), nil), "read what to hash")
}

func newPipes(t *testing.T) (reader, writer *os.File) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	return reader, writer
}
