package blackbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildServer builds the real program.
func buildServer(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "holdfast")
	output, err := exec.Command("go", "build", "-o", binary, "holdfast/cmd/holdfast").CombinedOutput()
	require.NoError(t, err, "%s", output)
	return binary
}

// A server that is killed under load, also while it recovers, loses no
// acknowledged order, sells no unit twice, and makes no second order of a key.
// HOLDFAST_CRASH_CYCLES sets how often it is killed.
func TestKillLosesNothing(t *testing.T) {
	cycles := 4
	if text := os.Getenv("HOLDFAST_CRASH_CYCLES"); text != "" {
		var err error
		cycles, err = strconv.Atoi(text)
		require.NoError(t, err, "HOLDFAST_CRASH_CYCLES")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	folder := t.TempDir()
	verdict, err := Loop{
		Server: &Server{Binary: buildServer(t), Data: filepath.Join(folder, "data"),
			Environment: []string{"HOLDFAST_JOURNAL_SEGMENT_BYTES=1048576", "HOLDFAST_LOG_LEVEL=warn"}},
		Cycles: cycles, AcknowledgementsMin: 500, Seed: seed, Out: t.Output(),
	}.Run(t.Context())
	require.NoError(t, err)
	t.Log(verdict)
	require.Empty(t, verdict.Violations)
	require.GreaterOrEqual(t, verdict.Acknowledged, 500*cycles)
	if cycles >= 10 {
		require.GreaterOrEqual(t, verdict.InFlight*10, cycles, "too few kills met a batch in flight")
		require.NotZero(t, verdict.Recoveries, "no kill met a recovery")
	}
}
