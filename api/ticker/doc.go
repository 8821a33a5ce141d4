// Package ticker shows the durable stock of products to many connections at once, over
// WebSockets: the protocol stockticker.v1, which documentation/protocol.md describes.
//
// # Model
//
// A [Hub] follows a [Board], twenty times a second. It looks only at the products that
// somebody watches, and compares; so an order costs nothing more for being watched,
// and ten thousand changes of a product in a second cost as much as twenty.
//
//	board ──sweep──▶ topic ──frame──▶ audience, per shard ──▶ client ──▶ socket
//
// A topic is a product that somebody watches. When its state is another than the one
// before, one frame is made of it, for everybody. A shard is a goroutine that owns
// clients: it alone writes to their sockets, and nothing of a client is looked at by
// another goroutine, but for two moments that its reader notes. The audience of a topic
// is those of a shard's clients that watch it, by the lane that they asked for: how often
// they want to hear of it at most.
//
// There is no queue of frames. A client has a set of topics that it has to be told of,
// and at most the rest of one frame that the kernel did not take whole; what it is told
// is the frame of the moment of writing. A client that does not read is skipped, and
// gets the present state when it reads again.
//
// Each connection has one goroutine that reads, in the package's own net.Conn: what
// the library wants to write by itself, the reasons of a broken protocol, is caught
// there and told by the shard. So everything that is sent comes from one writer.
//
// # Invariants
//
//	K1  Only durable states are shown: a frame is made from one reading of the board.
//	K2  Frames of a product are made under one lock from readings that never go back,
//	    and a client is given the newest one: no connection ever sees a version fall.
//	K3  A write never waits: one attempt, and what the kernel does not take stays.
//	    So no client delays another.
//	K4  A frame depends on the product's state alone, never on who gets it.
//	K5  Every command is answered exactly once, before any frame that it causes.
//	K6  A client takes bounded memory: its subscriptions, one bit for each, one rest of a
//	    shared frame, and [pendingBytesMax] of answers.
//	K7  The last subscription of a product takes its topic away; the last connection
//	    stops the clock of the hub.
package ticker
