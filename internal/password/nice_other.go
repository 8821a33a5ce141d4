//go:build !linux

package password

import (
	"os"
	"os/exec"
)

// executable is the program that runs.
func executable() (string, error) { return os.Executable() }

// startNice starts a command like any other: what it is worth is known on Linux only.
func startNice(command *exec.Cmd) error { return command.Start() }
