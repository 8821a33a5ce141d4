package main

import (
	"context"
	"errors"
	"fmt"
)

// serveCommand runs the server.
type serveCommand struct {
	serverOptions `embed:""`
}

// Run serves until a signal asks for the end or the server cannot go on.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
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
