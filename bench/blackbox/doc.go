// Package blackbox judges a Holdfast server from outside: it loads it over HTTP,
// kills it with SIGKILL, starts it again, and compares what it says with a history
// of its own. It imports nothing of the engine.
//
// # What is tried
//
// Buyers place orders of one product and of several, in either order, whole or with
// what there is, once or several times at once, with one body or two. Some products
// never sell out, some are scarce and new in every cycle, one of these has a limit
// per customer. Owners and a service account confirm, cancel, release lines, extend,
// pay too late, do two of that at once, and come back to orders of earlier cycles. The
// service account ships and takes back, in parts and whole, and an admin adjusts
// stocks, each with a key. Readers look at stocks, and at orders that are being
// placed. The server is killed while all of that goes on. Some starts are killed as
// well, between the moment when the server listens and the moment when it is ready. At
// the end it is stopped in order, under load too. Every key is written to the history
// before it is sent, so whatever happened to an answer, the truth can be asked for
// later. A run in which some of this did not happen has failed. After a hundred cycles
// everything that there ever was is looked at, and a long run goes on with an empty
// data directory.
//
// With Postgres behind the server, that is killed as well, in every cycle: at a random
// moment of the load, and of some starts. Orders have to be acknowledged while it is away.
// It comes back under load, or only when the server has been killed too, before the next
// start or while that waits for it. What needs the database may be answered with 503
// meanwhile, and logged as such; of a server that is looked at in peace, with its database,
// all that follows is required as ever.
//
// # What must hold
//
//	C1  an order that was acknowledged, or shown to anybody, exists with the same ID,
//	    with all of its lines, and in a state that the one that was shown can lead to:
//	    in every later cycle; per line, what was asked for = quantity + dropped +
//	    released, and nothing is dropped of an order that is all or nothing
//	C2  no key stands for two orders, sent in turn or at once, before and after a
//	    kill; a repeat is answered with the first order, another body is refused
//	C3  per product: on hand = opening + adjustments - shipped + restocked, reserved
//	    and committed are the units of the orders that are reserved, and that are paid
//	    for and not shipped, and available is the rest
//	C4  an order that was refused does not exist, and a change that was refused has
//	    not happened; nothing happens to an order that nobody asked for
//	C5  no stock that was ever shown is impossible; its version does not go back for
//	    one reader, nor below what was shown before the kill
//	C6  after a start, units that are available can be bought, and not one more
//	C7  a hold ends at its deadline or soon after, not before, and not when the order
//	    was paid for; which of the two wins when they meet is open; an extension moves
//	    the deadline once
//	C8  a server is killed by us or not at all, it logs no error, and the program
//	    verifies the journal that it left
//	C9  no customer has more than the limit, and after a start each can buy what is
//	    left of it, and not one more
//	C10 a shipment, a return and an adjustment happen once or not at all: an
//	    acknowledged one is answered as a repeat, of one without an answer a repeat
//	    tells; what an order counts is the sum of its movements
//	C11 a payment for an order that has ended is answered with the order as it is, and
//	    all of its money is to be paid back, whatever is sent again
//
// # What this cannot show
//
// A process that is killed leaves the page cache behind. So a write without a sync
// survives every kill here, and a server that never calls fdatasync passes. That a
// sync comes before an answer is shown by the crash sweeps of persistence/journal
// and by the engine on a faulty disk, both of which lose what was not synced.
package blackbox
