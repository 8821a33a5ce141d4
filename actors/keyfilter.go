package actors

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

const (
	// filterKeysFirst is the room of the first part, 2 MiB for a million keys. Each further
	// part has room for twice as many: the filter takes a key for a known one when any part
	// does, so there must be few of them.
	filterKeysFirst = 1 << 20
	// filterBitsPerKey and filterProbes make 0.05 % of false answers in a full part. A new
	// order that gets one waits for SQL, or is refused while SQL is away: all parts together
	// must stay far below one in a hundred, or they would be its 99th percentile.
	filterBitsPerKey = 16
	filterProbes     = 11
	// filterPartsMax bounds the filter to 510 MiB, 267 million keys. Beyond it every
	// unknown key is looked up in SQL: slower, and still right.
	filterPartsMax = 8
)

// keyFilter knows which idempotency keys may be in SQL: a Bloom filter that grows
// by parts. It never forgets a key that was added, and may claim one that was
// not. Fingerprints are uniform already, so their halves serve as hashes.
type keyFilter struct {
	mutex sync.Mutex
	parts atomic.Pointer[[]*filterPart]
	full  atomic.Bool
	// first is the room of the first part.
	first int
}

type filterPart struct {
	bits       []uint64
	keys, room int
}

func newKeyFilter() *keyFilter {
	f := &keyFilter{first: filterKeysFirst}
	f.parts.Store(&[]*filterPart{})
	return f
}

// add makes mayContain true for key from now on.
func (f *keyFilter) add(key inventory.Fingerprint) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	parts := *f.parts.Load()
	if len(parts) == 0 || parts[len(parts)-1].keys == parts[len(parts)-1].room {
		if len(parts) == filterPartsMax {
			f.full.Store(true)
			return
		}
		room := f.first << len(parts)
		grown := append(parts[:len(parts):len(parts)], &filterPart{bits: make([]uint64, room*filterBitsPerKey/64), room: room})
		f.parts.Store(&grown)
		parts = grown
	}
	last := parts[len(parts)-1]
	last.keys++
	for probe := range filterProbes {
		bit := last.bit(key, probe)
		atomic.OrUint64(&last.bits[bit/64], 1<<(bit%64))
	}
}

// mayContain reports whether key may have been added.
func (f *keyFilter) mayContain(key inventory.Fingerprint) bool {
	if f.full.Load() {
		return true
	}
	for _, part := range *f.parts.Load() {
		if part.mayContain(key) {
			return true
		}
	}
	return false
}

func (p *filterPart) mayContain(key inventory.Fingerprint) bool {
	for probe := range filterProbes {
		bit := p.bit(key, probe)
		if atomic.LoadUint64(&p.bits[bit/64])>>(bit%64)&1 == 0 {
			return false
		}
	}
	return true
}

// bit returns the bit of one probe, by double hashing (Kirsch and Mitzenmacher 2006).
func (p *filterPart) bit(key inventory.Fingerprint, probe int) uint64 {
	first, second := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])|1
	return (first + uint64(probe)*second) % uint64(64*len(p.bits))
}
