// Package crashfs is a file system in memory that loses what was not synced, as a
// machine does when its power goes. It implements journal.FS for tests.
//
// Every file has its synced bytes and a list of writes since, in sectors. A
// directory has its synced entries and those of the moment. Crash makes the file
// system that the next start would find: some of the unsynced writes and entries
// are there, and others are not. A sync that fails loses what it should have
// synced, although it can still be read, as Linux does.
package crashfs

import (
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"

	"holdfast/persistence/journal"
)

// SectorBytes is the size of what is written or lost as a whole.
const SectorBytes = 512

// Kind is a kind of operation.
type Kind string

// The kinds of operations.
const (
	Open          Kind = "open"
	Create        Kind = "create"
	Write         Kind = "write"
	Read          Kind = "read"
	Sync          Kind = "sync"
	Rename        Kind = "rename"
	Remove        Kind = "remove"
	Close         Kind = "close"
	SyncDirectory Kind = "sync directory"
)

// Operation is one call of the file system.
type Operation struct {
	// Number counts all operations from 1.
	Number int64
	Kind   Kind
	// Name is the path of the moment; the new one of a Rename.
	Name string
}

// Fault says how an operation fails. The zero Fault lets it be.
type Fault struct {
	// Err is returned, and the operation has no effect; a Sync that fails loses what
	// it should have synced.
	Err error
	// Short makes a Write write half, with Err, which may be nil.
	Short bool
}

// FS is a file system in memory. Its methods may be called concurrently.
type FS struct {
	// Hook is called before every operation, with no lock held, so it may block to
	// make the operation slow; nil is nothing. Set it before the first operation.
	Hook func(Operation) Fault

	mutex      sync.Mutex
	operations int64
	// capacity bounds the bytes of all files; negative is no bound.
	capacity int64
	entries  map[string]*inode
	durable  map[string]*inode
}

// inode is the content of a file.
type inode struct {
	name string
	// data is what is read; synced is what is on the disk for certain.
	data, synced []byte
	// unsynced are the writes since, in order.
	unsynced []sectorWrite
}

// sectorWrite is a write within one sector.
type sectorWrite struct {
	offset int64
	data   []byte
}

// New returns an empty file system without a bound.
func New() *FS {
	return &FS{capacity: -1, entries: map[string]*inode{}, durable: map[string]*inode{}}
}

// SetCapacity bounds the bytes of all files, so that writes fail with ENOSPC;
// negative is no bound.
func (f *FS) SetCapacity(bytes int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.capacity = bytes
}

// Operations returns how many operations there were.
func (f *FS) Operations() int64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.operations
}

// begin counts the operation and asks the hook. It returns with the lock held.
func (f *FS) begin(kind Kind, name string) Fault {
	f.mutex.Lock()
	f.operations++
	operation := Operation{Number: f.operations, Kind: kind, Name: name}
	if f.Hook == nil {
		return Fault{}
	}
	f.mutex.Unlock()
	fault := f.Hook(operation)
	f.mutex.Lock()
	return fault
}

// Open implements journal.FS.
func (f *FS) Open(name string) (journal.File, error) { return f.open(name) }

// OpenWrite implements journal.FS.
func (f *FS) OpenWrite(name string) (journal.File, error) { return f.open(name) }

func (f *FS) open(name string) (journal.File, error) {
	fault := f.begin(Open, name)
	defer f.mutex.Unlock()
	if fault.Err != nil {
		return nil, fault.Err
	}
	node := f.entries[name]
	if node == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{fs: f, node: node}, nil
}

// Create implements journal.FS.
func (f *FS) Create(name string) (journal.File, error) {
	fault := f.begin(Create, name)
	defer f.mutex.Unlock()
	if fault.Err != nil {
		return nil, fault.Err
	}
	node := &inode{name: name}
	f.entries[name] = node
	return &file{fs: f, node: node}, nil
}

