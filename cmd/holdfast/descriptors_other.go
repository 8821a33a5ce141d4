//go:build !linux

package main

// connectionsMax trusts the operator where the limit of descriptors is not known.
func connectionsMax(connections, sockets int, _ bool) (connectionsMax, socketsMax int) {
	return connections, sockets
}
