package main

import (
	"context"
	"errors"
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
func openDataDirectory(path string) (*dataDirectory, error) {
	lock, err := journal.LockDirectory(path)
	if err != nil {
		return nil, err
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
	directory, err := openDataDirectory(p.options.DataDir)
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
