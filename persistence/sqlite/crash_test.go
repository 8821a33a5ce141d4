package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/persistence/persistencetest"
)

// crashPathVariable makes the test program the child of TestKilledWhileProjecting.
const crashPathVariable = "HOLDFAST_TEST_CRASH_PATH"

const (
	crashSeed, crashProducts = 99, 5
	crashRecords             = 3000
	crashRun                 = 7
	// crashRunsAhead is how many runs the child may project after the one that it
	// is killed for.
	crashRunsAhead = 5
)

func crashHistory() *persistencetest.History {
	history := persistencetest.NewHistory(crashSeed, crashProducts)
	history.Grow(crashRecords)
	return history
}

// projectUntilKilled is the child: for each line that it is sent it projects a
// run, and prints a line when the run was reported as applied.
func projectUntilKilled(path string) {
	ctx := context.Background()
	history := crashHistory()
	store, err := Open(ctx, path)
	if err != nil {
		panic(err)
	}
	position, err := store.Position(ctx)
	if err != nil {
		panic(err)
	}
	permits := bufio.NewScanner(os.Stdin)
	for at := position.Sequence; permits.Scan(); at += crashRun {
		from, to, records := history.Run(at, at+crashRun)
		if err := store.Project(ctx, from, to, records); err != nil {
			panic(err)
		}
		fmt.Println(at + crashRun)
	}
}

// The process is killed at many moments of a projection. Each time what was
// reported as applied is there, and data and position agree.
func TestKilledWhileProjecting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	history := crashHistory()
	store, err := Open(t.Context(), path)
	require.NoError(t, err)
	history.CreateProducts(t, store)
	require.NoError(t, store.Close())

	const kills = 12
	moments := rand.New(rand.NewPCG(1, 2))
	for range kills {
		reported := runAndKill(t, path, 1+moments.IntN(15))
		store, err := Open(t.Context(), path)
		require.NoError(t, err)
		found := persistencetest.RequireHistory(t, store, history)
		require.GreaterOrEqual(t, found, reported, "a run that was reported as applied is lost")
		require.NoError(t, store.Close())
	}
}

// runAndKill starts the child, kills it after it has reported some of the runs
// that it may project, and returns the last sequence that it reported.
func runAndKill(t *testing.T, path string, runs int) (reported uint64) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashPathVariable+"="+path)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	permits, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	_, err = permits.Write([]byte(strings.Repeat("run\n", runs+crashRunsAhead)))
	require.NoError(t, err)
	lines := bufio.NewScanner(output)
	for count := 0; lines.Scan(); {
		_, err := fmt.Sscan(lines.Text(), &reported)
		require.NoError(t, err)
		if count++; count == runs {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "the child was not killed")
	return reported
}
