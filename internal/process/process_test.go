package process

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Memory that is written to and work that is done show up in what the process takes.
func TestUsageGrowsWithMemoryAndWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		require.Equal(t, Usage{}, Now())
		return
	}
	before := Now()
	const size = 64 << 20
	memory := make([]byte, size)
	for i := range memory {
		memory[i] = byte(i)
	}
	after := Now()
	require.Greater(t, before.ResidentBytes, uint64(1<<20))
	require.GreaterOrEqual(t, after.ResidentBytes, before.ResidentBytes+size/2)
	require.Greater(t, after.Processor, before.Processor)
	runtime.KeepAlive(memory)
}
