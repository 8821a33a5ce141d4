package crashfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Mode says what a crash does to what was not synced.
type Mode int

// The modes. Kept is the end of the process alone: the page cache outlives it.
const (
	Lost Mode = iota
	Prefix
	Subset
	Garbage
	Kept
	// Modes is their number.
	Modes
)

// String returns the name of the mode.
func (m Mode) String() string {
	return [...]string{"lost", "prefix", "subset", "garbage", "kept"}[m]
}

// Crash returns what the next start finds, without a hook. The file system itself
// goes on, so that one run can crash at many places.
func (f *FS) Crash(mode Mode, random *rand.Rand) *FS {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	after := New()
	after.capacity = f.capacity
	settled := map[*inode]*inode{}
	for _, name := range f.names() {
		node := f.durable[name]
		if f.survives(name, mode, random) {
			node = f.entries[name]
		}
		if node == nil {
			continue
		}
		if settled[node] == nil {
			settled[node] = node.crash(mode, random)
			settled[node].name = name
		}
		after.entries[name], after.durable[name] = settled[node], settled[node]
	}
	return after
}

// names returns every name there is or was, in order, for repeatable crashes.
func (f *FS) names() []string {
	all := maps.Clone(f.durable)
	maps.Copy(all, f.entries)
	return slices.Sorted(maps.Keys(all))
}

// survives tells whether the entry of the moment is found, and not the synced one.
// Each name has its own fate, which is harsher than real file systems are.
func (f *FS) survives(name string, mode Mode, random *rand.Rand) bool {
	if f.entries[name] == f.durable[name] {
		return true
	}
	switch mode {
	case Lost:
		return false
	case Kept:
		return true
	default:
		return random.IntN(2) == 0
	}
}

func (n *inode) crash(mode Mode, random *rand.Rand) *inode {
	if mode == Kept {
		return settledInode(slices.Clone(n.data))
	}
	data := slices.Clone(n.synced)
	prefix := 0
	if mode == Prefix {
		prefix = random.IntN(len(n.unsynced) + 1)
	}
	garbled := -1
	if mode == Garbage && len(n.unsynced) > 0 {
		garbled = random.IntN(len(n.unsynced))
	}
	for i, write := range n.unsynced {
		switch {
		case mode == Lost, mode == Prefix && i >= prefix, mode >= Subset && i != garbled && random.IntN(2) == 0:
			continue
		case i == garbled:
			write.data = noise(len(write.data), random)
		}
		data = overwrite(data, write)
	}
	return settledInode(data)
}

func settledInode(data []byte) *inode { return &inode{data: data, synced: slices.Clone(data)} }

func noise(n int, random *rand.Rand) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// Clone returns a copy in which everything is synced, without a hook.
func (f *FS) Clone() *FS { return f.Crash(Kept, nil) }

// ReadFile returns a copy of a file's content, and nil when there is none.
func (f *FS) ReadFile(name string) []byte {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.entries[name] == nil {
		return nil
	}
	return slices.Clone(f.entries[name].data)
}

// WriteFile sets a file's content, synced.
func (f *FS) WriteFile(name string, data []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	node := settledInode(slices.Clone(data))
	node.name = name
	f.entries[name], f.durable[name] = node, node
}

// RemoveFile removes a file, synced.
func (f *FS) RemoveFile(name string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.entries, name)
	delete(f.durable, name)
}

// Names returns the paths of all files, sorted.
func (f *FS) Names() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return slices.Sorted(maps.Keys(f.entries))
}
