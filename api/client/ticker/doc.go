// Package ticker watches live stock on a Holdfast server over one WebSocket, in either form
// of the protocol stockticker.v1 (documentation/protocol.md).
//
// # Model
//
// A [Client] has a set of channels that its caller wants. [Client.Run] connects, keeps what
// the server sends in step with that set, and comes back after a loss, with the versions that
// it has, so that the server repeats nothing that is known. [Client.Next] returns what has
// changed in one channel. There is no queue between the two: a channel keeps its latest state
// and a mark that it has changed, so that a caller who is slow is told less often, and always
// of the present, and takes no more memory than one who is fast.
//
// # Promises
//
//   - Of a product the caller never sees a version after a later one, whatever is lost,
//     repeated or comes late: a state is taken unless its epoch and version are below those
//     that are held.
//   - What the server says about coming back is kept: the pause of its bye, the ranges of its
//     close codes, Retry-After. Otherwise pauses are random, from zero to half a second at
//     first, twice as much each time up to 30 s, and begin anew after 10 s of life.
//   - A server that is silent for 20 s is left.
//   - All that is kept is bounded, and nothing runs after [Client.Run] has returned.
package ticker
