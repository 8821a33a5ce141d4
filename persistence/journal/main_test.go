package journal_test

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// The sweeps open a hundred thousand journals in memory: collecting the garbage of
// each would take longer than the tests.
const garbagePercent = 800

func TestMain(m *testing.M) {
	debug.SetGCPercent(garbagePercent)
	goleak.VerifyTestMain(m)
}
