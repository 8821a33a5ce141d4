package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"holdfast/persistence/journal"
	"holdfast/persistence/sqlite"
)

// dataDirectory is the folder of everything that the program keeps, owned by this
// process until it is closed:
//
//	lock               the owner's pid
//	keys/signing.key   the key of access tokens, in base64
//	journal/           the truth of stock and orders
//	holdfast.db        the truth of accounts and catalogue, and the projection
type dataDirectory struct {
	path string
	lock *journal.Lock
}

// openDataDirectory takes the folder for this process, and makes it when it is
// missing. The error names the pid of a process that has it.
func (p *program) openDataDirectory() (*dataDirectory, error) {
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
func (d *dataDirectory) signingKey() string { return filepath.Join(d.path, "keys", "signing.key") }

// Close gives the folder up.
func (d *dataDirectory) Close() error { return d.lock.Release() }

// withStore runs work on the data directory and its database.
func (p *program) withStore(ctx context.Context, work func(*dataDirectory, *sqlite.Store) error) (err error) {
	directory, err := p.openDataDirectory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, directory.Close()) }()
	store, err := sqlite.Open(ctx, directory.database())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return work(directory, store)
}
