package main

import (
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryShare is the part of the memory that a control group lets the process have which
// Go's runtime is told to keep within. The rest is for what is not Go's: the program's own
// pages, SQLite's, and the pages of files under way to the disk.
const memoryShare = 0.9

// takeMemory makes the collector work harder before the heap comes near to what the
// process's control group lets it have: without, it lets the heap double, and the kernel
// kills a process that could have lived. others is what other processes of the program take
// from it, half of it at most. It returns the limit, or 0 when there is none, or when
// GOMEMLIMIT has set one. system is the root of the file system.
func takeMemory(environment string, system fs.FS, others int64) int64 {
	if environment != "" {
		return 0
	}
	allowed := memoryAllowed(system)
	if allowed == math.MaxInt64 {
		return 0
	}
	limit := int64(float64(allowed-min(others, allowed/2)) * memoryShare)
	debug.SetMemoryLimit(limit)
	return limit
}

// memoryGroups are where Linux keeps the bounds of memory: the controller's name in
// /proc/self/cgroup, its folder and its file, in version 2 and in version 1.
var memoryGroups = []struct{ controller, folder, file string }{
	{"", "sys/fs/cgroup", "memory.max"},
	{"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes"},
}

// memoryAllowed returns the least bound of the process's control group and of those
// around it, or [math.MaxInt64].
func memoryAllowed(system fs.FS) int64 {
	allowed := int64(math.MaxInt64)
	groups, _ := fs.ReadFile(system, "proc/self/cgroup") // elsewhere than on Linux there is none
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		for _, group := range memoryGroups {
			if fields[1] != group.controller {
				continue
			}
			// In a container, the outer part of the path may not be there.
			for inner := path.Clean("/" + fields[2]); ; inner = path.Dir(inner) {
				allowed = min(allowed, memoryBound(system, path.Join(group.folder, inner, group.file)))
				if inner == "/" {
					break
				}
			}
		}
	}
	return allowed
}

// memoryUnbounded is more than any machine has: version 1 writes a number of this size
// where there is no bound.
const memoryUnbounded = 1 << 60

// memoryBound reads one bound, or returns [math.MaxInt64].
func memoryBound(system fs.FS, name string) int64 {
	text, err := fs.ReadFile(system, name)
	if err != nil {
		return math.MaxInt64
	}
	bound, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || bound <= 0 || bound >= memoryUnbounded {
		return math.MaxInt64 // version 2 writes "max"
	}
	return bound
}
