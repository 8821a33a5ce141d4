// Package client places and changes orders on a Holdfast server over HTTP.
//
// What it adds to plain requests is the one thing that callers get wrong: an answer
// that did not come, or that says "unknown", leaves open what became of the request.
// The client sends it again with the same idempotency key, so that the truth is
// learned and never made twice, until there is a definite answer, the context ends or
// its attempts are used up. A definite refusal is a [*Problem] and has had no effect;
// any other error of a call with a key means unknown: call again with the same key.
//
// Pauses between attempts grow, are spread at random, and are never shorter than the
// server asks for in Retry-After. A [Client] may be used by any number of goroutines.
package client
