package blackbox

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
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
// Postgres behind it is killed as well, while orders come and while the server starts.
// HOLDFAST_CRASH_CYCLES sets how often it is killed, HOLDFAST_CRASH_DATABASE with which
// database, else it is each of them; when it fails, go test -artifacts keeps the history
// and what the server left.
func TestKillLosesNothing(t *testing.T) {
	cycles := cyclesOf(t, "HOLDFAST_CRASH_CYCLES", 5)
	databases := map[string]func(*testing.T) Database{
		"sqlite":   func(*testing.T) Database { return nil },
		"postgres": func(t *testing.T) Database { return postgres{t, testserver.StartPostgres(t)} },
	}
	chosen := slices.Sorted(maps.Keys(databases))
	if name := os.Getenv("HOLDFAST_CRASH_DATABASE"); name != "" {
		require.Contains(t, databases, name, "HOLDFAST_CRASH_DATABASE")
		chosen = []string{name}
	}
	for _, name := range chosen {
		t.Run(name, func(t *testing.T) { loseNothing(t, nil, databases[name](t), cycles) })
	}
}

// postgres is a server of the test as a [Database].
type postgres struct {
	t      *testing.T
	server *testserver.Postgres
}

func (p postgres) New() (string, error) { return p.server.NewDatabase(p.t), nil }
func (p postgres) Kill() error          { p.server.Stop(p.t, "immediate"); return nil }
func (p postgres) Start() error         { p.server.Start(p.t); return nil }

// cyclesOf returns how often a server is killed: what the variable says, or few times.
func cyclesOf(t *testing.T, variable string, few int) int {
	text := os.Getenv(variable)
	if text == "" {
		return few
	}
	cycles, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return cycles
}

// loseNothing kills a server again and again, and finds nothing wrong. When there is a
// famine, the server dies of it under load; when there is a database, that is killed too.
func loseNothing(t *testing.T, famine famine, database Database, cycles int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	folder := t.ArtifactDir()
	verdict, err := Loop{
		Server: &Server{Binary: server(t), Data: filepath.Join(folder, "data"), famine: famine,
			Environment: []string{"HOLDFAST_JOURNAL_SEGMENT_BYTES=1048576"}},
		Database: database,
		Cycles:   cycles, AcknowledgementsMin: 500, Seed: seed, Out: t.Output(),
	}.Run(t.Context())
	t.Log(verdict)
	t.Log(verdict.Details())
	require.NoError(t, err)
	require.Empty(t, strings.Join(verdict.Violations, "\n"))
	require.GreaterOrEqual(t, verdict.Acknowledged, 500*cycles)
	requireTried(t, verdict, cycles)
	if database != nil {
		requireOutages(t, verdict, cycles)
	}
}

// requireOutages requires that the database was killed in every cycle, and in every way
// that a longer run cannot miss.
func requireOutages(t *testing.T, v *Verdict, cycles int) {
	t.Helper()
	require.GreaterOrEqual(t, v.Outages, cycles)
	require.GreaterOrEqual(t, v.AcknowledgedAway, cycles*(awayMin-buyers))
	if cycles >= 20 {
		require.NotZero(t, v.OutagesInStart, "no server lost its database while it started")
		require.NotZero(t, v.AwayAtStart, "no server was started without its database")
	}
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
