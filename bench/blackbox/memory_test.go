package blackbox

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that dies under load for want of memory, also in a row with kills while it
// recovers, has lost nothing. Where the machine permits control groups, the kernel kills
// it; everywhere, a server is refused memory and ends. HOLDFAST_MEMORY_CYCLES sets how often.
func TestKillForWantOfMemoryLosesNothing(t *testing.T) {
	cycles := cyclesOf(t, "HOLDFAST_MEMORY_CYCLES", 4)
	best, err := newFamine()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, best.close()) })
	famines := map[string]famine{"refused memory": &dataFamine{}}
	if group, is := best.(*groupFamine); is {
		famines["killed in its group"] = group
	}
	for name, famine := range famines {
		t.Run(name, func(t *testing.T) { loseNothing(t, famine, nil, cycles) })
	}
}

// A server that ended otherwise is not taken for one that had no memory.
func TestADeathOfAnotherKindIsNoFamine(t *testing.T) {
	for trouble, excused := range map[string]bool{
		"fatal error: runtime: out of memory":                     true,
		"runtime: failed to create new OS thread (have 9 already": true,
		"runtime/cgo: pthread_create failed: Resource":            true,
		"fatal error: concurrent map writes":                      false,
		`{"level":"ERROR","msg":"the projection stops"}`:          false,
		"": false,
	} {
		require.Equal(t, excused, (&dataFamine{}).excuses(trouble), trouble)
		require.False(t, (&groupFamine{}).excuses(trouble))
	}
}
