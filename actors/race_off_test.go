//go:build !race

package actors

// raceEnabled makes the sweeps shorter: they run ten times slower then.
const raceEnabled = false
