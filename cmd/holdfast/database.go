package main

import (
	"context"
	"errors"
	"time"

	"holdfast/persistence"
	"holdfast/persistence/postgres"
	"holdfast/persistence/sqlite"
)

const (
	// databasePauseMin is the pause after the first time that a start could not reach
	// the database; it doubles up to databasePauseMax.
	databasePauseMin = 100 * time.Millisecond
	databasePauseMax = 5 * time.Second
)

// database is the configured database.
type database struct {
	persistence.Store
	// prepare has to come before the first use.
	prepare func(context.Context) error
	// claim keeps the database for this process: whoever projects has to. lost is called
	// when another process has it although this one goes on.
	claim func(ctx context.Context, lost func(error)) error
}

// databaseURL returns the address of the Postgres database; without one the database is
// the data directory's own.
func (o *globalOptions) databaseURL() (string, error) {
	return addressOf("DATABASE_URL", o.DatabaseURL, o.DatabaseURLFile)
}

// openDatabase opens the configured database for a command.
func (p *program) openDatabase(ctx context.Context, directory *dataDirectory) (persistence.Store, error) {
	opened, err := p.newDatabase(ctx, directory)
	if err != nil {
		return nil, err
	}
	if err := opened.prepare(ctx); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// newDatabase returns the configured database, which a server that listens already
// answers for while it is away.
func (p *program) newDatabase(ctx context.Context, directory *dataDirectory) (*database, error) {
	address, err := p.options.databaseURL()
	if err != nil {
		return nil, err
	}
	if address != "" {
		store, err := postgres.New(ctx, address)
		if err != nil {
			return nil, err
		}
		return &database{Store: store, prepare: store.Prepare, claim: store.Claim}, nil
	}
	if err := directory.refuseLostDatabase(); err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, directory.database())
	if err != nil {
		return nil, err
	}
	// It is opened already, and the data directory is ours.
	return &database{Store: store, prepare: func(context.Context) error { return nil },
		claim: func(context.Context, func(error)) error { return nil }}, nil
}

// withDatabase returns a stage that is done again from its beginning when it failed because
// the database went away, once that is back. So it must leave nothing behind that is in its
// own way.
func (s *server) withDatabase(do stage) stage {
	return func(ctx context.Context, p *program, options *serverOptions) error {
		for {
			err := do(ctx, p, options)
			if err == nil || !postgres.IsAway(err) || ctx.Err() != nil {
				return err
			}
			s.log.Warn("the database went away during the start, which goes on when it is back", "error", err)
			if err := s.awaitDatabase(ctx, p, options); err != nil {
				return err
			}
		}
	}
}

// awaitDatabase takes the database for this process and prepares it, and waits as long as
// it is away. The claim comes first: nobody migrates under a server that runs.
func (s *server) awaitDatabase(ctx context.Context, _ *program, _ *serverOptions) error {
	begin := func() error {
		err := s.store.claim(ctx, s.fail)
		if err == nil {
			err = s.store.prepare(ctx)
		}
		return err
	}
	for pause := databasePauseMin; ; pause = min(2*pause, databasePauseMax) {
		err := begin()
		if err == nil || !postgres.IsAway(err) || ctx.Err() != nil {
			return err
		}
		if pause == databasePauseMin {
			s.log.Warn("the database cannot be reached; the start waits until it can", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
