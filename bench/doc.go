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
package bench
