package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
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
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsFactor * runtime.GOMAXPROCS(0))
	}
	s, err := startServer(ctx, p, &c.serverOptions)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		p.log.Info("stopping", "delay", c.ShutdownDelay, "timeout", c.ShutdownTimeout)
		return s.stop(&c.serverOptions)
	case err := <-s.ended:
		return errors.Join(fmt.Errorf("the server cannot go on: %w", err), s.abandon())
	}
}
