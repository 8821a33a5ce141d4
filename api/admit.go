package api

import (
	"bytes"
	"fmt"
	"runtime/debug"

	"github.com/valyala/fasthttp"

	"holdfast/inventory"
	"holdfast/persistence"
)

// admit checks everything that does not depend on the route's own work. It
// answers and returns false when the request goes no further.
func (x *exchange) admit() bool {
	if reason := hygiene(&x.ctx.Request); reason != "" {
		// A peer that disagrees with us about framing must not go on with this
		// connection: what it sends next may be read differently.
		x.ctx.SetConnectionClose()
		x.fail(codeMalformed, reason)
		return false
	}
	return x.authorise() && x.withinRate() && x.acceptQuery() && x.acceptBody()
}

// hygiene returns why a request is refused whatever it asks for.
func hygiene(request *fasthttp.Request) string {
	header := &request.Header
	switch {
	case !header.IsHTTP11():
		return "HTTP/1.1 is required."
	case hasFoldedHeader(header.RawHeaders()):
		return "Header lines must not be folded."
	case header.ContentLength() == -1 && hasContentLength(header.RawHeaders()):
		return "Content-Length and Transfer-Encoding exclude each other."
	case len(header.PeekTrailerKeys()) > 0:
		// A trailer arrives after everything was decided, and would be read as a header.
		return "Trailer fields are not accepted."
	case !isPlainPath(request.URI().PathOriginal()):
		return "The path must not have control characters, backslashes or doubly encoded characters."
	}
	return ""
}

// hasFoldedHeader finds a header line that goes on in the next one.
func hasFoldedHeader(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\n')
		if i < 0 || i+1 >= len(raw) {
			return false
		}
		if raw = raw[i+1:]; raw[0] == ' ' || raw[0] == '\t' {
			return true
		}
	}
}

var nameContentLength = []byte("content-length:")

func hasContentLength(raw []byte) bool {
	return bytes.Contains(bytes.ToLower(raw), nameContentLength)
}

// isPlainPath reports whether a raw path can be read in one way only: decoded
// once, it has no control character, no backslash and nothing left to decode.
func isPlainPath(path []byte) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) {
				return false
			}
			high, low := hexValue(path[i+1]), hexValue(path[i+2])
			if high > 15 || low > 15 {
				return false
			}
			if c = high<<4 | low; c == '%' {
				return false
			}
			i += 2
		}
		if c < 0x20 || c == 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// authorise finds out who is calling and whether the route is for them.
func (x *exchange) authorise() bool {
	if x.route.who == anyone {
		return true
	}
	if !x.authenticate() {
		return false
	}
	if !x.route.who.admits(x.principal.Role) {
		x.fail(codeForbidden, "Your account may not do this.")
		return false
	}
	return true
}

// acceptBody checks size, coding and type of the body. Its content is the
// handler's matter.
func (x *exchange) acceptBody() bool {
	request := &x.ctx.Request
	body := request.Body()
	switch {
	case len(body) > x.route.bodyMax:
		x.fail(codePayloadTooLarge, fmt.Sprintf("The body has more than %d bytes.", x.route.bodyMax))
	case x.given.encoding.count > 1, len(x.given.encoding.value) > 0:
		x.fail(codeUnsupportedMediaType, "A Content-Encoding of requests is not supported.")
	case x.route.bodySchema == nil && len(body) > 0:
		x.fail(codeMalformed, "This request takes no body.")
	case len(body) > 0 && !isJSONType(request.Header.ContentType()):
		x.fail(codeUnsupportedMediaType, "The Content-Type must be application/json.")
	default:
		return true
	}
	return false
}

var (
	nameCharset = []byte("charset")
	charsetJSON = []byte("utf-8")
)

// isJSONType accepts application/json, alone or with the charset that JSON has.
func isJSONType(value []byte) bool {
	if bytes.Equal(value, typeJSON) {
		return true
	}
	kind, parameter, found := bytes.Cut(value, []byte{';'})
	if !bytes.EqualFold(bytes.TrimSpace(kind), typeJSON) {
		return false
	}
	name, charset, _ := bytes.Cut(bytes.TrimSpace(parameter), []byte{'='})
	if n := len(charset); n >= 2 && charset[0] == '"' && charset[n-1] == '"' {
		charset = charset[1 : n-1]
	}
	return !found || bytes.EqualFold(name, nameCharset) && bytes.EqualFold(charset, charsetJSON)
}

// access says who may call a route. Every row of the table names one; the zero
// value is refused at start, so that nothing is open by omission.
type access uint8

const (
	anyone access = 1 << iota
	customers
	services
	admins
)

const (
	// users are people who order, and people those who have an account: without a second
	// factor, all of them are customers.
	users  = customers | admins
	people = customers | services | admins
)

// admits reports whether the role is among those meant.
func (a access) admits(role persistence.Role) bool {
	switch role {
	case persistence.RoleCustomer:
		return a&customers != 0
	case persistence.RoleService:
		return a&services != 0
	case persistence.RoleAdmin:
		return a&admins != 0
	}
	return false
}

// answerPanic answers for a handler that panicked. The stack goes to the log, an
// id to the caller.
func (x *exchange) answerPanic(cause any) {
	x.server.log.Error("a handler panicked", "route", x.route.path, "request_id", string(x.requestID),
		"cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	x.ctx.Response.Reset()
	x.dress()
	x.fail(codeInternal, "An unexpected error was logged under this request id.")
}

// answerUnknown answers for a path that no route has.
func answerUnknown(x *exchange) {
	x.fail(inventory.CodeNotFound, "There is no such path.")
}

// answerWrongMethod answers for a path that other methods have. The router has
// set Allow.
func answerWrongMethod(x *exchange) {
	if x.answerPreflight() {
		return
	}
	x.fail(codeMethodNotAllowed, "The path exists for other methods; see Allow.")
}
