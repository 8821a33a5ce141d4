package blackbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"holdfast/bench/cage"
)

// famine takes a server's memory away until it dies of that.
type famine interface {
	// command returns what starts a program under the famine's rule.
	command(program string, arguments ...string) (string, []string)
	// environment is that of the program.
	environment() []string
	// begin takes memory away from a running server, a little more each time that it is
	// called.
	begin(s *Server) error
	// judge returns an error unless a server that is gone has died of want.
	judge(s *Server) error
	// excuses reports whether trouble in the log is the death itself.
	excuses(trouble string) bool
	close() error
}

// newFamine returns a famine of the best kind that the machine permits.
func newFamine() (famine, error) {
	box, err := cage.New(groupBytes)
	if errors.Is(err, cage.ErrNotPermitted) {
		return &dataFamine{}, nil
	}
	return &groupFamine{box: box}, err
}

// famineMax bounds the wait for a server to die of want, faminePause is the time between
// two steps.
const (
	famineMax   = 30 * time.Second
	faminePause = time.Millisecond
)

// starve takes the server's memory away while it is under load, and returns when it has
// died of that.
func (s *Server) starve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, famineMax)
	defer cancel()
	for {
		if err := s.famine.begin(s); err != nil && !isGone(s.ended) {
			return fmt.Errorf("take memory away: %w", err)
		}
		select {
		case <-s.ended:
			return s.famine.judge(s)
		case <-ctx.Done():
			return fmt.Errorf("the server lived without memory for %s\n%s", famineMax, s.log)
		case <-time.After(faminePause):
		}
	}
}

// isGone reports whether the process has ended, or does so within a moment.
func isGone(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	case <-time.After(time.Second):
		return false
	}
}

const (
	// groupBytes is what a server in a group may have until the famine.
	groupBytes = 512 << 20
	// groupStepBytes is how much less than the server has the group lets it have at each
	// step. Pages of files can be given up; then the kernel kills.
	groupStepBytes = 256 << 10
)

// groupFamine is a control group whose limit falls below what the server has: the kernel
// kills it, with SIGKILL, in the middle of whatever it does.
type groupFamine struct {
	box *cage.Cage
	// kills are those that were looked at.
	kills int64
}

func (f *groupFamine) command(program string, arguments ...string) (string, []string) {
	return f.box.Command(program, arguments...)
}

func (f *groupFamine) environment() []string { return nil }

func (f *groupFamine) begin(*Server) error {
	usage, err := f.box.Usage()
	if err != nil {
		return err
	}
	for _, limit := range []int64{usage - groupStepBytes, usage} {
		if err := f.box.Limit(max(limit, 1<<20)); !errors.Is(err, syscall.EBUSY) {
			return err
		}
	}
	return nil // the server has taken more meanwhile
}

func (f *groupFamine) judge(s *Server) error {
	kills, err := f.box.Kills()
	if err != nil {
		return err
	}
	status, known := s.command.ProcessState.Sys().(syscall.WaitStatus)
	if !known || !status.Signaled() || status.Signal() != syscall.SIGKILL || kills <= f.kills {
		return s.endedByItself()
	}
	f.kills = kills
	return f.box.Limit(groupBytes)
}

func (*groupFamine) excuses(string) bool { return false }

func (f *groupFamine) close() error { return f.box.Close() }

// dataBytes is how much private memory a server gets beyond what it has, when there are
// no groups.
const dataBytes = 8 << 20

// dataFamine lets the server have little more than it has, and lets nobody collect its
// garbage: it is refused memory soon, and Go ends a program that is.
type dataFamine struct {
	// limited is the process that is limited.
	limited int
}

func (*dataFamine) command(program string, arguments ...string) (string, []string) {
	return program, arguments
}

func (*dataFamine) environment() []string { return []string{"GOGC=off", "GOMEMLIMIT=off"} }

func (f *dataFamine) begin(s *Server) error {
	pid := s.command.Process.Pid
	if pid == f.limited {
		return nil
	}
	memory, err := cage.MemoryOf(pid)
	if err != nil {
		return err
	}
	f.limited = pid
	return cage.LimitData(pid, memory.Data+dataBytes)
}

func (f *dataFamine) judge(s *Server) error {
	if !f.excuses(s.log.trouble()) {
		return s.endedByItself()
	}
	return nil
}

func (*dataFamine) excuses(trouble string) bool {
	for _, words := range []string{"out of memory", "cannot allocate memory", "cannot map pages", "newosproc",
		"failed to create new OS thread", "pthread_create failed"} {
		if strings.Contains(trouble, words) {
			return true
		}
	}
	return false
}

func (*dataFamine) close() error { return nil }
