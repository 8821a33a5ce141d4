//go:build !linux

package password

import (
	"os"
	"os/exec"
)

// executable is the program that runs.
func executable() (string, error) { return os.Executable() }

// startIdle starts a command like any other: only Linux is told what it is worth.
func startIdle(command *exec.Cmd) error { return command.Start() }
