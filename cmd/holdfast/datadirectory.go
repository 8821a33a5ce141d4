package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"holdfast/persistence"
	"holdfast/persistence/journal"
)

// dataDirectory is the folder of everything that the program keeps, owned by this
// process until it is closed:
//
//	lock               the owner's pid
//	keys/signing.key   the key of access tokens, in base64
//	keys/tls.pem       the certificate that the program has made for itself, and its key
//	journal/           the truth of stock and orders
//	holdfast.db        the truth of accounts and catalogue, and the projection
//	restoring          there while a restore is at work, or when it was cut off
type dataDirectory struct {
	path string
	lock *journal.Lock
}

// openDataDirectory takes the folder for this process, and makes it when it is
// missing. The error names the pid of a process that has it. One that has only a part of
// a backup is refused.
func (p *program) openDataDirectory() (*dataDirectory, error) {
	directory, err := p.lockDataDirectory()
	if err != nil {
		return nil, err
	}
	if err := directory.refuseHalf(); err != nil {
		return nil, errors.Join(err, directory.Close())
	}
	return directory, nil
}

// lockDataDirectory takes the folder, whatever is in it.
func (p *program) lockDataDirectory() (*dataDirectory, error) {
	path := p.options.DataDir
	lock, err := journal.LockDirectory(path)
	if errors.Is(err, journal.ErrLocked) {
		return nil, fmt.Errorf("%w; one process at a time may use it: stop that one first", err)
	}
	if err != nil {
		return nil, err
	}
	information, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	// Its files are private whatever its own mode is, but for who may replace them.
	// Container platforms hand such folders over, so this is no refusal.
	if mode := information.Mode().Perm(); mode&0o022 != 0 {
		p.log.Warn("other users can replace the files of the data directory, and with them the key of access tokens: chmod go-w",
			"data_dir", path, "mode", fmt.Sprintf("%04o", mode))
	}
	return &dataDirectory{path: path, lock: lock}, nil
}

func (d *dataDirectory) journal() string    { return filepath.Join(d.path, "journal") }
func (d *dataDirectory) database() string   { return filepath.Join(d.path, "holdfast.db") }
func (d *dataDirectory) restoring() string  { return filepath.Join(d.path, "restoring") }
func (d *dataDirectory) keys() string       { return filepath.Join(d.path, "keys") }
func (d *dataDirectory) signingKey() string { return filepath.Join(d.keys(), "signing.key") }
func (d *dataDirectory) selfSigned() string { return selfSignedIn(d.path) }

// Close gives the folder up.
func (d *dataDirectory) Close() error { return d.lock.Release() }

// refuseHalf refuses a folder whose restore was cut off.
func (d *dataDirectory) refuseHalf() error {
	half, err := isThere(d.restoring())
	if err == nil && half {
		err = fmt.Errorf("a restore into %s was cut off, so it has only a part of a backup: restore again, into an empty data directory, "+
			"or with --database-only if that is what was cut off", d.path)
	}
	return err
}

// hasMark reports whether a restore of that kind was cut off, or is at work.
func (d *dataDirectory) hasMark(kind string) (bool, error) {
	text, err := os.ReadFile(d.restoring())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return string(text) == kind, err
}

// refuseLostDatabase refuses a folder whose journal was written beside a database that is
// not there: an empty one would stand for it.
func (d *dataDirectory) refuseLostDatabase() error {
	there, err := isThere(d.database())
	if err != nil || there {
		return err
	}
	written, err := isThere(d.journal())
	if err == nil && written {
		err = fmt.Errorf("%s has a journal, and its database %s is missing: put it back with \"holdfast restore --database-only\" "+
			"and a backup, or set DATABASE_URL if the database is a Postgres server", d.path, filepath.Base(d.database()))
	}
	return err
}

// withStore runs work on the data directory and its database.
func (p *program) withStore(ctx context.Context, work func(*dataDirectory, persistence.Store) error) (err error) {
	directory, err := p.openDataDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	store, err := p.openDatabase(ctx, directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return work(directory, store)
}
