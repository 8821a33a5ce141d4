// Package bench measures Holdfast from outside, as its users meet it: over HTTP,
// with real fsync, beside a ceiling in the same run.
//
// A figure of this package is a ratio. Machines differ and drift, so the server
// and its ceiling (a fasthttp handler that returns a constant of the same size)
// are loaded in turn, round after round, by the same generator with the same
// script, and the share is taken inside each round. What is quoted is the median
// of the rounds.
package bench
