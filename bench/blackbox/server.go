package blackbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// Server is a Holdfast binary with a data directory, started and killed at will.
type Server struct {
	// Binary is the path of the program, Data its data directory.
	Binary, Data string
	// Environment is added to that of this process.
	Environment []string
	// DiskBytes, when not 0, gives the server's process a disk of that size for its
	// data directory: a copy in memory, which ends with the process.
	DiskBytes int64
	// famine, when not nil, is what the server dies of under load, in place of our kill.
	famine famine

	address string
	command *exec.Cmd
	log     *serverLog
	// ended is closed when the process is gone.
	ended chan struct{}
}

// readyMax bounds the wait for a server to be ready, and for it to stop.
const readyMax = 30 * time.Second

// environment is that of this process, without options that somebody has set for
// another server: only the test's count. Few customers send all requests, so none is
// bounded.
func (s *Server) environment() []string {
	inherited := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "HOLDFAST_") || strings.HasPrefix(variable, "DATABASE_URL")
	})
	return append(append(inherited, "HOLDFAST_DATA_DIR="+s.Data, "HOLDFAST_RATE_CUSTOMER_ORDERS=0", "HOLDFAST_RATE_CUSTOMER_UNITS=0"), s.Environment...)
}

// run runs one of the program's commands and returns what it prints.
func (s *Server) run(arguments ...string) (string, error) {
	command := exec.Command(s.Binary, arguments...)
	command.Env = s.environment()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("holdfast %s: %w\n%s%s", strings.Join(arguments, " "), err, output, stderr.String())
	}
	return strings.TrimSpace(string(output)), nil
}

// start begins a new process on a free port; it does not wait.
func (s *Server) start() error {
	var err error
	if s.address, err = freeAddress(); err != nil {
		return err
	}
	name, arguments, environment := s.Binary, []string{"serve"}, s.environment()
	if s.famine != nil {
		name, arguments = s.famine.command(name, arguments...)
		environment = append(environment, s.famine.environment()...)
	}
	s.command = exec.Command(name, arguments...)
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.DiskBytes > 0 {
		s.giveDisk()
	}
	s.command.Env = append(environment, "HOLDFAST_LISTEN="+s.address, "HOLDFAST_ADMIN_LISTEN=127.0.0.1:0")
	s.log, s.ended = newServerLog(), make(chan struct{})
	s.command.Stdout, s.command.Stderr = s.log, s.log
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	go func(command *exec.Cmd, ended chan struct{}) {
		_ = command.Wait() // its ProcessState says more than the error
		close(ended)
	}(s.command, s.ended)
	return nil
}

// freeAddress returns a loopback address that nobody listens on. Its port is not
// one that the system gives to outgoing connections: whoever asks again and again
// whether the server listens yet could be given its port, and reach himself.
func freeAddress() (string, error) {
	const portMin, portMax = 10_000, 30_000
	var failure error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", portMin+rand.IntN(portMax-portMin))
		listener, err := net.Listen("tcp4", address)
		if err != nil {
			failure = err
			continue
		}
		return address, listener.Close()
	}
	return "", fmt.Errorf("find a free port: %w", failure)
}

// giveDisk makes the process mount a small file system over its data directory,
// in a mount namespace of its own, with a copy of what was there.
func (s *Server) giveDisk() {
	const script = `copy=$(mktemp -d) && cp -a "$1/." "$copy" && mount -t tmpfs -o "size=$2" tmpfs "$1" &&
		cp -a "$copy/." "$1" && rm -r "$copy" && exec "$0" serve`
	s.command = exec.Command("sh", "-c", script, s.Binary, s.Data, fmt.Sprint(s.DiskBytes))
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	s.command.SysProcAttr = attributes
}

// disk returns a path under which this process sees the server's data directory.
func (s *Server) disk() string { return fmt.Sprintf("/proc/%d/root%s", s.command.Process.Pid, s.Data) }

// probe asks /readyz; 0 means that nobody listens.
func (s *Server) probe() int {
	status, _, err := fasthttp.GetTimeout(nil, "http://"+s.address+"/readyz", time.Second)
	if err != nil {
		return 0
	}
	return status
}

// probePause is the time between two questions whether the server is ready.
const probePause = 500 * time.Microsecond

// awaitReady asks until the server says yes. It returns how long the server was
// listening and not ready: that is its recovery.
func (s *Server) awaitReady(ctx context.Context) (recovery time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	var listening time.Time
	for {
		status := s.probe()
		if status != 0 && listening.IsZero() {
			listening = time.Now()
		}
		if status == fasthttp.StatusOK {
			return time.Since(listening), nil
		}
		select {
		case <-s.ended:
			return 0, s.endedByItself()
		case <-ctx.Done():
			return 0, fmt.Errorf("the server was not ready within %s\n%s", readyMax, s.log)
		case <-time.After(probePause):
		}
	}
}

// kill ends the process with SIGKILL and waits for its end. A process that ended
// otherwise, before or meanwhile, is an error: then nothing was tried that counts.
func (s *Server) kill() error {
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-s.ended
	status, known := s.command.ProcessState.Sys().(syscall.WaitStatus)
	if !known || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return s.endedByItself()
	}
	return nil
}

func (s *Server) endedByItself() error {
	return fmt.Errorf("the server ended by itself: %s\n%s", s.command.ProcessState, s.log)
}

// stop ends the process with SIGTERM; it must end by itself and with success.
func (s *Server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-s.ended:
		if !s.command.ProcessState.Success() {
			return fmt.Errorf("the server ended badly: %s\n%s", s.command.ProcessState, s.log)
		}
		return nil
	case <-time.After(readyMax):
		return errors.Join(fmt.Errorf("the server did not stop within %s\n%s", readyMax, s.log), s.kill())
	}
}

// abandon ends the process however it can, if there is one.
func (s *Server) abandon() {
	if s.ended != nil {
		_ = s.command.Process.Kill()
		<-s.ended
	}
}
