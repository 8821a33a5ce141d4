package password

import (
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// executable is the program that runs, even if its file was replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// startIdle starts a command that gets a processor when nobody else wants it
// (SCHED_IDLE). A process has the policy of the thread that started it, which is
// therefore one that ends afterwards.
func startIdle(command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends. While it is held here, another is taken.
			defer runtime.UnlockOSThread()
			started <- startIdle(command)
			return
		}
		// Locked for good: Go ends the thread with the goroutine.
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Policy: unix.SCHED_IDLE}, 0) // to want less is always allowed
		started <- command.Start()
	}()
	return <-started
}
