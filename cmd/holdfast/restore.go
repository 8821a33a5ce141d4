package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/inventory"
	"holdfast/persistence"
	"holdfast/persistence/journal"
)

// restoreCommand puts a backup back, all of it or the database alone.
type restoreCommand struct {
	Folder       string `arg:"" type:"existingdir" help:"The folder that backup has made."`
	DatabaseOnly bool   `help:"Put back the database alone, which was lost, beside the journal that the data directory has: the server adds what came after the backup."`
}

// restoring is the work of the command.
type restoring struct {
	*restoreCommand
	program   *program
	kept      *manifest
	projected persistence.Position
	directory *dataDirectory
	copier    databaseCopier
}

// Run restores the backup and verifies what came of it. Nothing is changed before all of
// it is known to fit; from then on until the end no server starts on it.
func (c *restoreCommand) Run(ctx context.Context, p *program) (err error) {
	r := restoring{restoreCommand: c, program: p}
	if r.kept, err = readManifest(c.Folder); err != nil {
		return err
	}
	if r.projected, err = r.kept.Projected.position(); err != nil {
		return err
	}
	if r.directory, err = p.lockDataDirectory(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.directory.Close()) }()
	if r.copier, err = p.newDatabaseCopier(ctx, r.directory); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.copier.Close()) }()
	if err := r.refuse(ctx); err != nil {
		return err
	}
	if err := r.kept.verify(ctx, c.Folder); err != nil {
		return err
	}
	if err := r.restore(ctx); err != nil {
		return fmt.Errorf("restore the backup: %w", err)
	}
	return r.report(ctx)
}

// refuse keeps what is there from being mixed with the backup.
func (r *restoring) refuse(ctx context.Context) error {
	if kind := r.copier.kind(); r.kept.Database != kind {
		return usagef("the backup is of a %s database and the configured one is %s: a backup goes back into the kind of database "+
			"that it was made of; %s", r.kept.Database, kind, map[string]string{
			databaseSQLite:   "set DATABASE_URL to the address of an empty Postgres database",
			databasePostgres: "unset DATABASE_URL and DATABASE_URL_FILE, and the database is that of the data directory"}[kind])
	}
	refuse := r.refuseFull
	if r.DatabaseOnly {
		refuse = r.refuseGap
	}
	if err := refuse(); err != nil {
		return err
	}
	return r.copier.refuse(ctx, r.kept.Schema)
}

// refuseFull refuses a data directory that has something.
func (r *restoring) refuseFull() error {
	for _, path := range []string{r.directory.database(), r.directory.journal(), r.directory.keys()} {
		if err := refusePath(path); err != nil {
			return err
		}
	}
	return r.directory.refuseHalf()
}

// refuseGap refuses a journal that cannot follow the database of the backup: it is
// another one, or its records after the backup are not all there.
func (r *restoring) refuseGap() error {
	if all, err := r.directory.hasMark(restoringAll); err != nil {
		return err
	} else if all {
		return r.directory.refuseHalf()
	}
	report, err := journal.Verify(presentDisk{}, r.directory.journal(), r.projected)
	switch {
	case len(report.Segments) == 0 && (err == nil || errors.Is(err, persistence.ErrCorrupt)):
		return usagef("%s has no journal for the database to follow: without --database-only, restore puts back all of the backup", r.directory.path)
	case report.First > r.projected.Sequence+1:
		return fmt.Errorf("the journal begins with record %d, and the database of the backup ends with record %d: those between were deleted, "+
			"because the lost database had them. Take a newer backup, of which the database ends at record %d or later; without one, move "+
			"the data directory away and restore all of this backup, which loses everything that came after it",
			report.First, r.projected.Sequence, report.First-1)
	}
	return err
}

// The texts of the file that marks a data directory while a restore is at work.
const restoringAll, restoringDatabase = "all\n", "database\n"

// restore copies what is to be restored. The mark goes last.
func (r *restoring) restore(ctx context.Context) error {
	mark, text := r.directory.restoring(), restoringAll
	if r.DatabaseOnly {
		text = restoringDatabase
	}
	if there, err := isThere(mark); err != nil {
		return err
	} else if !there {
		if err := writeMark(mark, text); err != nil {
			return err
		}
	}
	if !r.DatabaseOnly {
		if err := r.restoreFiles(); err != nil {
			return err
		}
	}
	if err := r.copier.copyIn(ctx, r.Folder); err != nil {
		return err
	}
	if r.DatabaseOnly {
		if err := r.restoreProducts(ctx); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(mark), syncFolder(r.directory.path))
}

// writeMark makes the mark with its text, or neither.
func writeMark(path, text string) error {
	unfinished := path + partialSuffix
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeSynced(unfinished, []byte(text)); err != nil {
		return err
	}
	return rename(unfinished, path)
}

// restoreFiles copies keys and journal. The journal begins a new epoch, so that nobody
// takes what was recorded after the backup, and is lost, for the same history.
func (r *restoring) restoreFiles() error {
	keys, err := isThere(filepath.Join(r.Folder, backupKeys))
	if err == nil && keys {
		err = copyFolder(filepath.Join(r.Folder, backupKeys), r.directory.keys())
	}
	if err != nil {
		return err
	}
	if err := copyFolder(filepath.Join(r.Folder, backupJournal), r.directory.journal()); err != nil {
		return err
	}
	_, err = journal.Branch(presentDisk{}, r.directory.journal(), epochOf(r.program.clock.Now()))
	return err
}

// report verifies what is there now, and says what it is.
func (r *restoring) report(ctx context.Context) error {
	projected, err := r.program.projectedPosition(ctx, r.directory)
	if err != nil {
		return err
	}
	found, err := journal.Verify(presentDisk{}, r.directory.journal(), projected)
	if err != nil {
		return err
	}
	if r.DatabaseOnly {
		fmt.Fprintf(r.program.stdout, "The database is as it was at %s. The journal has %d records from after that: start the server, which adds them.\n"+
			"Accounts, keys and changes of the catalogue from after the backup are lost: look through the catalogue.\n",
			r.kept.At, found.End.Sequence-projected.Sequence)
		return nil
	}
	fmt.Fprintf(r.program.stdout, "%s is as it was at %s: up to record %d of journal %s. Start the server.\n",
		r.directory.path, r.kept.At, r.kept.Sequence, r.kept.Journal)
	return nil
}

// epochOf returns an epoch that is higher than all before: those count restores, and this
// one the seconds since 1970.
func epochOf(now inventory.Instant) uint32 {
	return uint32(min(int64(now)/int64(time.Second), int64(^uint32(0))))
}
