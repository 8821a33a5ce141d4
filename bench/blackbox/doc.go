// Package blackbox judges a Holdfast server from outside: it loads it over HTTP,
// kills it with SIGKILL, starts it again, and compares what it says with a history
// of its own. It imports nothing of the engine.
//
// # What is tried
//
// Buyers place orders of products that never sell out and of scarce ones that are
// new in every cycle, once or several times at once, with one body or two; they
// confirm, cancel, do both at once, and come back to orders of earlier cycles.
// Readers look at stocks, and at orders that are being placed. The server is killed
// while all of that goes on. Some starts are killed as well, between the moment when
// the server listens and the moment when it is ready. At the end it is stopped in
// order, under load too. Every key is written to the history before it is sent, so
// whatever happened to an answer, the truth can be asked for later.
//
// # What must hold
//
//	C1  an order that was acknowledged, or shown to anybody, exists with the same ID,
//	    and in a state that the one that was shown can lead to: in every later cycle
//	C2  no key stands for two orders, sent in turn or at once, before and after a
//	    kill; a repeat is answered with the first order, another body is refused
//	C3  per product: opening stock = available + reserved + committed + safety, and
//	    reserved and committed are the units of the orders that are reserved and
//	    confirmed
//	C4  an order that was refused does not exist, and a change that was refused has
//	    not happened
//	C5  no stock that was ever shown is impossible; its version does not go back for
//	    one reader, nor below what was shown before the kill
//	C6  after a start, units that are available can be bought, and not one more
//	C7  a hold ends at its deadline or soon after, not before, and not when the order
//	    was paid for; which of the two wins when they meet is open
//	C8  a server is killed by us or not at all, it logs no error, and the program
//	    verifies the journal that it left
//
// # What this cannot show
//
// A process that is killed leaves the page cache behind. So a write without a sync
// survives every kill here, and a server that never calls fdatasync passes. That a
// sync comes before an answer is shown by the crash sweeps of persistence/journal
// and by the engine on a faulty disk, both of which lose what was not synced.
package blackbox
