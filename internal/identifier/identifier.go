// Package identifier makes the identifiers of the program: UUIDv7 values whose
// random part comes from the runtime's generator. The layout of the bits is
// decided by [inventory.NewID]; only the randomness is added here, because the
// domain has none.
//
// Identifiers are names, never secrets: knowing one must not open anything.
package identifier

import (
	"math/rand/v2"

	"holdfast/inventory"
)

// New returns a fresh identifier of the millisecond of now that carries shard,
// of which the lower [inventory.ShardBits] bits count.
func New(now inventory.Instant, shard uint16) inventory.ID {
	return inventory.NewID(now, shard, uint16(rand.Uint32()), rand.Uint64())
}

// Unsharded returns a fresh identifier whose shard bits are random too, for what
// no shard owns: accounts, products, credentials.
func Unsharded(now inventory.Instant) inventory.ID {
	return New(now, uint16(rand.Uint32()))
}
