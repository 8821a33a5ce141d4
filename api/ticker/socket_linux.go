package ticker

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// tune sets what the kernel does with what is written: it takes little before it has
// sent what it has, and gives a peer up that acknowledges nothing. What is no TCP has
// neither.
func tune(raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(descriptor uintptr) {
		for option, value := range map[int]int{
			unix.TCP_NOTSENT_LOWAT: unsentBytesMax,
			unix.TCP_USER_TIMEOUT:  int(unacknowledgedTimeMax.Milliseconds()),
		} {
			if err := unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, option, value); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
				failed = err
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}
