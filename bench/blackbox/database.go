package blackbox

import (
	"context"
	"slices"
)

// Database is a database server that is killed and started like the server in front of
// it.
type Database interface {
	// New makes an empty database and returns its address.
	New() (address string, err error)
	// Kill ends the server as a power cut does; Start starts it again with what it has,
	// and returns when it answers.
	Kill() error
	Start() error
}

// newDatabase gives the server an empty database: the one that it has belongs to another
// data directory.
func (l *Loop) newDatabase() error {
	if l.Database == nil {
		return nil
	}
	address, err := l.Database.New()
	l.Server.Environment = append(slices.Clone(l.Server.Environment), "DATABASE_URL="+address)
	return err
}

// awayMin is the least acknowledged orders of an outage. Those of as many buyers may have
// been under way when it began.
const awayMin = buyers + 100

// loseDatabase kills the database at a random moment of the load, and requires that orders
// are acknowledged all the same. It starts it again, or leaves it as it is until the server
// is gone.
func (w *world) loseDatabase(ctx context.Context) error {
	if w.Database == nil {
		return nil
	}
	if err := w.awaitAcknowledgements(ctx, w.random.IntN(w.AcknowledgementsMin)); err != nil {
		return err
	}
	if err := w.killDatabase(); err != nil {
		return err
	}
	before := w.history.acknowledged()
	if err := w.awaitAcknowledgements(ctx, before+awayMin); err != nil {
		return err
	}
	w.count(func(v *Verdict) { v.AcknowledgedAway += w.history.acknowledged() - before - buyers })
	if w.random.IntN(2) == 0 {
		return nil
	}
	return w.returnDatabase()
}

func (w *world) killDatabase() error {
	w.databaseAway = true
	w.Server.log.expectOutage()
	w.count(func(v *Verdict) { v.Outages++ })
	return w.Database.Kill()
}

// returnDatabase starts the database again, if it is away.
func (w *world) returnDatabase() error {
	if !w.databaseAway {
		return nil
	}
	w.databaseAway = false
	return w.Database.Start()
}

// start starts the server and does not wait.
func (w *world) start() error {
	err := w.Server.start()
	if err == nil && w.databaseAway {
		w.Server.log.expectOutage()
	}
	return err
}

// restart starts the server and waits until it is ready. Its database may be away when it
// starts, or go away meanwhile.
func (w *world) restart(ctx context.Context) error {
	awaited := w.databaseAway && w.random.IntN(2) == 0
	if !awaited {
		if err := w.returnDatabase(); err != nil {
			return err
		}
	}
	if err := w.start(); err != nil {
		return err
	}
	w.client = newClient(w.Server.address)
	switch {
	case awaited:
		if err := w.awaitNoDatabase(ctx); err != nil {
			return err
		}
	case w.Database != nil && w.recovery > 0 && w.random.IntN(2) == 0:
		if err := w.loseDatabaseStarting(ctx); err != nil {
			return err
		}
	default:
		var err error
		w.recovery, err = w.Server.awaitReady(ctx)
		return err
	}
	_, err := w.Server.awaitReady(ctx)
	return err
}

// awaitNoDatabase waits until a server that starts misses its database, and gives it back.
func (w *world) awaitNoDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	select {
	case <-w.Server.log.written[noDatabase]:
	case <-w.Server.ended:
		return w.Server.endedByItself()
	case <-ctx.Done():
		return ctx.Err()
	}
	w.count(func(v *Verdict) { v.AwayAtStart++ })
	return w.returnDatabase()
}

// loseDatabaseStarting kills the database while the server starts, and starts it again.
func (w *world) loseDatabaseStarting(ctx context.Context) error {
	status := w.approach(ctx, w.aim())
	if err := w.killDatabase(); err != nil {
		return err
	}
	if status == 503 && !w.Server.log.has(nowReady) {
		w.count(func(v *Verdict) { v.OutagesInStart++ })
	}
	return w.returnDatabase()
}
