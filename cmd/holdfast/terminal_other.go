//go:build !linux

package main

import "os"

// hideInput refuses: how a terminal is silenced differs from system to system.
func hideInput(*os.File) (show func(), err error) {
	return nil, usagef("the password is not asked for on this system: use --password-stdin")
}
