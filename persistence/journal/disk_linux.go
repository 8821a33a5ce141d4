package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Sync implements [File] with fdatasync: segments have their full size before
// their first batch, so there is no metadata to wait for. An interrupted call has
// not failed, and is the only one that is made again.
func (f diskFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// Allocate implements [File]. A file system without the call is given the zeros
// that follow, and fails there.
func (f diskFile) Allocate(bytes int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, bytes)
		switch {
		case err == nil, errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		case !errors.Is(err, unix.EINTR):
			return os.NewSyscallError("fallocate", err)
		}
	}
}
