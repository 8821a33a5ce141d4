// Package hints is what every Cache and every Bus needs, whatever carries its bytes:
// loads that are shared, and states of which the latest wins.
//
// # Model
//
// [Flights] shares the load of a key between those who ask for it at the same time. An
// invalidation parts the callers: those who asked before it get the old load, those
// after it a new one, and only what no invalidation has met may be kept.
//
// [Hub] is the table of what is known: the last state of every product, who told of it,
// and which publishers are fresh. Each subscription has a queue of its own. It holds
// names, not states: a product is in it once at most, and what is told of it is the state
// of the moment of telling. So a slow subscriber costs a bounded amount, delays nobody,
// and is told the present when it asks.
//
// # Invariants
//
//	X1  What a flight loaded before an invalidation is never given to a Get after it.
//	X2  A state of the table is replaced by a later one only, or by the same version from
//	    another publisher, to whom the product belongs then. It always has rules, and other
//	    rules are another value.
//	X3  A BusFresh is told after every state that the hub got before it, a BusStale
//	    takes back a BusFresh that was not told yet.
//	X4  Nothing here waits for a subscriber or a server while it holds a lock.
package hints
