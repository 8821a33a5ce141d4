//go:build unix && !linux

package ticker

import "syscall"

// tune does nothing here: the bounds of the send buffer remain.
func tune(syscall.RawConn) error { return nil }
