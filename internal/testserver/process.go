package testserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	// startMax is how long a server may take to answer, readyPause how long it is left
	// alone between two questions.
	startMax   = time.Minute
	readyPause = 10 * time.Millisecond
	// startsMax is how often a start is tried: a free port may be taken meanwhile.
	startsMax = 5
)

// process is a running server.
type process struct {
	command *exec.Cmd
	// done is closed when it has ended.
	done chan struct{}
}

// run starts a program, which gets a signal when this process dies. Its output goes to
// the file at log.
func run(account *syscall.Credential, deathSignal syscall.Signal, log, path string, arguments ...string) (*process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.Command(path, arguments...), done: make(chan struct{})}
	p.command.Stdout, p.command.Stderr, p.command.Dir = file, file, filepath.Dir(log)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: deathSignal, Credential: account, Setpgid: true}
	started := make(chan error)
	go func() {
		// The signal is sent when the thread ends that has started the program. It is given
		// back: it may have started other programs before.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		defer file.Close()
		err := p.command.Start()
		started <- err
		if err == nil {
			_ = p.command.Wait() // how a server ends is its own affair
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

func (p *process) signal(signal syscall.Signal) error { return p.command.Process.Signal(signal) }

// awaitReady asks until the answer is nil, or the server has ended.
func (p *process) awaitReady(log string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startMax)
	defer cancel()
	again := time.NewTicker(readyPause)
	defer again.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			output, _ := os.ReadFile(log)
			return fmt.Errorf("the server has ended: %s", tail(output))
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer after %s: %w", startMax, err)
		case <-again.C:
		}
	}
}

// freePort returns a port of the loopback interface that nobody uses now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// newFolder makes a folder that belongs to the account.
func newFolder(account *syscall.Credential) (string, error) {
	folder, err := os.MkdirTemp("", "holdfast-testserver-")
	if err == nil && account != nil {
		err = os.Chown(folder, int(account.Uid), int(account.Gid))
	}
	return folder, err
}

// unprivileged returns the account for programs that refuse root; nil is our own.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(found.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(found.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("there is no account postgres or nobody to run as")
}
