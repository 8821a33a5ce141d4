package api

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/valyala/fasthttp"

	"holdfast/actors"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// exchange is one request and its answer. It belongs to the goroutine that
// serves the request, from begin to end, and is used again afterwards.
type exchange struct {
	server    *Server
	ctx       *fasthttp.RequestCtx
	route     *boundRoute
	principal token.Principal
	// intoCookies says that the tokens of the caller's session are in cookies, or are to be.
	intoCookies bool
	// given are headers of the request.
	given given
	// now is when the request began.
	now inventory.Instant
	// requestID lies in idBuffer.
	requestID []byte
	idBuffer  [requestIDMax]byte
	// buffer is where the body of the answer is built.
	buffer []byte
	// placement is the order that is placed.
	placement placement
}

// exchangeBufferMax bounds what an exchange keeps for the next request.
const exchangeBufferMax = 64 << 10

var exchanges = sync.Pool{New: func() any { return &exchange{buffer: make([]byte, 0, 1024)} }}

// begin takes up a request.
func (x *exchange) begin(s *Server, route *boundRoute, ctx *fasthttp.RequestCtx) {
	x.server, x.route, x.ctx = s, route, ctx
	x.now = s.clock.Now()
	s.inFlight.Add(1)
	x.given.read(&ctx.Request.Header)
	x.identify()
	x.dress()
}

// dress sets the headers that every answer has.
func (x *exchange) dress() {
	header := &x.ctx.Response.Header
	header.SetCanonical(headerRequestID, x.requestID)
	headers := securityHeaders
	if x.route.page {
		headers = pageHeaders
	}
	for i := range headers {
		header.SetCanonical(headers[i].name, headers[i].value)
	}
	if x.server.options.StrictTransport {
		header.SetCanonical(headerStrictTransport, strictTransport)
	}
	header.SetCanonical(headerCacheControl, x.route.cacheControl)
	x.shareWithPage()
}

// end recovers from a panic of the handler, counts the request and gives the
// exchange back. It must be deferred directly.
func (x *exchange) end() {
	if cause := recover(); cause != nil {
		x.answerPanic(cause)
	}
	s := x.server
	s.inFlight.Add(-1)
	elapsed := s.clock.Now() - x.now
	x.route.observe(x.ctx.Response.StatusCode(), float64(elapsed)/float64(inventory.Second))
	if x.route.pulse != nil {
		x.route.pulse.answered(elapsed)
	}
	if cap(x.buffer) > exchangeBufferMax {
		x.buffer = make([]byte, 0, 1024)
	}
	*x = exchange{buffer: x.buffer[:0]}
	exchanges.Put(x)
}

// requestIDPrefix makes the ids of this process differ from those of others.
var (
	requestIDPrefix  = newRequestIDPrefix()
	requestIDCounter atomic.Uint64
)

// identify takes over the caller's request id, or makes one.
func (x *exchange) identify() {
	if given := x.given.requestID.value; len(given) >= 1 && len(given) <= requestIDMax && isVisible(given) {
		x.requestID = append(x.idBuffer[:0], given...)
		return
	}
	x.requestID = append(x.idBuffer[:0], requestIDPrefix...)
	x.requestID = strconv.AppendUint(x.requestID, requestIDCounter.Add(1), 36)
}

// isVisible reports whether text is visible ASCII, spaces not included.
func isVisible(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// textOf reads bytes of the request as a string without a copy. The result must
// not outlive the handler (H1).
func textOf(data []byte) string { return unsafe.String(unsafe.SliceData(data), len(data)) }

// engine returns the engine, or refuses because it is not there yet.
func (x *exchange) engine() (actors.Facade, bool) {
	if engine := x.server.engine.Load(); engine != nil {
		return *engine, true
	}
	x.refuse(inventory.Refusal{Code: inventory.CodeStarting, Detail: "The engine is recovering. Try again in a moment."})
	return nil, false
}

// storeContext bounds one question to the store.
func (x *exchange) storeContext() (context.Context, context.CancelFunc) {
	return x.server.storeContext()
}

func (s *Server) storeContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.living, storeTimeout)
}

