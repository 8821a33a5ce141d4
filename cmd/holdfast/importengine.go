package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// withEngine runs work on the data directory with a server that has no front: its
// engine has recovered, the database has all that the journal has, and nobody else
// asks. The context of work ends when the engine cannot go on.
func (p *program) withEngine(ctx context.Context, work func(context.Context, *server) error) (err error) {
	s := &server{log: p.log, ended: make(chan error, 8)}
	if s.metrics, err = newEngineMetrics(prometheus.NewRegistry()); err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-s.ended:
			cancel(err)
		case <-ctx.Done():
		}
	}()
	begin := func() error {
		for _, begin := range []func(context.Context, *program, *serverOptions) error{s.openData, s.awaitDatabase, s.openJournal, s.startEngine} {
			if err := begin(ctx, p, &serverOptions{}); err != nil {
				return err
			}
		}
		return s.engine.WaitProjected(ctx, s.journal.DurableSequence())
	}
	if err = begin(); err == nil {
		err = work(ctx, s)
	}
	if err == nil {
		return s.close(context.Background())
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	// What the database does not have yet is in the journal, for the next start.
	return errors.Join(err, s.abandon())
}
