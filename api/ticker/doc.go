// Package ticker shows the durable stock of products to many connections at once, over
// WebSockets: the protocol stockticker.v1, which documentation/protocol.md describes.
//
// # Model
//
// A [Hub] follows a [Board], twenty times a second. It looks only at the products that
// somebody watches, and compares; so an order costs nothing more for being watched,
// and ten thousand changes of a product in a second cost as much as twenty.
//
//	board ──sweep──▶ topic ──piece──▶ audience, per shard ──▶ client ──▶ socket
//
// A topic is a channel that somebody watches: a product, a group of products, the orders of
// a customer or the figures of the process. It counts its editions. Of a product, one frame
// is made of each state, for everybody, when the first one wants it. A group counts the
// changes of all its products, and has them in the order of their last change: who was told
// up to some count is told what comes after it. A shard is a goroutine that owns clients: it
// alone writes to their sockets, and nothing of a client is looked at by another goroutine,
// but for two moments that its reader notes. The audience of a topic is those of a shard's
// clients that watch it, by the lane that they asked for: how often they want to hear of it
// at most. Lanes are due by time.
//
// There is no queue of frames. A client has a set of topics that it has to be told of,
// and at most the rest of one frame that the kernel did not take whole; what it is told
// is the piece of the moment of writing. A client that does not read is skipped, is served
// in slower lanes for a while, and gets the present state when it reads again. Only of
// orders there is a list: the last state of each, as many as [orderFramesMax]; beyond, the
// client is told to ask again.
//
// Each connection has one goroutine that reads, and assembles messages of what comes; or, with
// [Options].Poll, none while nothing comes: one poller waits for all. While a connection waits
// it holds no buffer. Everything that is sent comes from one writer, the shard.
// What a command needs that takes time, such as whose token it is, is found out on the side
// of the reader, before the shard is asked.
//
// # Invariants
//
//	K1  Only durable states are shown: a frame is made from one reading of the board.
//	K2  Frames of a product are made under one lock from readings that never go back,
//	    and a client is given the newest one: no connection ever sees a version fall.
//	K3  A write never waits: one attempt, and what the kernel does not take stays.
//	    So no client delays another.
//	K4  A frame depends on the product's state alone, never on who gets it; a message of a
//	    group on where it begins alone.
//	K5  Every command is answered exactly once, before any frame that it causes.
//	K6  A client takes bounded memory: its subscriptions, one bit for each, one rest of a
//	    shared frame, [pendingBytesMax] of answers, and [orderFramesMax] states of orders.
//	K7  The last subscription of a channel takes its topic away; the last connection
//	    stops the clock of the hub.
//	K8  Who comes into a lane, by whatever way, is told what the lane was told before.
package ticker
