// Package cage bounds the memory of a process, as a container does, and kills it for want
// of memory.
//
// # Model
//
// A [Cage] is a control group of its own for memory, of version 2 where the kernel has
// that, else of version 1, below the group of this process or at the top. The command that
// [Cage.Command] returns puts itself into it before it becomes the program, so that all of
// the program's memory counts. Not every machine lets its users make groups: then [New]
// returns an error that wraps [ErrNotPermitted], and [LimitData] is what is left. It bounds
// what a running process may have of private memory; whoever needs more is not killed, but
// told no, which ends a Go program too.
package cage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotPermitted is wrapped by the error of a machine on which this process may make no
// control group for memory.
var ErrNotPermitted = errors.New("no control group for memory can be made here")

// version says how a version of control groups calls its files.
type version struct {
	// limit and usage are in bytes; kills has a line "oom_kill N"; controller is a field
	// of /proc/self/cgroup.
	limit, usage, kills, controller string
	mounts                          []string
}

var versions = []version{
	{"memory.max", "memory.current", "memory.events", "", []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}},
	{"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", "memory", []string{"/sys/fs/cgroup/memory"}},
}

// Cage is a control group. It is there until [Cage.Close].
type Cage struct {
	version version
	folder  string
}

// New makes a group whose processes may have so many bytes together.
func New(bytes int64) (*Cage, error) {
	var failures []error
	for _, v := range versions {
		for _, parent := range v.parents() {
			c, err := v.makeIn(parent, bytes)
			if err == nil {
				return c, nil
			}
			failures = append(failures, err)
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNotPermitted, errors.Join(failures...))
}

// parents are the folders in which a group may be made: that of this process, and the top.
func (v *version) parents() (folders []string) {
	own := "/"
	data, _ := os.ReadFile("/proc/self/cgroup") // without one, the top is left
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) == 3 && fields[1] == v.controller {
			own = fields[2]
		}
	}
	for _, mount := range v.mounts {
		folders = append(folders, filepath.Join(mount, own))
		if own != "/" {
			folders = append(folders, mount)
		}
	}
	return folders
}

// makeIn makes a group. One without the files of memory is of no use.
func (v *version) makeIn(parent string, bytes int64) (*Cage, error) {
	if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(parent, "holdfast-")
	if err != nil {
		return nil, err
	}
	c := &Cage{version: *v, folder: folder}
	if err := c.Limit(bytes); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Command returns the command that runs a program with its arguments in the cage.
func (c *Cage) Command(program string, arguments ...string) (string, []string) {
	const script = `echo $$ >"$0/cgroup.procs" && exec "$@"`
	return "sh", append([]string{"-c", script, c.folder, program}, arguments...)
}

// Limit changes how many bytes the processes may have. Where they have more, a group of
// version 2 takes the limit and kills, and one of version 1 refuses.
func (c *Cage) Limit(bytes int64) error {
	// Without O_CREATE: a folder that is no group stays without the file.
	file, err := os.OpenFile(filepath.Join(c.folder, c.version.limit), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strconv.FormatInt(bytes, 10))
	return errors.Join(err, file.Close())
}

// Usage returns the bytes that the processes have, with the pages of files that they
// have read and written.
func (c *Cage) Usage() (int64, error) {
	data, err := os.ReadFile(filepath.Join(c.folder, c.version.usage))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

// Kills returns how many processes the kernel has killed for want of memory.
func (c *Cage) Kills() (int64, error) {
	data, err := os.ReadFile(filepath.Join(c.folder, c.version.kills))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if count, is := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); is {
			return strconv.ParseInt(count, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s does not count kills", c.version.kills)
}

// Close removes the group, whose processes must have ended.
func (c *Cage) Close() error { return os.Remove(c.folder) }

// LimitData lets a running process have so many bytes of private memory from now on, and
// no more. What it has stays.
func LimitData(pid int, bytes uint64) error {
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: bytes, Max: bytes}, nil); err != nil {
		return fmt.Errorf("limit the memory of process %d: %w", pid, err)
	}
	return nil
}
