package actors

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

const (
	// filterKeysPerPart and filterBitsPerKey size one part: 1.5 MiB for a million
	// keys, with about 0.3 % of false answers at 8 probes.
	filterKeysPerPart = 1 << 20
	filterBitsPerKey  = 12
	filterProbes      = 8
	// filterPartsMax bounds the filter to 384 MiB, 268 million keys. Beyond it every
	// unknown key is looked up in SQL: slower, and still right.
	filterPartsMax = 256
)

// keyFilter knows which idempotency keys may be in SQL: a Bloom filter that grows
// by parts. It never forgets a key that was added, and may claim one that was
// not. Fingerprints are uniform already, so their halves serve as hashes.
type keyFilter struct {
	mutex sync.Mutex
	parts atomic.Pointer[[]*filterPart]
	full  atomic.Bool
}

type filterPart struct {
	bits [filterKeysPerPart * filterBitsPerKey / 64]uint64
	keys int
}

func newKeyFilter() *keyFilter {
	f := &keyFilter{}
	f.parts.Store(&[]*filterPart{})
	return f
}

// add makes mayContain true for key from now on.
func (f *keyFilter) add(key inventory.Fingerprint) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	parts := *f.parts.Load()
	if len(parts) == 0 || parts[len(parts)-1].keys == filterKeysPerPart {
		if len(parts) == filterPartsMax {
			f.full.Store(true)
			return
		}
		grown := append(parts[:len(parts):len(parts)], &filterPart{})
		f.parts.Store(&grown)
		parts = grown
	}
	last := parts[len(parts)-1]
	last.keys++
	for probe := range filterProbes {
		bit := filterBit(key, probe)
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
		bit := filterBit(key, probe)
		if atomic.LoadUint64(&p.bits[bit/64])>>(bit%64)&1 == 0 {
			return false
		}
	}
	return true
}

// filterBit returns the bit of one probe, by double hashing (Kirsch and
// Mitzenmacher 2006).
func filterBit(key inventory.Fingerprint, probe int) uint64 {
	first, second := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])|1
	return (first + uint64(probe)*second) % (filterKeysPerPart * filterBitsPerKey)
}
