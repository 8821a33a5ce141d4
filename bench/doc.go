// Package bench measures Holdfast from outside, as its users meet it: over HTTP,
// with real fsync, beside a ceiling in the same run.
//
// A figure of this package is a ratio. Machines differ and drift, so the server
// and its ceiling (a fasthttp handler that returns a constant of the same size)
// are loaded in turn, round after round, by the same generator with the same
// script, and the share is taken inside each round. What is quoted is the median
// of the rounds.
//
// Both have as many Go processors, and both are warmed up. A measurement begins when
// the database has all orders of the loads before, so that none pays for the work of
// another. The server may still put off work of its own: how many orders were not in
// SQL at the end of its measurement is in the table, and so is the processor time of
// the generator, which shares the machine with both.
//
// [Share] and [Flat] are closed loops: they say how much a server can do. [Flash] is an
// open loop and says how long customers wait: orders are due when they are due, and
// their time runs from then. [Paired] is the same loop, in health and beside a service that
// fails, and quotes ratios. Open loops say of the generator how far it kept to its
// schedule. [Watch] shows a product to thousands of connections, and can do so beside a
// peer. [Flash], [Watch] and [Replay] also judge: what the API says at the end must be what
// it answered before, and what every connection shows.
package bench
