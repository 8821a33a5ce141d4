//go:build race

package journal_test

// raceEnabled makes the sweeps shorter: they run ten times slower then.
const raceEnabled = true
