package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the binary of the tests is told by its build.
const (
	builtVersion  = "v9.8.7-test"
	builtRevision = "0123456789abcdef"
)

// binaryFolder is where the binary is, empty before there is one.
var binaryFolder string

// builtBinary builds the program once, and tells it what the Makefile does.
var builtBinary = sync.OnceValues(func() (string, error) {
	var err error
	if binaryFolder, err = os.MkdirTemp("", "holdfast-test-"); err != nil {
		return "", err
	}
	path := filepath.Join(binaryFolder, "holdfast")
	build := exec.Command("go", "build", "-o", path,
		"-ldflags", "-X main.version="+builtVersion+" -X main.revision="+builtRevision, ".")
	if output, err := build.CombinedOutput(); err != nil {
		return path, errors.Join(err, errors.New(string(output)))
	}
	return path, nil
})

// process is a command in a process of its own.
type process struct {
	command *exec.Cmd
	log     *liveLog
	ended   chan struct{}
	err     error
}

// binaryCommand is a command of the built program that has not started.
func binaryCommand(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	path, err := builtBinary()
	require.NoError(t, err)
	command := exec.Command(path, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

// launch starts a command of the built program; it is killed at the end of the test
// if it is still there.
func launch(t *testing.T, arguments ...string) *process {
	t.Helper()
	p := &process{command: binaryCommand(t, arguments...), log: newLiveLog(), ended: make(chan struct{})}
	p.command.Stderr = p.log
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.ended)
		p.err = p.command.Wait()
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.ended
	})
	return p
}

// launchServer starts a server and waits until it is ready.
func launchServer(t *testing.T, data string, arguments ...string) (*process, site) {
	t.Helper()
	p := launch(t, append(serveArguments(data), arguments...)...)
	entry := p.log.await(t, "ready", p.ended)
	return p, site{t: t, url: entry["url"].(string), admin: "http://" + entry["admin"].(string)}
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
}

// wait returns how the process ended.
func (p *process) wait(t *testing.T) *os.ProcessState {
	t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState
	case <-time.After(patience):
		require.FailNow(t, "the process does not end", "%s", p.log)
		return nil
	}
}
