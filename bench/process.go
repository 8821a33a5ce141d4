package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// process is a server under load, in a process of its own.
type process struct {
	command *exec.Cmd
	address string
	log     output
	// ended is closed when the process is gone.
	ended chan struct{}
}

// output is what a process prints: it can be read while the process goes on.
type output struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(data []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.buffer.Write(data)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.buffer.String()
}

// start runs the command with the environment and waits until path answers 2xx. A
// process that does not get there is ended: it would take part in later
// measurements.
func start(ctx context.Context, address, path string, environment []string, name string, arguments ...string) (*process, error) {
	p := &process{command: exec.Command(name, arguments...), address: address, ended: make(chan struct{})}
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait() // its ProcessState says more than the error
		close(p.ended)
	}()
	if err := p.awaitReady(ctx, path); err != nil {
		p.kill()
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, &p.log)
	}
	return p, nil
}

// awaitReady asks until the server answers.
func (p *process) awaitReady(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	for {
		status, _, err := fasthttp.GetTimeout(nil, "http://"+p.address+path, time.Second)
		if err == nil && status/100 == 2 {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended before it was ready: %s", p.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("it was not ready at %s within %s: %w", p.address, startMax, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends the process at once and waits for its end.
func (p *process) kill() {
	_ = p.command.Process.Kill() // the only reason to fail is that it has ended
	<-p.ended
}

// startMax bounds the wait for a server to be ready, stopMax that for its end.
const (
	startMax = 20 * time.Second
	stopMax  = 30 * time.Second
)

// stop ends the process with SIGTERM.
func (p *process) stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopMax):
		p.kill()
		return fmt.Errorf("the server did not stop within %s", stopMax)
	}
}

// cpuSeconds returns the processor time that the process has used so far.
func (p *process) cpuSeconds() (float64, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(p.command.Process.Pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("read the processor time: unknown format")
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / clockTicksPerSecond, nil
}

const clockTicksPerSecond = 100

// peakMemory returns the most memory that the process had resident so far, in MiB.
func (p *process) peakMemory() (float64, error) { return p.memory("VmHWM") }

// residentMemory returns the memory that the process has resident, in MiB.
func (p *process) residentMemory() (float64, error) { return p.memory("VmRSS") }

// memory reads a line of the process' status, in MiB.
func (p *process) memory(name string) (float64, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(p.command.Process.Pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read the memory: %w", err)
	}
	_, after, found := strings.Cut(string(data), "\n"+name+":")
	fields := strings.Fields(after)
	if !found || len(fields) == 0 {
		return 0, errors.New("read the memory: unknown format")
	}
	kibibytes, err := strconv.ParseFloat(fields[0], 64)
	return kibibytes / 1024, err
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
