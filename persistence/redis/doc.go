// Package redis is a Cache and a Bus that several processes share through a Redis server.
//
// # Model
//
// A [Server] is an address. It may be dead from the start, and come and go: nothing of
// ours waits for it longer than [callTimeMax], and after a few failures a breaker lets one
// call in a while through to look. What comes from it is a hint. A key is bounded before
// it is read, and a message before it is looked at (the driver has read it then: who may
// publish to our channel can cost us the memory of a message). It is walked before it is
// decoded (guard.go), decoded into flat structs only, and refused unless it is byte for
// byte what we would have written, with our seal.
//
// The seal is an HMAC with [Options].Secret: who does not know the secret can delete or
// bring back what we wrote, not make up something: a copy until it has ended, and of the
// bus signs of life, but no state that is older than what was told. Without a secret it
// finds damage only.
//
// # Cache
//
// A key has a copy and a mark, which is a random number. A copy names its key, its end and
// the mark that was there before its load began, and counts only until that end and while
// that mark is still there. An invalidation is a new mark, so it also beats a fill that
// comes late, from any process. A key without a mark has no copy, so a server that was
// emptied knows nothing. What could not be invalidated is owed: until it is delivered,
// this process does not ask for the key.
//
// # Bus
//
//	Publish ─▶ hub, own subscriptions
//	       └─▶ outbox ──batch, 50/s──▶ channel ─────▶ follower ─▶ hub ─▶ subscriptions
//	              └────parts, 1/s────▶ keys ◀──reads after a loss──┘
//	              └────beacon, 1/s───▶ channel ───────▶┘
//
// A publisher numbers its batches. Its states are also in keys, in parts of
// [partStatesMax]; those that have changed are written each second, and then a
// beacon tells the last number that they cover. A follower that misses a number, or knows
// another last one, reads the parts: their heads, and then those that have changed since
// the last beacon at which it knew all. So the channel may lose anything, and a connection
// that is made anew needs no care.
//
// Beacon and parts together are the keyframe of all products. It costs a second what has
// changed in it, and not what there is: a million products that nobody buys are a beacon,
// and a twentieth of their parts, which would end otherwise.
//
// A part has whole states. A batch has the rules of a product only when they have another
// revision than those that were sent before: a sale sends a price once, and a stock fifty
// times a second. Who does not know the revision that a state names has missed it, and
// reads the parts.
//
// # Rates
//
// What callers have used who ask for much is told on a channel of its own, in messages that
// nobody misses and that count once: each has a time that is later than its publisher's
// last, and none is older than [persistence.UsageAgeMax].
//
// # Invariants
//
//	R1  Nothing that the server says is returned or told unless key, mark, seal and form fit.
//	R2  No call takes longer than callTimeMax, none that a reader waits for longer than
//	    lookTimeMax, and to a reader a dead server costs one look a second.
//	R3  No error and no log shows the address with its password.
//	R4  A beacon follows the parts of all states of the batches up to the number that it
//	    tells, and what is in a part was sent in a batch before the beacon after it, or
//	    that one tells a number of which nobody got the batch.
//	R5  Only GETRANGE, SET, EXISTS, PUBLISH, SUBSCRIBE and what connecting takes are used.
package redis
