package password

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The fields of /proc/pid/stat, from 1, that have the niceness and the policy; two come
// before the end of the name.
const (
	niceField   = 19
	policyField = 41
)

// manners are niceness and policy of the threads of a process.
func manners(t *testing.T, pid int) (found [][2]int) {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	require.NoError(t, err)
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended since
		}
		_, text, is := strings.Cut(string(stat), ") ") // the name may have spaces
		require.True(t, is)
		fields := strings.Fields(text)
		niceness, err := strconv.Atoi(fields[niceField-3])
		require.NoError(t, err)
		policy, err := strconv.Atoi(fields[policyField-3])
		require.NoError(t, err)
		found = append(found, [2]int{niceness, policy})
	}
	require.NotEmpty(t, found)
	return found
}

func TestAProcessGivesWayAndKnowsNoSecrets(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://user:password@host/database")
	before := manners(t, os.Getpid())[0]
	h := newWorkers(t, 1)
	onlyWorker(t, h).patience = workMax // however busy this machine is
	_, err := h.Hash(context.Background(), "seventeen lobsters")
	require.NoError(t, err)
	pid := onlyWorker(t, h).command.Process.Pid

	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	require.NoError(t, err)
	require.Empty(t, environment)
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	require.NoError(t, err)
	require.Equal(t, workerName+"\n", string(name))
	threads := manners(t, pid)
	require.Greater(t, len(threads), 1)
	for _, thread := range threads {
		require.Equal(t, unix.SCHED_IDLE, thread[1], "of the process")
	}
	for _, thread := range manners(t, os.Getpid()) {
		require.Equal(t, before, thread, "of this process")
	}
}

// A service manager tells the whole group to end: whoever is logging in is answered first.
func TestAProcessEndsWithItsServerOnly(t *testing.T) {
	w := &worker{patience: workMax}
	defer w.close()
	_, err := w.derive("seventeen lobsters", fresh())
	require.NoError(t, err)
	process := w.command.Process
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		require.NoError(t, process.Signal(signal))
		_, err = w.derive("seventeen lobsters", fresh())
		require.NoError(t, err)
		require.Equal(t, process.Pid, w.command.Process.Pid, signal)
	}
	require.NoError(t, w.stdin.Close())
	require.NoError(t, w.command.Wait(), "it ends when nobody can ask it any more")
	w.command = nil
}

// Where all processors are busy an idle process gets none, and people can log in all the same.
func TestAProcessThatGetsNoProcessorIsReplacedByANiceOne(t *testing.T) {
	before := manners(t, os.Getpid())[0]
	w := &worker{patience: 50 * time.Millisecond}
	defer w.close()
	require.NoError(t, w.start(idle))
	starved := w.command.Process
	require.NoError(t, starved.Signal(syscall.SIGSTOP))
	for range hashesNice {
		_, err := w.derive("seventeen lobsters", quick())
		require.NoError(t, err)
		require.NotEqual(t, starved.Pid, w.command.Process.Pid)
		require.Equal(t, [2]int{min(before[0]+niceness, nicenessMax), unix.SCHED_NORMAL}, manners(t, w.command.Process.Pid)[0])
	}
	w.patience = workMax
	_, err := w.derive("seventeen lobsters", quick())
	require.NoError(t, err)
	require.Equal(t, unix.SCHED_IDLE, manners(t, w.command.Process.Pid)[0][1], "a while later")
}

func TestAProcessThatHangsIsReplaced(t *testing.T) {
	w := &worker{}
	defer w.close()
	q := question{Salt: make([]byte, saltBytes), Time: 1, Memory: 8, Threads: 1, KeyBytes: keyBytes}
	require.NoError(t, w.start(nice))
	hung := w.command.Process
	require.NoError(t, hung.Signal(syscall.SIGSTOP))
	_, err := w.askAgain(&q, nice, 50*time.Millisecond)
	require.ErrorIs(t, err, ErrBusy)
	_, err = w.askAgain(&q, nice, workMax)
	require.NoError(t, err)
	require.NotEqual(t, hung.Pid, w.command.Process.Pid)
}
