package password

import (
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
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

func TestProcessesWorkSideBySideAndEndWithTheHasher(t *testing.T) {
	h := NewWorkerHasher(3)
	h.wait = time.Minute
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
	process := busy.command.Process
	h.Close()
	require.Empty(t, h.idle)
	require.NoError(t, process.Signal(syscall.Signal(0)), "it may finish")
	h.leave(busy)
	require.Empty(t, h.idle, "and ends when it comes back")
	require.ErrorIs(t, process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

func TestAProcessEndsWithItsQuestions(t *testing.T) {
	require.NoError(t, work(strings.NewReader(""), nil))
	require.ErrorContains(t, work(strings.NewReader("{nonsense"), nil), "read what to hash")
}

// A process that cannot answer is told from one that died before it was asked.
func TestAProcessThatDiesAgainIsNotAskedForEver(t *testing.T) {
	w := &worker{patience: workMax}
	defer w.close()
	_, err := w.derive("seventeen lobsters", parameters{memory: 8, time: 0, threads: 1, salt: make([]byte, saltBytes)}) // argon2 panics
	require.ErrorContains(t, err, "exit status 2")
	require.NotErrorIs(t, err, ErrBusy)
	require.Nil(t, w.command)
}
