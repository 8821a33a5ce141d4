package api

import "time"

// Every bound of the front end, with what happens at it. Those that end in
// Default can be set in [Options].
const (
	// bodyBytesMax bounds a body; beyond it: 413.
	bodyBytesMax = 64 << 10
	// orderBodyBytesMax bounds a body that names the lines of an order, and what the
	// server reads at all.
	orderBodyBytesMax = 256 << 10
	// strangerBodyBytesMax bounds the body of a caller who is not known, or not yet:
	// beyond it: 413, or 401 when there are credentials. It is more than the
	// largest registration takes with every character escaped.
	strangerBodyBytesMax = 8 << 10
	// emptyBodyBytesMax bounds the body of GET and HEAD, which take none; beyond
	// it: 413.
	emptyBodyBytesMax = 1 << 10
	// jsonDepthMax bounds the nesting of a body; beyond it: 400.
	jsonDepthMax = 16
	// fieldErrorsMax bounds the errors[] of a body that is not valid; further ones are
	// cut off. A refusal of the engine names every item, so inventory.OrderLinesMax
	// bounds those.
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

	// acceptPauseMin is the pause after a connection could not be accepted. It
	// doubles up to acceptPauseMax while that goes on.
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
	// acceptQuiet without such a failure ends a burst of them: one is logged of each.
	acceptQuiet = time.Minute
	// refusalsMax bounds the refused connections whose request is waited for;
	// further ones are answered before it.
	refusalsMax = 128
	// lingerMax is how long a connection that ends is read on, and lingerBytesMax how
	// far: so long a client has to take the answer.
	lingerMax      = 500 * time.Millisecond
	lingerBytesMax = orderBodyBytesMax

	// storeTimeout bounds one question to the store; then: store_unavailable.
	storeTimeout = 2 * time.Second
	// pingTimeout bounds the question of /readyz to the store.
	pingTimeout = time.Second

	// versionWaitMax is how long a read of stock waits for a version; then: 504.
	versionWaitMax = 2 * time.Second
	// versionPollPauseMin is the pause before the second look at the stock board. It
	// doubles up to versionPollPauseMax: most versions are there at once, or late.
	versionPollPauseMin = 5 * time.Millisecond
	versionPollPauseMax = 50 * time.Millisecond
	// versionWaitersMax bounds the reads that wait; further ones: overloaded.
	versionWaitersMax = 1_024
	// versionWaitersPerAddressMax bounds those of one address, which may be that of
	// many shoppers; further ones: rate_limited.
	versionWaitersPerAddressMax = 256

	// pageLimitDefault and pageLimitMax are the items of one page of a list.
	pageLimitDefault = 20
	pageLimitMax     = 100
	// pageBytesMax ends a page of orders early: with the order that crosses it.
	pageBytesMax = 1 << 20

	// Bounds of an Idempotency-Key, in characters.
	idempotencyKeyMin = 16
	idempotencyKeyMax = 128
	// requestIDMax bounds an X-Request-ID that is taken over from the caller.
	requestIDMax = 64

	// emailBytesMax bounds an address (RFC 5321 allows no longer path).
	emailBytesMax = 254

	// loginBucketsMax bounds the accounts and addresses whose failed logins are
	// remembered, and loginTrustedMax those that logged in; those that matter least
	// are forgotten.
	loginBucketsMax = 65_536
	loginTrustedMax = 65_536
	// loginTrustLifetime is how long a login is remembered.
	loginTrustLifetime = 30 * 24 * time.Hour

	// keyCacheLifetime is how long a verified API key is trusted without asking the
	// store: a deleted key works at most that long.
	keyCacheLifetime = 60 * time.Second
	// keyCacheEntries bounds the API keys that are remembered.
	keyCacheEntries = 8_192
)
