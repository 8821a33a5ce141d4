package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"holdfast/internal/password"
	"holdfast/persistence"
)

// serveCommand runs the server.
type serveCommand struct {
	serverOptions `embed:""`
}

// processorsFactor is how many Go processors there are for each real one. A sync
// holds a Go processor for as long as the disk takes, and the writer that comes
// back from it needs a free one: see documentation/decisions/0004.
const processorsFactor = 2

// Run serves until a signal asks for the end or the server cannot go on.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	hashing := int64(0)
	if c.Role == roleAll { // a ticker has no journal to sync, and no password to hash
		if os.Getenv("GOMAXPROCS") == "" {
			runtime.GOMAXPROCS(processorsFactor * runtime.GOMAXPROCS(0))
		}
		hashing = int64(password.Parallel(c.PasswordsParallel)) * password.WorkerBytes
	}
	if limit := takeMemory(os.Getenv("GOMEMLIMIT"), os.DirFS("/"), hashing); limit > 0 {
		p.log.Info("the heap is kept within the memory that the system lets this process have", "bytes", limit)
	}
	s, err := startServer(ctx, p, &c.serverOptions)
	if interrupted(ctx, err) {
		p.log.Info("stopped while starting")
		return nil
	}
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		p.log.Info("stopping", "delay", c.ShutdownDelay, "timeout", c.ShutdownTimeout)
		if err := s.stop(&c.serverOptions); err != nil {
			return fmt.Errorf("stop the server: %w", err)
		}
		p.log.Info("stopped")
		return nil
	case err := <-s.ended:
		return errors.Join(fmt.Errorf("the server cannot go on: %w", err), s.abandon())
	}
}

// interrupted reports whether a start failed only because a signal asked for the
// end: whoever asked got what they wanted.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled) && !errors.Is(err, persistence.ErrCorrupt)
}
