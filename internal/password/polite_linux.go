package password

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// niceness is how much nicer than the server a nice process is: whoever else wants a
// processor gets nine tenths of it. nicenessMax is the most there is.
const (
	niceness    = 10
	nicenessMax = 19
)

// executable is the program that runs, even if its file was replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// giveWay makes this process one that gives way as manner says. Each thread has a policy of
// its own, and hands it on to those that it starts: the program begins anew with a thread
// that has the right one.
func giveWay(manner string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attributes, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("ask for the niceness: %w", err)
	}
	attributes = &unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: min(attributes.Nice+niceness, nicenessMax)}
	if manner == idle {
		attributes.Policy = unix.SCHED_IDLE
	}
	if err := unix.SchedSetAttr(0, attributes, 0); err != nil {
		return fmt.Errorf("give way to others: %w", err)
	}
	path, err := executable()
	if err != nil {
		return err
	}
	return fmt.Errorf("begin anew: %w", syscall.Exec(path, []string{workerName}, os.Environ()))
}