// Rename implements journal.FS.
func (f *FS) Rename(from, to string) error {
	fault := f.begin(Rename, to)
	defer f.mutex.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	if f.entries[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	f.entries[to] = f.entries[from]
	f.entries[to].name = to
	delete(f.entries, from)
	return nil
}

// Remove implements journal.FS.
func (f *FS) Remove(name string) error {
	fault := f.begin(Remove, name)
	defer f.mutex.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	if f.entries[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(f.entries, name)
	return nil
}

// List implements journal.FS.
func (f *FS) List(directory string) ([]string, error) {
	fault := f.begin(Read, directory)
	defer f.mutex.Unlock()
	if fault.Err != nil {
		return nil, fault.Err
	}
	var names []string
	for name := range f.entries {
		if filepath.Dir(name) == filepath.Clean(directory) {
			names = append(names, filepath.Base(name))
		}
	}
	sort.Strings(names)
	return names, nil
}

// MakeDirectory implements journal.FS: every directory exists.
func (f *FS) MakeDirectory(string) error { return nil }

// SyncDirectory implements journal.FS. After an error the entries are as unsynced
// as before.
func (f *FS) SyncDirectory(directory string) error {
	fault := f.begin(SyncDirectory, directory)
	defer f.mutex.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	prefix := filepath.Clean(directory) + string(filepath.Separator)
	for name := range f.durable {
		if strings.HasPrefix(name, prefix) {
			delete(f.durable, name)
		}
	}
	for name, node := range f.entries {
		if strings.HasPrefix(name, prefix) {
			f.durable[name] = node
		}
	}
	return nil
}

// used returns the bytes of all files; it needs the lock. A file that was removed
// while it is open is not counted, and one that a crash left two names once.
func (f *FS) used() (bytes int64) {
	counted := make(map[*inode]bool, len(f.entries))
	for _, node := range f.entries {
		if !counted[node] {
			counted[node] = true
			bytes += int64(len(node.data))
		}
	}
	return bytes
}

// grow needs the lock.
func (f *FS) grow(node *inode, size int64) error {
	more := size - int64(len(node.data))
	if more <= 0 {
		return nil
	}
	if f.capacity >= 0 && f.used()+more > f.capacity {
		return syscall.ENOSPC
	}
	node.data = append(node.data, make([]byte, more)...)
	return nil
}

// file is an open file.
type file struct {
	fs   *FS
	node *inode
}

func (f *file) begin(kind Kind) Fault {
	f.fs.mutex.Lock()
	name := f.node.name
	f.fs.mutex.Unlock()
	return f.fs.begin(kind, name)
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(data []byte, offset int64) (int, error) {
	fault := f.begin(Read)
	defer f.fs.mutex.Unlock()
	if fault.Err != nil {
		return 0, fault.Err
	}
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(data, f.node.data[offset:])
	if n < len(data) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(data []byte, offset int64) (int, error) {
	fault := f.begin(Write)
	defer f.fs.mutex.Unlock()
	if fault.Err != nil && !fault.Short {
		return 0, fault.Err
	}
	if fault.Short {
		data = data[:len(data)/2]
	}
	if err := f.fs.grow(f.node, offset+int64(len(data))); err != nil {
		return 0, err
	}
	copy(f.node.data[offset:], data)
	f.node.note(data, offset)
	return len(data), fault.Err
}

// note remembers a write, sector by sector.
func (n *inode) note(data []byte, offset int64) {
	kept := append([]byte(nil), data...)
	for len(kept) > 0 {
		part := min(int64(len(kept)), SectorBytes-offset%SectorBytes)
		n.unsynced = append(n.unsynced, sectorWrite{offset, kept[:part]})
		kept, offset = kept[part:], offset+part
	}
}

// Allocate implements journal.File: it only looks whether there is room, and leaves
// taking it to the writes.
func (f *file) Allocate(bytes int64) error {
	fault := f.begin(Write)
	defer f.fs.mutex.Unlock()
	if fault.Err != nil {
		return fault.Err
	}
	if f.fs.capacity >= 0 && f.fs.used()-int64(len(f.node.data))+bytes > f.fs.capacity {
		return syscall.ENOSPC
	}
	return nil
}

// Sync implements journal.File.
func (f *file) Sync() error {
	fault := f.begin(Sync)
	defer f.fs.mutex.Unlock()
	if fault.Err == nil {
		for _, write := range f.node.unsynced {
			f.node.synced = overwrite(f.node.synced, write)
		}
	}
	f.node.unsynced = nil
	return fault.Err
}

// overwrite returns data with the write in it.
func overwrite(data []byte, write sectorWrite) []byte {
	if missing := write.offset + int64(len(write.data)) - int64(len(data)); missing > 0 {
		data = append(data, make([]byte, missing)...)
	}
	copy(data[write.offset:], write.data)
	return data
}

// Size implements journal.File.
func (f *file) Size() (int64, error) {
	f.fs.mutex.Lock()
	defer f.fs.mutex.Unlock()
	return int64(len(f.node.data)), nil
}

// Close implements io.Closer.
func (f *file) Close() error {
	defer f.fs.mutex.Unlock()
	return f.begin(Close).Err
}
