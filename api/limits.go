package api

import (
	"time"

	"holdfast/inventory"
)

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
	// pingTimeout bounds the question of /readyz?verbose to the store, and pingInterval
	// is how long its answer is good for.
	pingTimeout  = time.Second
	pingInterval = time.Second

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

	// rateWindow is the time in which what a caller may ask for comes back; beyond it:
	// rate_limited.
	rateWindow = 2 * inventory.Second
	// RatePerSecondMax bounds what can be set as a rate, so that each unit takes time.
	RatePerSecondMax = 1_000_000
	// usageInterval is how often other processes are told what callers have used who have
	// used a part in usageToldFrom of what they may; at most usageCallersMax of a quota.
	usageInterval   = 100 * time.Millisecond
	usageToldFrom   = 4
	usageCallersMax = 4096
	// quotaCallersMax bounds the callers that a quota remembers; of those that matter
	// least it thinks that they have asked for nothing.
	quotaCallersMax = 1 << 18

	// exportsMax bounds the exports at a time; further ones: overloaded.
	exportsMax = 4
	// exportWaitMax is how long the first page of an export may take, which waits until the
	// database has all orders; then: store_unavailable.
	exportWaitMax = 30 * time.Second
	// exportOrdersMax are the orders that an export reads at a time: each has as many as
	// inventory.OrderLinesMax rows.
	exportOrdersMax = 20

	// boardCopyMax is how old the board may be that a browser is sent first; its script
	// follows it live from then on.
	boardCopyMax = time.Second
	// boardFilterBytesMax bounds a parameter of the board; a longer one is left out.
	boardFilterBytesMax = 200

	// ticketLifetime is how long a ticket opens a WebSocket; then: 401.
	ticketLifetime = 30 * time.Second
	// ticketsMax bounds the tickets that were issued in such a time, used or not; further
	// ones: overloaded.
	ticketsMax = 65_536
	// ticketsPerUserMax bounds those of one user; further ones: rate_limited.
	ticketsPerUserMax = 16

	// customerIdleMax and staffIdleMax are how long a session lives after it was last
	// refreshed, customerSessionMax and staffSessionMax how long at the longest; then: 401.
	customerIdleMax    = 30 * 24 * time.Hour
	customerSessionMax = 30 * 24 * time.Hour
	staffIdleMax       = 30 * time.Minute
	staffSessionMax    = 12 * time.Hour
	// secondStepMax is how long the token of a second step is good; then: 401, log in again.
	secondStepMax = 5 * time.Minute
	// secondStepTriesMax bounds the codes that are tried with one such token, and
	// secondStepsMax the tokens whose tries are counted.
	secondStepTriesMax = 5
	secondStepsMax     = 65_536
	// codeFailuresMax bounds the wrong codes of one account in a time; then: 429.
	codeFailuresMax    = 20
	codeFailuresPeriod = 24 * time.Hour
	// resetMax is how long a mail for a new password is good; then: 401.
	resetMax = 30 * time.Minute
	// setupMax is how long the link for the first administrator is good; then: 401, start
	// again.
	setupMax = 15 * time.Minute
	// apiKeysMax bounds the API keys; one more: version_conflict.
	apiKeysMax = 1_000
	// refreshRepeatMax is how long a refresh token that was used answers with what it did.
	refreshRepeatMax = 10 * time.Second
	// agentBytesMax bounds what is kept of a User-Agent; the rest is cut off.
	agentBytesMax = 256

	// keyCacheLifetime is how long a verified API key is trusted without asking the
	// store: a deleted key works at most that long.
	keyCacheLifetime = 60 * time.Second
	// keyCacheEntries bounds the API keys that are remembered.
	keyCacheEntries = 8_192
)
