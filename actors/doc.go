// Package actors is the imperative shell around package inventory: it receives,
// stamps, decides through the domain, appends to the journal, and answers.
//
// # Actors
//
// Every actor is a Processer of the Hollywood engine, with a [mailbox] of our
// own: bounded, many producers, one consumer at a time, no allocation, and a
// guard against panics around every message.
//
//   - A product actor owns what one product can still sell: units, window, limit
//     per customer. It serialises everything that lowers or raises it.
//   - An order actor owns the orders, keys and deadlines of a shard of the
//     customers. It is the only writer of the state of its orders.
//
// A request is one [operation] that travels: caller, order actor, the product
// actors of its routing slip in ascending order, order actor, journal, caller. It is
// owned by exactly one of them at a time, and is never copied.
//
// # Three states of one stock
//
// The product actor's stock runs ahead of the journal: it is without the units that
// were given to orders which are not decided yet. The [ledger] is the fold of what is
// appended: an append is the moment of decision. The board's stock is what is
// durable, and only that is ever shown. What counts as durable is one sequence, which
// [Engine.acknowledged] returns.
//
// Between the first two stands honesty: units that are given and not decided are
// neither sold nor gone. Who wants them waits (see [parking]); who wants more than
// the ledger has is refused.
//
// # After a panic
//
// A product actor takes the ledger's stock under a new [tenure]. Three rules keep
// that sound, and TestRebuildNeedsEachOfItsRules shows that none can be spared: an
// append checks, under the journal's append lock, that every product of the order
// still has the tenure under which it gave its units; what settles an event carries
// its sequence, and is ignored when the rebuilt state has the event already; what
// undoes a giving carries its tenure, and is ignored when that is over.
//
// An order actor refuses everything until SQL has all that it had appended, and
// takes its memory from there.
//
// # Invariants
//
//	A1  What lowers the units for sale changes the product actor first and is
//	    appended afterwards; what raises them is appended first. So a legal history
//	    stands at every prefix of the journal.
//	A2  An order's state, key and deadline change only in its order actor, and only
//	    with an append that succeeded.
//	A3  An operation is answered exactly once, or left to nobody when its caller
//	    gave up; its effect does not depend on which.
//	A4  A reply leaves after the record is durable, the board has applied it, and
//	    the journal's durable sequence has passed it: a client reads its own writes.
//	    With [AcknowledgeDatabase] durable means committed in SQL, for the reply, the
//	    board, orders and keys alike: see [commits].
//	A5  A key is in the [keyTable] from before the first product is asked until its
//	    record is in SQL and the key filter knows it.
//	A6  A mailbox refuses new work when it is full, and never work already begun.
//	A7  No actor goes on with a state that a panic has left half changed.
//	A8  An order is refused for want of units only when the ledger does not have them:
//	    never because another order, which then fails, holds them for a moment.
//	A9  Other processes are told what the board shows, by a goroutine that nobody waits
//	    for: see [broadcast].
//	A10 No record continues an order that SQL has deleted: see [retention].
//	A11 Who watches orders is told of each of their states once, in order, and not before
//	    it can be read: see [orderWatch].
package actors
