package api

import "time"

// Every bound of the front end, with what happens at it. Those that end in
// Default can be set in [Options].
const (
	// bodyBytesMax bounds a body; beyond it: 413.
	bodyBytesMax = 64 << 10
	// orderBodyBytesMax bounds the body of POST /api/orders, and what the server
	// reads at all.
	orderBodyBytesMax = 256 << 10
	// jsonDepthMax bounds the nesting of a body; beyond it: 400.
	jsonDepthMax = 16
	// fieldErrorsMax bounds the errors[] of one answer; further ones are cut off.
	fieldErrorsMax = 50
	// headerBytesMax bounds the request line and headers; beyond it: 431.
	headerBytesMax = 8 << 10

	// ReadTimeoutDefault bounds the arrival of a whole request; then the
	// connection is closed.
	ReadTimeoutDefault = 5 * time.Second
	// WriteTimeoutDefault bounds the sending of an answer; then the connection is
	// closed.
	WriteTimeoutDefault = 10 * time.Second
	// IdleTimeoutDefault is how long a connection stays open between requests.
	IdleTimeoutDefault = 30 * time.Second
	// ConnectionsMaxDefault bounds the open connections; further ones get 503.
	ConnectionsMaxDefault = 65_536

	// storeTimeout bounds one question to the store; then: store_unavailable.
	storeTimeout = 2 * time.Second
	// pingTimeout bounds the question of /readyz to the store.
	pingTimeout = time.Second

	// versionWaitMax is how long a read of stock waits for a version; then: 504.
	versionWaitMax = 2 * time.Second
	// versionPollPause is the pause between two looks at the stock board.
	versionPollPause = 5 * time.Millisecond
	// versionWaitersMax bounds the reads that wait; further ones: overloaded.
	versionWaitersMax = 1_024

	// pageLimitDefault and pageLimitMax are the items of one page of a list.
	pageLimitDefault = 20
	pageLimitMax     = 100

	// Bounds of an Idempotency-Key, in characters.
	idempotencyKeyMin = 16
	idempotencyKeyMax = 128
	// requestIDMax bounds an X-Request-ID that is taken over from the caller.
	requestIDMax = 64

	// emailBytesMax bounds an address (RFC 5321 allows no longer path).
	emailBytesMax = 254

	// keyCacheLifetime is how long a verified API key is trusted without asking the
	// store: a deleted key works at most that long.
	keyCacheLifetime = 60 * time.Second
	// keyCacheEntries bounds the API keys that are remembered.
	keyCacheEntries = 8_192
)
