package api

import (
	"crypto/rand"
	"encoding/hex"
)

// Names of headers that are looked at as a list: of two, whoever stands before us
// may have believed the other one.
const (
	headerKey           = "Idempotency-Key"
	headerAuthorization = "Authorization"
)

// Names and values of headers, in the form in which they are written.
var (
	headerRequestID    = []byte("X-Request-Id")
	headerCacheControl = []byte("Cache-Control")
	headerReplayed     = []byte("Idempotent-Replayed")
	headerLocation     = []byte("Location")
	headerETag         = []byte("Etag")
	headerIfNoneMatch  = []byte("If-None-Match")
	headerEncoding     = []byte("Content-Encoding")

	typeJSON    = []byte("application/json")
	typeProblem = []byte("application/problem+json")

	valueTrue = []byte("true")

	// cacheNever is for what is private or an error, cacheRevalidate for what
	// anyone may read: it may be kept, but must be asked for again.
	cacheNever      = []byte("no-store")
	cacheRevalidate = []byte("no-cache")
)

// securityHeaders are on every answer. The answers are data, never pages: a
// browser that is made to open one may load and run nothing.
var securityHeaders = []struct{ name, value []byte }{
	{[]byte("X-Content-Type-Options"), []byte("nosniff")},
	{[]byte("Referrer-Policy"), []byte("no-referrer")},
	{[]byte("Content-Security-Policy"), []byte("default-src 'none'; frame-ancestors 'none'")},
}

func newRequestIDPrefix() []byte {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return append(hex.AppendEncode(nil, random[:]), '-')
}
