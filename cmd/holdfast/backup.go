package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"holdfast/persistence/journal"
)

const (
	// partialSuffix marks the folder of a backup that is not finished.
	partialSuffix = ".partial"
	// backupTriesMax is how often a backup is made anew because the server has deleted
	// journal segments meanwhile that it needs.
	backupTriesMax = 3
	// The names in a backup's folder are those of the data directory; the tables of a
	// Postgres database are in a folder of their own.
	backupJournal, backupFile, backupTables, backupKeys = "journal", "holdfast.db", "database", "keys"
)

// backupCommand copies everything that the program keeps, while it goes on.
type backupCommand struct {
	Folder string `arg:"" type:"path" help:"The folder to make. It must not be there."`
}

// Run makes the backup in a folder with another name, which gets its own when it is
// whole.
func (c *backupCommand) Run(ctx context.Context, p *program) (err error) {
	// It is not locked: a server may have it.
	data := &dataDirectory{path: p.options.DataDir}
	if err := c.refuse(data); err != nil {
		return err
	}
	copier, err := p.newDatabaseCopier(ctx, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, copier.Close()) }()
	partial := c.Folder + partialSuffix
	var made *manifest
	for try := 1; ; try++ {
		err := os.RemoveAll(partial)
		if err == nil {
			made, err = p.backUp(ctx, data, copier, partial)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, journal.ErrReleased) || try == backupTriesMax {
			return errors.Join(fmt.Errorf("make the backup: %w", err), os.RemoveAll(partial))
		}
		p.log.Info("the server has deleted old journal segments meanwhile; the backup is made anew", "try", try+1)
	}
	if err := rename(partial, c.Folder); err != nil {
		return fmt.Errorf("give the backup its name: %w", err)
	}
	fmt.Fprintf(p.stdout, "%s holds everything up to record %d of journal %s, with keys and password hashes: keep it private.\n",
		c.Folder, made.Sequence, made.Journal)
	return nil
}

// refuse looks at the folders before anything is read.
func (c *backupCommand) refuse(data *dataDirectory) error {
	there, err := isThere(c.Folder)
	if err != nil {
		return err
	}
	if there {
		return usagef("%s is there: name a folder that is not", c.Folder)
	}
	// Whatever has used a data directory has left its lock there.
	if there, err = isThere(filepath.Join(data.path, "lock")); err == nil && !there {
		return usagef("%s has no data: name the data directory with --data-dir", data.path)
	}
	if err != nil {
		return err
	}
	return data.refuseHalf()
}

// backUp copies the data directory and the database into a folder that it makes. The
// journal's segments are held first, then the database is copied as it is at one moment,
// and then the journal to its end: so the copy of the journal begins at or before the
// database's position, and ends at or after it.
func (p *program) backUp(ctx context.Context, data *dataDirectory, copier databaseCopier, folder string) (made *manifest, err error) {
	if err := os.Mkdir(folder, privateFolder); err != nil {
		return nil, err
	}
	pinned, err := journal.Pin(presentDisk{}, data.journal())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pinned.Close()) }()
	database, err := copier.copyOut(ctx, folder)
	if err != nil {
		return nil, err
	}
	end, err := pinned.CopyTo(filepath.Join(folder, backupJournal), database.position)
	if err != nil {
		return nil, err
	}
	if err := copyKeys(data, folder); err != nil {
		return nil, fmt.Errorf("copy the keys: %w", err)
	}
	made = newManifest(p, database, end)
	return made, errors.Join(made.write(ctx, folder), syncFolder(folder))
}

// copyKeys copies the folder of keys, which a server with keys from elsewhere has not.
func copyKeys(data *dataDirectory, folder string) error {
	there, err := isThere(data.keys())
	if err != nil || !there {
		return err
	}
	return copyFolder(data.keys(), filepath.Join(folder, backupKeys))
}
