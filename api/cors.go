package api

import (
	"slices"

	"github.com/valyala/fasthttp"
)

// Pages of other origins may call the API when the server names these origins (CORS).
// They send access tokens in Authorization and never cookies, so Allow-Credentials is
// never sent. What a browser may send and a page may read does not depend on the route.
const (
	corsHeadersSent = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
	corsHeadersRead = "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
	// corsMaxAge is how many seconds a browser remembers what it may do: no browser keeps
	// it for longer than two hours.
	corsMaxAge = "7200"
)

// shareWithPage lets the page that asks read the answer, if it is of an origin that may.
func (x *exchange) shareWithPage() {
	if len(x.server.options.PageOrigins) == 0 {
		return
	}
	header := &x.ctx.Response.Header
	header.Add(fasthttp.HeaderVary, headerOrigin) // the answer to others is another one
	if x.isFromPage() {
		header.SetBytesV(fasthttp.HeaderAccessControlAllowOrigin, x.given.origin.value)
		header.Set(fasthttp.HeaderAccessControlExposeHeaders, corsHeadersRead)
	}
}

// isFromPage reports whether the request says that it is from a page of an origin that
// may call the API.
func (x *exchange) isFromPage() bool {
	return x.given.origin.count == 1 && slices.Contains(x.server.options.PageOrigins, textOf(x.given.origin.value))
}

// answerPreflight tells a browser what its page may do with the path, whose methods the
// router has put into Allow. It returns false when that is not what was asked.
func (x *exchange) answerPreflight() bool {
	request, response := &x.ctx.Request.Header, &x.ctx.Response.Header
	if !x.ctx.IsOptions() || len(request.Peek(fasthttp.HeaderAccessControlRequestMethod)) == 0 || !x.isFromPage() {
		return false
	}
	response.SetBytesV(fasthttp.HeaderAccessControlAllowMethods, response.Peek(fasthttp.HeaderAllow))
	response.Set(fasthttp.HeaderAccessControlAllowHeaders, corsHeadersSent)
	response.Set(fasthttp.HeaderAccessControlMaxAge, corsMaxAge)
	x.answerNothing()
	return true
}
