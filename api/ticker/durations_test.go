package ticker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// What is counted within a bound was not longer, whatever class it fell into; and what is
// longer than all bounds is counted in all.
func TestDurationsWithinBounds(t *testing.T) {
	var counted durations
	for _, took := range []inventory.Instant{-1, 0, inventory.Millisecond / 4, inventory.Millisecond, 3 * inventory.Millisecond, inventory.Second, 3600 * inventory.Second} {
		counted.note(took)
	}
	var read Durations
	read.add(&counted)
	within, all := read.Within([]time.Duration{time.Millisecond, 5 * time.Millisecond, time.Minute, 24 * time.Hour})
	require.Equal(t, []uint64{3, 5, 6, 6}, within)
	require.EqualValues(t, 7, all)
	require.Equal(t, 3601*time.Second+4*time.Millisecond+time.Millisecond/4, read.Sum)
	for class := range durationClasses - 1 {
		bound := inventory.Instant(durationBound(class))
		require.Equal(t, class, durationClass(bound-1))
		require.Equal(t, class+1, durationClass(bound))
	}
}
