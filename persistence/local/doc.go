// Package local is the Cache and the Bus of a process that has no Redis: both are in its
// own memory.
//
// # Model
//
// [Cache] is a table with the least recently used entry at its end. It is bounded by
// entries and by bytes, and an entry ends at its own time. It is our own because an
// invalidation has to win over a load that is under way, in one moment with what may be
// kept (M2), and because bytes are bounded exactly (M1). [Bus] is a table of the last
// states and the queues of its subscriptions: see package hints.
//
// # Invariants
//
//	M1  The entries and bytes of a Cache never pass its bounds, not for a moment.
//	M2  An entry is kept under the same lock under which an invalidation takes it away.
//	M3  A Bus has one publisher, this process, which is always fresh.
package local
