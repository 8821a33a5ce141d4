package main

import (
	"math"

	"golang.org/x/sys/unix"
)

// descriptorsReserved are kept for the journal, the database and the admin pages.
const descriptorsReserved = 256

// connectionsMax leaves the journal its file descriptors: a segment that cannot be
// opened stops the selling, a connection that has to wait does not.
func connectionsMax(asked int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return asked
	}
	return max(1, min(asked, int(limit.Cur)-descriptorsReserved))
}
