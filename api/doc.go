// Package api is the HTTP front end: it parses, authenticates, validates and
// answers. What an order or a product may do is decided behind it.
//
// # One table
//
// Every route is one row of the table in routes.go and routes_order.go: method,
// path, who may call it, its handler, and its documentation. The router, the check of who may call,
// the labels of the metrics and /openapi.json are made from that table, so none
// of them can differ from another. A route that is not in it does not exist, and
// a row without a caller class is refused at start.
//
// Bodies are described once too, by the structs in transfer.go and transfer_account.go: their schemas are
// what /openapi.json shows and what a request is checked against.
//
// # The life of a request
//
// A request is one [exchange] from its first byte to its metrics:
//
//	begin    request id, clock, security headers
//	admit    protocol and path hygiene, who is calling, size and type of the body
//	handle   decode strictly, ask the engine or the store, answer
//	end      recover from a panic, count, give the exchange back
//
// # Invariants
//
//	H1  Nothing that points into a request's buffers outlives its handler: what
//	    goes to the engine, the store, a cache or a log is copied first.
//	H2  What is authorised is what is routed: both use the raw path, and a path
//	    that could be read in two ways is refused before either.
//	H3  Every answer that is not a success is a problem document with a code of the
//	    table in code.go, and with the request's id.
//	H4  A refusal (4xx) has had no effect.
//	H5  No answer says whether an account, an order or a product of somebody else
//	    exists: another's object is not_found.
//	H6  A request that is known by a cookie, and may change something, comes from a page
//	    of the server itself.
//	H7  Who is not known makes the server take little: no place beyond a bound, no
//	    room for a large body, no more than a few passwords hashed at a time.
package api
