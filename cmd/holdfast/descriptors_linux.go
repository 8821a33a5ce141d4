package main

import (
	"math"

	"golang.org/x/sys/unix"
)

const (
	// descriptorsReserved are kept for the journal, the database and the admin pages.
	descriptorsReserved = 256
	// bridgeDescriptors are what a WebSocket takes beside its connection when that is
	// encrypted.
	bridgeDescriptors = 2
)

// connectionsMax leaves the journal its file descriptors: a segment that cannot be
// opened stops the selling, a connection that has to wait does not. Of sockets, zero is
// three quarters of the connections.
func connectionsMax(connections, sockets int, encrypted bool) (connectionsMax, socketsMax int) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return connections, sockets
	}
	return withinDescriptors(int(limit.Cur)-descriptorsReserved, connections, sockets, encrypted)
}

// withinDescriptors is connectionsMax for so many descriptors.
func withinDescriptors(descriptors, connections, sockets int, encrypted bool) (connectionsMax, socketsMax int) {
	if !encrypted {
		return max(1, min(connections, descriptors)), sockets
	}
	// Three quarters of the connections with bridgeDescriptors more each.
	connections = max(1, min(connections, descriptors*4/(4+3*bridgeDescriptors)))
	return connections, min(sockets, max(1, (descriptors-connections)/bridgeDescriptors))
}
