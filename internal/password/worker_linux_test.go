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
)

// niceField is the number of the field of /proc/pid/stat, from 1, that has the niceness; two
// come before the end of the name.
const niceField = 19

// nicenessOf are those of the threads of a process.
func nicenessOf(t *testing.T, pid int) (values []int) {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	require.NoError(t, err)
	require.NotEmpty(t, threads)
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended since
		}
		_, fields, found := strings.Cut(string(stat), ") ") // the name may have spaces
		require.True(t, found)
		value, err := strconv.Atoi(strings.Fields(fields)[niceField-3])
		require.NoError(t, err)
		values = append(values, value)
	}
	return values
}

func TestAProcessGivesWayAndKnowsNoSecrets(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://user:password@host/database")
	before := nicenessOf(t, os.Getpid())
	h := newWorkers(t, 1)
	_, err := h.Hash(context.Background(), "seventeen lobsters")
	require.NoError(t, err)
	pid := onlyWorker(t, h).command.Process.Pid

	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	require.NoError(t, err)
	require.Empty(t, environment)
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	require.NoError(t, err)
	require.Equal(t, workerName+"\n", string(name))
	threads := nicenessOf(t, pid)
	require.Greater(t, len(threads), 1)
	for _, value := range threads {
		require.Equal(t, min(before[0]+niceness, nicenessMax), value, "a thread of the process")
	}
	for _, value := range nicenessOf(t, os.Getpid()) {
		require.Equal(t, before[0], value, "a thread of this process")
	}
}

// A service manager tells the whole group to end: whoever is logging in is answered first.
func TestAProcessEndsWithItsServerOnly(t *testing.T) {
	w := &worker{}
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

func TestAProcessThatHangsIsReplaced(t *testing.T) {
	w := &worker{patience: 50 * time.Millisecond}
	defer w.close()
	require.NoError(t, w.start())
	hung := w.command.Process
	require.NoError(t, hung.Signal(syscall.SIGSTOP))
	_, err := w.derive("seventeen lobsters", fresh())
	require.ErrorIs(t, err, ErrBusy)
	w.patience = time.Minute
	_, err = w.derive("seventeen lobsters", fresh())
	require.NoError(t, err)
	require.NotEqual(t, hung.Pid, w.command.Process.Pid)
}
