package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// hideInput stops the terminal from showing what is typed, until show is called.
func hideInput(terminal *os.File) (show func(), err error) {
	descriptor := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(descriptor, unix.TCGETS)
	if err != nil { // another device, such as /dev/null
		return nil, errNoTerminal
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(descriptor, unix.TCSETS, &hidden); err != nil {
		return nil, fmt.Errorf("ask for the password: %w; use --password-stdin", err)
	}
	// The terminal worked a moment ago; if it is gone there is nobody to tell.
	return func() { _ = unix.IoctlSetTermios(descriptor, unix.TCSETS, before) }, nil
}
