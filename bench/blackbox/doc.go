// Package blackbox judges a Holdfast server from outside: it loads it over HTTP,
// kills it, starts it again, and compares what it says with a history of its own.
// It imports nothing of the engine.
//
// Every key is written to the history before it is sent, so whatever happened to
// an answer, the truth can be asked for later. At the end of each cycle:
//
//	C1  every acknowledged order exists with the same ID
//	C2  no key stands for two orders; a repeat is answered with the first
//	C3  per product: opening stock = available + reserved + committed + safety,
//	    and reserved + committed = units of the orders that exist
//	C4  an order that was refused does not exist
//	C5  no stock that was ever shown is negative
package blackbox
