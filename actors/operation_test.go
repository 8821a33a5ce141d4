package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An operation whose caller has no time left is recycled by the one of the two who
// leaves it last, however the two meet, and never before the other has left.
func TestAnOperationIsRecycledByWhoLeavesItLast(t *testing.T) {
	h := newHouse(t)
	begin := func() *operation {
		h.engine.inFlight.Add(1)
		op := newOperation(h.engine, stepRead)
		op.waitFor = 1
		return op
	}
	recycled := func(op *operation) bool { return op.waitFor == 0 }

	op := begin()
	require.False(t, op.await(time.Nanosecond), "nobody has answered")
	require.False(t, recycled(op), "the engine is still at work on it")
	op.finish()
	require.True(t, recycled(op))

	op = begin()
	op.runOut() // as the timer does, before the caller notices
	op.finish()
	require.False(t, recycled(op), "the caller still looks at it")
	<-op.timeUp
	op.timeUp <- struct{}{}
	require.False(t, op.await(time.Hour))
	require.True(t, op.timer.Stop())
	require.True(t, recycled(op))
	require.Empty(t, op.done)
	require.Empty(t, op.timeUp)

	op = begin()
	op.finish()
	require.True(t, op.await(time.Hour))
	op.stopTimer()
	require.False(t, recycled(op), "the answer is the caller's to read")
	require.Empty(t, op.timeUp)
	require.Zero(t, h.engine.inFlight.Load())
}
