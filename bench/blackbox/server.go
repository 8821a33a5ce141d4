package blackbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
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

	address string
	command *exec.Cmd
	exited  chan error
	log     bytes.Buffer
}

// readyMax bounds the wait for a server to be ready.
const readyMax = 30 * time.Second

func (s *Server) environment() []string {
	return append(append(os.Environ(), "HOLDFAST_DATA_DIR="+s.Data), s.Environment...)
}

// run runs one of the program's commands and returns what it prints.
func (s *Server) run(arguments ...string) (string, error) {
	command := exec.Command(s.Binary, arguments...)
	command.Env = s.environment()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("holdfast %s: %w\n%s", strings.Join(arguments, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(output)), nil
}

// start begins a new process on a free port; it does not wait.
func (s *Server) start() error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	s.log.Reset()
	s.command, s.exited = exec.Command(s.Binary, "serve"), make(chan error, 1)
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if s.DiskBytes > 0 {
		s.giveDisk()
	}
	s.command.Env = append(s.environment(), "HOLDFAST_LISTEN="+s.address, "HOLDFAST_ADMIN_LISTEN=127.0.0.1:0")
	s.command.Stdout, s.command.Stderr = &s.log, &s.log
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	command, exited := s.command, s.exited
	go func() { exited <- command.Wait() }()
	return nil
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

// awaitReady asks /readyz until it says yes.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	for {
		status, _, err := fasthttp.GetTimeout(nil, "http://"+s.address+"/readyz", time.Second)
		if err == nil && status == fasthttp.StatusOK {
			return nil
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("the server ended: %w\n%s", err, s.log.String())
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready within %s\n%s", readyMax, s.log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// kill ends the process with SIGKILL and waits for its end.
func (s *Server) kill() error {
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the server: %w", err)
	}
	s.exited <- <-s.exited
	return nil
}

// stop ends the process with SIGTERM; it must end by itself and with success.
func (s *Server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case err := <-s.exited:
		s.exited <- err
		if err != nil {
			return fmt.Errorf("the server ended badly: %w\n%s", err, s.log.String())
		}
		return nil
	case <-time.After(readyMax):
		return errors.Join(fmt.Errorf("the server did not stop within %s\n%s", readyMax, s.log.String()), s.kill())
	}
}
