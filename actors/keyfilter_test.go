package actors

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// The filter knows every key, in all of its parts, and takes few others for known ones
// even when it is full: each is an order that waits for SQL. Beyond that, every key may be
// known.
func TestTheFilterKnowsAndErrsLittle(t *testing.T) {
	f := newKeyFilter()
	f.first = 1 << 8
	random := rand.New(rand.NewPCG(16, 11))
	fingerprint := func() (key inventory.Fingerprint) {
		for i := range key {
			key[i] = byte(random.Uint32())
		}
		return key
	}
	errors := func() (share float64) {
		const asked = 100_000
		wrong := 0
		for range asked {
			if f.mayContain(fingerprint()) {
				wrong++
			}
		}
		return float64(wrong) / asked
	}
	require.Zero(t, errors())
	keys := make([]inventory.Fingerprint, f.first*(1<<filterPartsMax-1))
	for i := range keys {
		keys[i] = fingerprint()
		f.add(keys[i])
		if i+1 == f.first {
			require.Less(t, errors(), 0.001, "with one part")
		}
	}
	for _, key := range keys {
		require.True(t, f.mayContain(key))
	}
	require.Less(t, errors(), 0.006, "with all parts full")
	require.False(t, f.full.Load())
	f.add(fingerprint())
	require.InDelta(t, 1, errors(), 0, "it has no room for more")
}
