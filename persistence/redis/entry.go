package redis

import (
	"bytes"

	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// markBytes is how long a mark is.
	markBytes = 16
	// entryBytesMax is the longest copy with everything around it.
	entryBytesMax = persistence.CacheValueBytesMax + persistence.CacheKeyBytesMax + 128

	entryPurpose = "cache"
)

// entry is a copy of a value as it is in the server.
type entry struct {
	key, mark []byte
	// ends is when it is no copy any more, whatever the server does with it.
	ends   inventory.Instant
	absent bool
	value  []byte
}

func (e *entry) visit(v visitor) {
	fields, version, ends := 6, uint64(format), int64(e.ends)
	v.array(&fields, 6)
	v.uint64(&version)
	v.bytes(&e.key, persistence.CacheKeyBytesMax)
	v.bytes(&e.mark, markBytes)
	v.int64(&ends)
	v.bool(&e.absent)
	v.bytes(&e.value, persistence.CacheValueBytesMax)
	e.ends = inventory.Instant(ends)
}

// current reports whether the copy may be returned now. One that ends later than any may
// is of a clock that others do not have.
func (e *entry) current(now inventory.Instant) bool {
	return now < e.ends && e.ends <= now.Add(inventory.Instant(persistence.CacheLifetimeMax))
}

// entry returns the copy in sealed, or errForeign when it is not one of this key and mark.
func (s sealer) entry(sealed []byte, key string, mark []byte) (*entry, error) {
	data, err := s.take(entryPurpose, sealed)
	if err != nil {
		return nil, err
	}
	found := &entry{}
	if err := decode(data, found); err != nil {
		return nil, err
	}
	if string(found.key) != key || !bytes.Equal(found.mark, mark) {
		return nil, errForeign
	}
	return found, nil
}
