package identifier

import (
	"crypto/sha256"

	"holdfast/inventory"
)

// Derived returns the identifier of what has a name elsewhere: a UUIDv8 (RFC 9562 §5.8)
// of the SHA-256 of the kind of thing and its name, the same wherever it is made.
func Derived(kind, name string) (id inventory.ID) {
	hash := sha256.Sum256([]byte(kind + "\x00" + name))
	copy(id[:], hash[:])
	id[6] = 0x80 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	return id
}
