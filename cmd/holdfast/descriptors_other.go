//go:build !linux

package main

// connectionsMax trusts the operator where the limit of descriptors is not known.
func connectionsMax(asked int) int { return asked }
