package main

import (
	"context"
	"errors"
	"fmt"

	"holdfast/persistence"
	"holdfast/persistence/journal"
)

type journalRenewCommand struct {
	Yes bool `help:"Do it, and lose what the database does not have."`
}

// Run begins a journal where the database stands. Nobody else may write to the database:
// the server that lost its journal may be one that only cannot be reached.
func (c *journalRenewCommand) Run(ctx context.Context, p *program) (err error) {
	directory, err := p.openDataDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	if there, err := isThere(directory.journal()); err != nil {
		return err
	} else if there {
		return usagef("%s is there: a journal that can be read has more than the database; if it cannot, move it away", directory.journal())
	}
	store, err := p.newDatabase(ctx, directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := store.claim(ctx, nil); err != nil {
		return err
	}
	if err := store.prepare(ctx); err != nil {
		return err
	}
	position, err := store.Position(ctx)
	switch {
	case err != nil:
		return err
	case position == persistence.Position{}:
		return usagef("the database has no record of a journal: start the server, which makes one")
	case !c.Yes:
		return usagef("the new journal begins after record %d, the last that the database has: orders that were acknowledged and that it "+
			"does not have are lost. If the lost journal may still be found, look for it first. Say --yes to do it", position.Sequence)
	}
	begin, err := journal.Renew(presentDisk{}, directory.journal(), position, epochOf(p.clock.Now()))
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "The journal %s goes on after record %d, in epoch %d. Start the server.\n", begin.Journal, begin.Sequence, begin.Epoch)
	return nil
}
