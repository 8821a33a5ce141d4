package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"holdfast/internal/clock"
	"holdfast/internal/password"
)

// patience bounds every wait of a test; it is never waited for when all is well.
const patience = 20 * time.Second

// foreignVariables are options without our prefix.
var foreignVariables = []string{"STATE_DIRECTORY", "DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "REDIS_URL_FILE"}

// TestMain hashes passwords for the servers in this process, takes the options away
// that the developer's own environment has, and keeps the servers in this process from
// raising the number of processors again and again.
func TestMain(m *testing.M) {
	password.Work()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, environmentPrefix) || slices.Contains(foreignVariables, name) {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("GOMAXPROCS", strconv.Itoa(runtime.GOMAXPROCS(0)))
	// See packages api and persistence/redis.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"),
		goleak.Cleanup(func(code int) {
			_ = os.RemoveAll(binaryFolder)
			os.Exit(code)
		}))
}

// outcome is what a command left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs a command in this process, as main does.
func run(t *testing.T, arguments ...string) outcome {
	t.Helper()
	return runWith(t.Context(), strings.NewReader(""), arguments...)
}

// interrupter is a stderr that stops a server which starts although it should not;
// it ends with success then.
type interrupter struct {
	bytes.Buffer
	interrupt context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`"msg":"ready"`)) {
		i.interrupt()
	}
	return i.Buffer.Write(p)
}

func runWith(ctx context.Context, stdin io.Reader, arguments ...string) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(patience, cancel).Stop()
	var stdout bytes.Buffer
	stderr := interrupter{interrupt: cancel}
	p := &program{stdin: stdin, stdout: &stdout, stderr: &stderr, clock: clock.NewSystem()}
	code := p.run(ctx, arguments)
	return outcome{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// stdinOf is a stdin with one line.
func stdinOf(line string) io.Reader { return strings.NewReader(line + "\n") }

// succeed runs a command that has to succeed and returns what it printed.
func succeed(t *testing.T, arguments ...string) string {
	t.Helper()
	o := run(t, arguments...)
	require.Equal(t, exitOK, o.code, o.stderr)
	return o.stdout
}

// freshDirectory returns the path of a data directory that does not exist yet.
func freshDirectory(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "data")
}

// writeFile returns the path of a new file.
func writeFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode)) // whatever the umask is
	return path
}

// modeOf returns the permissions of a file or folder.
func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	information, err := os.Stat(path)
	require.NoError(t, err)
	return information.Mode().Perm()
}
