package redis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

func TestTheBreakerLetsOneLook(t *testing.T) {
	manual := clock.NewManual(inventory.Second)
	b := breaker{clock: manual}
	for range failuresMax {
		require.True(t, b.allows())
		require.False(t, b.rests())
		b.failed()
	}
	require.True(t, b.rests())
	for range 10 {
		require.False(t, b.allows())
	}
	manual.Advance(restTime)
	require.True(t, b.allows(), "nobody looks whether the server is back")
	require.False(t, b.allows(), "a second one looks")
	b.failed()
	require.False(t, b.allows())
	manual.Advance(restTime)
	require.True(t, b.allows())
	manual.Advance(restTime)
	require.True(t, b.allows(), "one who looked and did not tell keeps the others out for ever")
	b.succeeded()
	require.False(t, b.rests())
	for range 10 {
		require.True(t, b.allows())
	}
	b.failed()
	b.failed()
	b.succeeded()
	b.failed()
	require.True(t, b.allows(), "failures that were not in a row count")
}
