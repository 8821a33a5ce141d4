package actors

import (
	"context"
	"fmt"
)

// Stop ends the work: nothing new is taken, what is in flight is answered, and
// SQL catches up with what is durable, until ctx ends. Journal and store stay
// open. An error means that something is left for the next start; nothing is
// lost.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopping.Store(true)
	if e.inFlight.Load() == 0 {
		e.drainOnce.Do(func() { close(e.drained) })
	}
	defer e.broadcast.end()
	defer e.endProjection()
	defer e.rebuilds.Wait()
	defer e.end()
	select {
	case <-e.drained:
	case <-ctx.Done():
		return fmt.Errorf("wait for %d requests in flight: %w", e.inFlight.Load(), ctx.Err())
	}
	e.lookupsWG.Wait()
	return e.projector.wait(ctx, e.journal.DurableSequence())
}

// endProjection ends the projector. Who still waits for SQL then waits in vain, and is
// told so.
func (e *Engine) endProjection() {
	e.projector.stop()
	if e.commits != nil {
		e.commits.abandon()
	}
}