// pathID reads a path parameter that is an identifier. What is none names
// nothing, and is not_found.
func (x *exchange) pathID(name string) (inventory.ID, bool) {
	text, _ := x.ctx.UserValue(name).(string)
	id, err := inventory.ParseID(text)
	if err != nil {
		x.fail(inventory.CodeNotFound, "There is nothing with this id.")
		return inventory.ID{}, false
	}
	return id, true
}

// ownerFilter is whose objects the caller may see: a customer its own, others all.
func (x *exchange) ownerFilter() inventory.ID {
	if x.principal.Role == persistence.RoleCustomer {
		return x.principal.ID
	}
	return inventory.ID{}
}

// answer sends a JSON body.
func (x *exchange) answer(status int, body []byte) {
	x.ctx.Response.SetStatusCode(status)
	x.ctx.Response.Header.SetContentTypeBytes(typeJSON)
	x.ctx.Response.SetBody(body)
}

// answerNothing says that it was done and that there is no more to say.
func (x *exchange) answerNothing() { x.ctx.Response.SetStatusCode(fasthttp.StatusNoContent) }

// fail refuses with a code of the front end.
func (x *exchange) fail(code inventory.Code, detail string) {
	x.answerProblem(&problem{code: code, detail: detail})
}

// failFields refuses with a list of invalid members.
func (x *exchange) failFields(fields ...fieldError) {
	x.answerProblem(&problem{code: inventory.CodeValidationFailed, fields: fields,
		detail: "Some values of the request are not valid; see errors."})
}

// refuse passes on a refusal of the engine.
func (x *exchange) refuse(refusal inventory.Refusal) {
	x.answerProblem(&problem{code: refusal.Code, detail: refusal.Detail, refusal: refusal})
}

// failStore answers for a store that could not be read: logged here, and only
// here.
func (x *exchange) failStore(doing string, err error) {
	x.logStore(doing, err)
	x.fail(inventory.CodeStoreUnavailable, "The database cannot be reached. Nothing was changed; try again.")
}

// failWrite answers for a store that did not say whether it has written: a
// transaction may be done although its answer was lost or came too late. How the
// caller learns the truth is advice.
func (x *exchange) failWrite(doing string, err error, advice string) {
	x.logStore(doing, err)
	x.fail(inventory.CodeUnknownOutcome, "The database did not answer in time; it may have done it. "+advice)
}

func (x *exchange) logStore(doing string, err error) {
	x.server.log.Error("the store failed", "doing", doing, "error", err, "request_id", string(x.requestID))
}

// failLimited refuses until a moment that is wait from now.
func (x *exchange) failLimited(detail string, wait inventory.Instant) {
	seconds := (wait + inventory.Second - 1) / inventory.Second
	x.answerProblem(&problem{code: codeRateLimited, detail: detail, retryAfter: int64(seconds)})
}

func (x *exchange) answerProblem(p *problem) {
	row := rowOfCode(p.code)
	if x.route.pulse != nil {
		x.route.pulse.refuse(p.code)
	}
	x.buffer = appendProblem(x.buffer[:0], p, x)
	response := &x.ctx.Response
	response.SetStatusCode(row.status)
	response.Header.SetContentTypeBytes(typeProblem)
	response.Header.SetCanonical(headerCacheControl, cacheNever)
	switch {
	case p.retryAfter > 0:
		response.Header.Set("Retry-After", strconv.FormatInt(p.retryAfter, 10))
	case row.retryAfter != "":
		response.Header.Set("Retry-After", row.retryAfter)
	}
	if p.code == codeUnauthorized {
		response.Header.Set("WWW-Authenticate", `Bearer realm="holdfast"`)
	}
	response.SetBody(x.buffer)
}

// decode reads the body strictly into target, or refuses.
func (x *exchange) decode(target any) bool {
	malformed, fields := decodeStrict(x.ctx.Request.Body(), x.route.bodySchema, target)
	switch {
	case malformed != "":
		x.fail(codeMalformed, malformed)
	case len(fields) > 0:
		x.failFields(fields...)
	default:
		return true
	}
	return false
}

// hasBody reports whether anything but white space was sent.
func (x *exchange) hasBody() bool { return len(bytes.TrimSpace(x.ctx.Request.Body())) > 0 }
