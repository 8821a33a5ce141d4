// Package crowd holds thousands of WebSocket connections that watch one product, as cheaply
// as it can: it shares the processors with the server that it loads.
//
// # Model
//
// A [Crowd] is connections that all ask for the same. A few goroutines each have a set of
// them, wait for all of it with epoll, read into one buffer that they share, and look in each
// message for a version and what is available, and for nothing else. A connection has no
// buffer of its own, but for the rest of a message that came in parts. What a message means
// is said by a [Dialect], so that the same crowd watches other servers too.
//
// # What is checked
//
// On each connection versions must not go back. While it records, a crowd notes when which
// connection was shown which version: 12 bytes each, in room that was made before. What
// follows from that is for others to find, when the load is over.
//
// A crowd that is paused reads nothing: its peers see clients that have stalled.
package crowd
