// Package actors is the imperative shell around package inventory: it receives,
// stamps, decides through the domain, appends to the journal, and answers.
//
// # Actors
//
// Every actor is a Processer of the Hollywood engine, with a [mailbox] of our
// own: bounded, many producers, one consumer at a time, no allocation, and a
// guard against panics around every message.
//
//   - A product actor owns what one product can still sell. It serialises
//     everything that lowers or raises it.
//   - An order actor owns the orders, keys and deadlines of a shard of the
//     customers. It is the only writer of the state of its orders.
//
// A request is one [operation] that travels: caller, order actor, product
// actor, order actor, journal, caller. It is owned by exactly one of them at a
// time, and is never copied.
//
// # Three states of one stock
//
// The product actor's stock runs ahead of the journal: it holds units for orders
// that are not decided yet. What is appended is decided. The board's stock is
// what is durable, and only that is ever shown.
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
//	A5  A key is in the memory of its order actor from before the first product is
//	    asked until its record is in SQL and the key filter knows it.
//	A6  A mailbox refuses new work when it is full, and never work already begun.
//	A7  An actor that panicked takes no further part: its state may be half changed.
package actors
