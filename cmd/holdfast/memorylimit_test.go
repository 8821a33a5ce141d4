package main

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestTheBoundOfMemoryIsFound(t *testing.T) {
	const unbounded = int64(math.MaxInt64)
	for _, row := range []struct {
		name    string
		files   map[string]string
		allowed int64
	}{
		{"no groups", map[string]string{}, unbounded},
		{"version 2", map[string]string{"proc/self/cgroup": "0::/shop/server\n", "sys/fs/cgroup/shop/server/memory.max": "500\n",
			"sys/fs/cgroup/shop/memory.max": "max\n"}, 500},
		{"a group around it", map[string]string{"proc/self/cgroup": "0::/shop/server\n", "sys/fs/cgroup/shop/server/memory.max": "500\n",
			"sys/fs/cgroup/shop/memory.max": "400\n"}, 400},
		{"version 2 in a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "300\n"}, 300},
		{"version 2 without a bound", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, unbounded},
		{"version 1", map[string]string{"proc/self/cgroup": "4:cpu:/a\n3:memory:/shop\n0::/\n", "sys/fs/cgroup/memory/shop/memory.limit_in_bytes": "700\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 700},
		{"version 1 in a container", map[string]string{"proc/self/cgroup": "3:memory:/docker/1234\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "600\n"}, 600},
		{"nonsense", map[string]string{"proc/self/cgroup": "memory\n3:memory:\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "-1\n"}, unbounded},
	} {
		t.Run(row.name, func(t *testing.T) {
			system := fstest.MapFS{}
			for name, text := range row.files {
				system[name] = &fstest.MapFile{Data: []byte(text)}
			}
			require.Equal(t, row.allowed, memoryAllowed(system))
		})
	}
}

// The runtime keeps nine tenths of what the process may have, unless GOMEMLIMIT says what
// it is to keep.
func TestTheHeapIsKeptWithinTheBound(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	system := fstest.MapFS{"proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("2147483648\n")}}
	require.Zero(t, takeMemory("1GiB", system, 0))
	require.Equal(t, before, debug.SetMemoryLimit(-1), "the environment wins")
	require.Zero(t, takeMemory("", fstest.MapFS{}, 0))
	require.Equal(t, before, debug.SetMemoryLimit(-1))
	require.EqualValues(t, 1_932_735_283-90_000_000, takeMemory("", system, 100_000_000), "others need some of it")
	require.EqualValues(t, 1_932_735_283/2, takeMemory("", system, 1<<40), "but not all")
	require.EqualValues(t, 1_932_735_283, takeMemory("", system, 0))
	require.EqualValues(t, 1_932_735_283, debug.SetMemoryLimit(-1))
}
