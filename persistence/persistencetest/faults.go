package persistencetest

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// fuse is a context that ends when it is looked at for the n-th time. Every step
// of a database call looks at its context, so a sweep over n ends the call
// between any two of its steps, the last write and the commit included.
type fuse struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newFuse(parent context.Context, looks int64) *fuse {
	f := &fuse{}
	f.Context, f.cancel = context.WithCancel(parent)
	f.left.Store(looks)
	return f
}

func (f *fuse) burn() {
	if f.left.Add(-1) == 0 {
		f.cancel()
	}
}

// blown reports whether the context ended by itself.
func (f *fuse) blown() bool { return f.left.Load() <= 0 }

// Done implements [context.Context].
func (f *fuse) Done() <-chan struct{} {
	f.burn()
	return f.Context.Done()
}

// Err implements [context.Context].
func (f *fuse) Err() error {
	f.burn()
	return f.Context.Err()
}

// testProjectionInterrupted interrupts Project at every step. Position and data
// must agree each time: nothing of the run is there, or all of it.
func testProjectionInterrupted(t *testing.T, opener Opener) {
	store := open(t, opener)
	history := NewHistory(43, 4)
	history.CreateProducts(t, store)
	const start, step = 40, 25
	history.Grow(start)
	projectTo(t, store, history, start)
	interrupted := 0
	for looks := int64(1); ; looks++ {
		at := RequireHistory(t, store, history)
		history.Grow(int(at) + step)
		from, to, records := history.Run(at, at+step)
		limited := newFuse(t.Context(), looks)
		err := store.Project(limited, from, to, records)
		blown := limited.blown()
		limited.cancel()
		now := RequireHistory(t, store, history)
		if err == nil {
			require.Equal(t, at+step, now, "a run that was reported as applied is not there")
		} else {
			require.Contains(t, []uint64{at, at + step}, now)
			interrupted++
		}
		if err == nil && !blown {
			break
		}
	}
	require.Greater(t, interrupted, 10, "the sweep did not reach the inside of Project")
}
