package password

import (
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// niceness is that of a process that gets a processor when nobody else wants it.
const niceness = 19

// executable is the program that runs, even if its file was replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// startNice starts a command that gives way to all others. A process has the niceness of the
// thread that started it, which is therefore one that ends afterwards.
func startNice(command *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends. While it is held here, another is taken.
			defer runtime.UnlockOSThread()
			started <- startNice(command)
			return
		}
		// Locked for good: Go ends the thread with the goroutine.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // to be nicer is always allowed
		started <- command.Start()
	}()
	return <-started
}
