package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Disk is the machine's file system.
type Disk struct{}

type diskFile struct{ *os.File }

// Open implements [FS].
func (Disk) Open(name string) (File, error) { return open(name, os.O_RDONLY) }

// OpenWrite implements [FS].
func (Disk) OpenWrite(name string) (File, error) { return open(name, os.O_RDWR) }

// Create implements [FS].
func (Disk) Create(name string) (File, error) { return open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC) }

func open(name string, flags int) (File, error) {
	file, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{file}, nil
}

// Rename implements [FS].
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements [FS].
func (Disk) Remove(name string) error { return os.Remove(name) }

// List implements [FS].
func (Disk) List(directory string) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// MakeDirectory implements [FS].
func (d Disk) MakeDirectory(directory string) error {
	directory = filepath.Clean(directory)
	information, err := os.Stat(directory)
	if err == nil && !information.IsDir() {
		return fmt.Errorf("%s is not a directory", directory)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(directory)
	if err := d.MakeDirectory(parent); err != nil {
		return err
	}
	if err := os.Mkdir(directory, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncDirectory(parent)
}

// SyncDirectory implements [FS].
func (Disk) SyncDirectory(directory string) error {
	file, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// Size implements [File].
func (f diskFile) Size() (int64, error) {
	information, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return information.Size(), nil
}
