package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func TestMedian(t *testing.T) {
	values := []float64{4, 1, 9}
	require.InDelta(t, 4, median(values), 0)
	require.Equal(t, []float64{4, 1, 9}, values, "the rounds keep their order")
	require.InDelta(t, 3, median([]float64{4, 1, 9, 2}), 0, "of an even number, the average of the two in the middle")
	require.InDelta(t, 7, median([]float64{7}), 0)
}

// The ceiling must not lose because its runtime has fewer processors.
func TestTheCeilingHasTheProcessorsOfTheServer(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	t.Setenv("GOMAXPROCS", strconv.Itoa(before))
	takeProcessors()
	require.Equal(t, before, runtime.GOMAXPROCS(0), "the environment wins")
	t.Setenv("GOMAXPROCS", "")
	takeProcessors()
	require.Equal(t, 2*before, runtime.GOMAXPROCS(0))
}

func TestReadGauge(t *testing.T) {
	const metrics = "# HELP a_b Text.\n# TYPE a_b gauge\na_b_max 5e+06\na_b{c=\"d\"} 3\na_b 1.25e+06\n"
	value, err := readGauge(metrics, "a_b")
	require.NoError(t, err)
	require.EqualValues(t, 1_250_000, value)
	_, err = readGauge(metrics, "a_c")
	require.ErrorContains(t, err, "there is no metric a_c")
	_, err = readGauge("a_b much\n", "a_b")
	require.ErrorContains(t, err, "read a_b")
}

// serve answers on a free address until the test ends.
func serve(t *testing.T, handler fasthttp.RequestHandler) string {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	front := &fasthttp.Server{Handler: handler}
	served := make(chan error, 1)
	go func() { served <- front.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, front.Shutdown())
		require.NoError(t, <-served)
	})
	return listener.Addr().String()
}

// admin serves metrics with these backlogs, one after the other; then the last one.
func admin(t *testing.T, backlogs ...int) (s *shop, asked *atomic.Int32) {
	asked = &atomic.Int32{}
	address := serve(t, func(ctx *fasthttp.RequestCtx) {
		i := min(int(asked.Add(1)), len(backlogs))
		fmt.Fprintf(ctx, "%s %d\n", backlogMetric, backlogs[i-1])
	})
	return &shop{admin: address, process: &process{ended: make(chan struct{})}}, asked
}

// What one server puts off must not be done while the other one is measured.
func TestNothingIsMeasuredWhileTheDatabaseCatchesUp(t *testing.T) {
	s, asked := admin(t, 20_000, 1, 0)
	require.NoError(t, s.awaitDrained(t.Context()))
	require.EqualValues(t, 3, asked.Load())

	stuck, _ := admin(t, 7)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, stuck.awaitDrained(ctx), "still 7 records behind")

	gone, _ := admin(t, 7)
	close(gone.ended)
	require.ErrorContains(t, gone.awaitDrained(t.Context()), "the server ended")
}

// A server that does not become ready must not go on beside the next measurement.
func TestAServerThatIsNotReadyIsEnded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	address, err := freeAddress()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	pid := make(chan int, 1)
	go func() {
		defer cancel()
		pid <- readPID(t, file)
	}()
	p, err := start(ctx, address, "/", []string{"PID_FILE=" + file}, "sh", "-c", `echo $$ >"$PID_FILE.new"; mv "$PID_FILE.new" "$PID_FILE"; exec sleep 1000`)
	require.ErrorContains(t, err, "was not ready")
	require.Nil(t, p)
	require.ErrorIs(t, syscall.Kill(<-pid, 0), syscall.ESRCH)
}

// readPID waits for the file; 0 means that it did not come.
func readPID(t *testing.T, file string) int {
	for t.Context().Err() == nil {
		if data, err := os.ReadFile(file); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err == nil {
				return pid
			}
		}
		<-time.After(time.Millisecond)
	}
	return 0
}

func TestAServerThatEndsBeforeItIsReadyIsAnError(t *testing.T) {
	address, err := freeAddress()
	require.NoError(t, err)
	_, err = start(t.Context(), address, "/", nil, "sh", "-c", "echo why not; exit 3")
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "why not")
}
