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

func writeOwner(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// owner returns the pid in the file, or "unknown" while its owner writes it.
func owner(file *os.File) string {
	const pidBytesMax = 32
	text, err := io.ReadAll(io.LimitReader(file, pidBytesMax))
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}
