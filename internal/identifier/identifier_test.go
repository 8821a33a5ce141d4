package identifier

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

func TestNewCarriesShardAndOrder(t *testing.T) {
	at := 1_764_000_000_000 * inventory.Millisecond
	for shard := range uint16(inventory.ShardCount) {
		id := New(at, shard)
		require.Equal(t, shard, id.Shard())
		require.Equal(t, byte(0x70), id[6]&0xf0)
		require.Equal(t, byte(0x80), id[8]&0xc0)
	}
	earlier, later := New(at, 4095), New(at+inventory.Millisecond, 0)
	require.Less(t, earlier.String(), later.String())
}

func TestFreshIdentifiersDiffer(t *testing.T) {
	seen := make(map[inventory.ID]bool)
	shards := make(map[uint16]bool)
	for range 10_000 {
		id := Unsharded(0)
		require.False(t, seen[id])
		seen[id] = true
		shards[id.Shard()] = true
	}
	require.Greater(t, len(shards), inventory.ShardCount/2)
}

// What a name derives may never change: whoever derives it later has to find it.
func TestDerivedIsTheSameForEver(t *testing.T) {
	require.Equal(t, "910257d9-f258-8820-b30c-7c5eab6bc52d", Derived("customer", "17850").String())
	require.NotEqual(t, Derived("customer", "17850"), Derived("guest", "17850"))
	require.NotEqual(t, Derived("a", "b"), Derived("ab", ""))
	id := Derived("customer", "12346")
	require.Equal(t, byte(0x80), id[6]&0xf0)
	require.Equal(t, byte(0x80), id[8]&0xc0)
}
