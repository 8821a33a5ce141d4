package api

import (
	"crypto/rand"
	"encoding/hex"
)

// Names of headers that are looked at as a list: of two, whoever stands before us
// may have believed the other one.
const (
	headerKey            = "Idempotency-Key"
	headerAuthorization  = "Authorization"
	headerOrigin         = "Origin"
	headerIfMatch        = "If-Match"
	headerForwardedFor   = "X-Forwarded-For"
	headerForwardedProto = "X-Forwarded-Proto"
	headerFetchSite      = "Sec-Fetch-Site"
	headerSocketKey      = "Sec-WebSocket-Key"
	headerSocketVersion  = "Sec-WebSocket-Version"
	headerSubprotocol    = "Sec-WebSocket-Protocol"
)

// Names of headers that are read among all others, as fasthttp writes them.
const (
	nameRequestID = "X-Request-Id"
	nameEncoding  = "Content-Encoding"
)

// Names and values of headers, in the form in which they are written.
var (
	headerRequestID    = []byte(nameRequestID)
	headerCacheControl = []byte("Cache-Control")
	headerReplayed     = []byte("Idempotent-Replayed")
	headerLocation     = []byte("Location")
	headerETag         = []byte("Etag")
	headerIfNoneMatch  = []byte("If-None-Match")

	headerStrictTransport = []byte("Strict-Transport-Security")
	// strictTransport is a year, in seconds.
	strictTransport = []byte("max-age=31536000")

	typeJSON    = []byte("application/json")
	typeProblem = []byte("application/problem+json")
	typeCSV     = []byte("text/csv; charset=utf-8")

	valueTrue = []byte("true")

	// cacheNever is for what is private or an error, cacheRevalidate for what
	// anyone may read: it may be kept, but must be asked for again.
	cacheNever      = []byte("no-store")
	cacheRevalidate = []byte("no-cache")
	// cacheForever is for what is another address when it changes: a year, the longest there is.
	cacheForever = []byte("public, max-age=31536000, immutable")
)

// securityHeaders are on every answer that is no page. It is data: a browser that is made to
// open one may load and run nothing.
var securityHeaders = []struct{ name, value []byte }{
	{[]byte("X-Content-Type-Options"), []byte("nosniff")},
	{[]byte("Referrer-Policy"), []byte("no-referrer")},
	{[]byte("Content-Security-Policy"), []byte("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")},
}

// pageHeaders are on every answer of a page's routes. A page loads what this server has and
// nothing else: no script or style in the page itself runs, no other page may frame it, and
// text never becomes markup (Trusted Types). The picture of a QR code is in its address.
var pageHeaders = []struct{ name, value []byte }{
	securityHeaders[0],
	securityHeaders[1],
	{[]byte("Content-Security-Policy"), []byte("default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; " +
		"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")},
	{[]byte("Cross-Origin-Opener-Policy"), []byte("same-origin")},
}

func newRequestIDPrefix() []byte {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return append(hex.AppendEncode(nil, random[:]), '-')
}
