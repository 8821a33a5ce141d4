package journal

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"syscall"
)

// FS is what the journal needs of a file system. Names are whole paths.
type FS interface {
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenWrite opens an existing file for reading and writing.
	OpenWrite(name string) (File, error)
	// Create makes an empty file, in place of one with the same name, readable for
	// its owner alone.
	Create(name string) (File, error)
	// Rename moves a file, in place of one with the new name.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names in a directory, without their path, sorted.
	List(directory string) ([]string, error)
	// MakeDirectory makes a directory and its parents, for its owner alone, and
	// syncs what it made; one that exists is left alone.
	MakeDirectory(directory string) error
	// SyncDirectory makes creations, renames and removals in a directory durable.
	SyncDirectory(directory string) error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Allocate reserves space for the first bytes, or fails at once when the disk
	// has less. It may do nothing.
	Allocate(bytes int64) error
	// Sync makes the content durable.
	Sync() error
	// Size returns the length in bytes.
	Size() (int64, error)
}

const (
	segmentSuffix   = ".journal"
	temporarySuffix = ".tmp"
	watermarkName   = "watermark"
)

// noSpace tells whether err goes away when somebody frees disk space.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// writeFull is WriteAt that takes a short write for the error that it is.
func writeFull(file File, data []byte, offset int64) error {
	n, err := file.WriteAt(data, offset)
	if err == nil && n != len(data) {
		return io.ErrShortWrite
	}
	return err
}

// readFull is ReadAt without the error at the very end of the file.
func readFull(file File, data []byte, offset int64) error {
	n, err := file.ReadAt(data, offset)
	if n == len(data) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// removeTemporary deletes what an earlier process left unfinished. A removal that
// a crash undoes is done again by the next start, so nothing is synced.
func removeTemporary(fs FS, directory string) error {
	names, err := fs.List(directory)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, temporarySuffix) {
			if err := fs.Remove(filepath.Join(directory, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
