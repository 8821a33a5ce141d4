package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrLocked is wrapped when another process owns the directory.
var ErrLocked = errors.New("the directory is in use")

// Lock is a process's ownership of a data directory. It ends with the process.
type Lock struct{ file *os.File }

// LockDirectory takes the directory for this process, and makes it when it is
// missing. The error wraps [ErrLocked] and names the owner's pid when it is taken.
func LockDirectory(directory string) (*Lock, error) {
	if err := (Disk{}).MakeDirectory(directory); err != nil {
		return nil, fmt.Errorf("lock %s: %w", directory, err)
	}
	file, err := os.OpenFile(filepath.Join(directory, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", directory, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s belongs to the process with pid %s", ErrLocked, directory, owner(file))
		}
		return nil, fmt.Errorf("lock %s: %w", directory, err)
	}
	if err := writeOwner(file); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", directory, err), file.Close())
	}
	return &Lock{file: file}, nil
}

// Release gives the directory up. The file stays: removing it would let two
// processes lock two files of the same name.
func (l *Lock) Release() error { return l.file.Close() }

// writeOwner writes before it cuts: the bytes that are there are room on a full disk.
// The pid is for messages, so a disk without room for it does not refuse a start.
func writeOwner(file *os.File) error {
	pid := []byte(strconv.Itoa(os.Getpid()) + "\n")
	_, err := file.WriteAt(pid, 0)
	if noSpace(err) {
		return file.Truncate(0)
	}
	if err != nil {
		return err
	}
	return file.Truncate(int64(len(pid)))
}

// owner returns the pid in the file, or "unknown" when there is none.
func owner(file *os.File) string {
	const pidBytesMax = 32
	text, err := io.ReadAll(io.LimitReader(file, pidBytesMax))
	pid, _, _ := strings.Cut(string(text), "\n")
	if err == nil && pid != "" {
		return pid
	}
	return "unknown"
}
