package password

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// niceness is how much nicer than the server a process is: whoever else wants a
	// processor gets nine tenths of it. nicenessMax is the most there is.
	niceness    = 10
	nicenessMax = 19
	// slice is how long a process may keep a processor that another one waits for, in
	// nanoseconds: the least that Linux takes, from 6.12 on.
	slice = 100_000
)

// executable is the program that runs, even if its file was replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// polite is the argument of a process that gives way.
const polite = "polite"

// giveWay makes this process one that gives way to the one that started it. Each thread has
// a niceness of its own, and hands it on to those that it starts: the program begins anew
// with a thread that has the right one.
func giveWay() error {
	if len(os.Args) > 1 {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attributes, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("ask for the niceness: %w", err)
	}
	attributes = &unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: min(attributes.Nice+niceness, nicenessMax), Runtime: slice}
	if err := unix.SchedSetAttr(0, attributes, 0); err != nil {
		return fmt.Errorf("become nice: %w", err)
	}
	path, err := executable()
	if err != nil {
		return err
	}
	return fmt.Errorf("begin anew: %w", syscall.Exec(path, []string{workerName, polite}, os.Environ()))
}
