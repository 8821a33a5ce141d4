package blackbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binary is the real program, built once.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "holdfast-blackbox-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(folder, "holdfast")
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// server returns the path of the real program, and builds it the first time.
func server(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	output, err := exec.Command("go", "build", "-o", binary, "holdfast/cmd/holdfast").CombinedOutput()
	require.NoError(t, err, "%s", output)
	return binary
}

// A server that is killed under load, also while it recovers, loses nothing that
// anyone was told, sells no unit twice, and makes no second order of a key.
// HOLDFAST_CRASH_CYCLES sets how often it is killed; when it fails, go test -artifacts
// keeps the history and what the server left.
func TestKillLosesNothing(t *testing.T) {
	cycles := 5
	if text := os.Getenv("HOLDFAST_CRASH_CYCLES"); text != "" {
		var err error
		cycles, err = strconv.Atoi(text)
		require.NoError(t, err, "HOLDFAST_CRASH_CYCLES")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	folder := t.ArtifactDir()
	verdict, err := Loop{
		Server: &Server{Binary: server(t), Data: filepath.Join(folder, "data"),
			Environment: []string{"HOLDFAST_JOURNAL_SEGMENT_BYTES=1048576"}},
		Cycles: cycles, AcknowledgementsMin: 500, Seed: seed, Out: t.Output(),
	}.Run(t.Context())
	t.Log(verdict)
	t.Log(verdict.Details())
	require.NoError(t, err)
	require.Empty(t, strings.Join(verdict.Violations, "\n"))
	require.GreaterOrEqual(t, verdict.Acknowledged, 500*cycles)
	requireTried(t, verdict, cycles)
}

// requireTried requires that the loop met what it is for: a check that never had
// anything to look at has not shown anything.
func requireTried(t *testing.T, v *Verdict, cycles int) {
	t.Helper()
	require.Empty(t, v.missing(cycles), "this never happened")
	for what, count := range map[string]int{
		"refusals": v.Refused, "changes": v.Changes, "movements": v.Moves,
		"verified journals": v.Verified, "kills during recovery": v.Recoveries,
	} {
		require.NotZero(t, count, what)
	}
	if cycles >= 10 {
		require.GreaterOrEqual(t, v.InFlight*10, cycles, "too few kills met a batch in flight")
		require.NotZero(t, v.Replays, "no kill met a server that had opened its journal")
	}
}
