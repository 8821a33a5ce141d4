package api

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// received is called by fasthttp when a header has arrived. It says how large the
// body may be.
func (s *Server) received(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
	return fasthttp.RequestConfig{MaxRequestBodySize: s.bodyBound(header)}
}

// bodyBound is how large the body of a request may be. fasthttp takes the memory as
// soon as a length, or that of a chunk, is announced: a stranger who sends sixty
// bytes must not make it take much. So whoever wants to send a large body has to be
// known first. What each route takes is checked afterwards.
func (s *Server) bodyBound(header *fasthttp.RequestHeader) int {
	length := header.ContentLength()
	switch {
	case header.IsGet() || header.IsHead():
		return emptyBodyBytesMax
	case length != lengthChunked && length <= strangerBodyBytesMax, !s.isKnown(header):
		return strangerBodyBytesMax
	}
	return orderBodyBytesMax
}

// lengthChunked is fasthttp's length of a body that comes in chunks.
const lengthChunked = -1

// isKnown reports whether the request has a credential that is valid. It is called
// outside of an exchange, where a panic would end the process.
func (s *Server) isKnown(header *fasthttp.RequestHeader) (known bool) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("looking at a credential panicked", "cause", fmt.Sprint(cause))
			known = false
		}
	}()
	_, err := s.recognise(credentialOf(header), s.clock.Now(), func() bool { return true })
	return err == nil
}

// expected is called by fasthttp for a request that waits for leave to send its
// body. It gives leave, or answers. fasthttp sends what it finds in the response
// when it is told a status other than 100.
func (s *Server) expected(ctx *fasthttp.RequestCtx) int {
	if header := &ctx.Request.Header; header.ContentLength() <= s.bodyBound(header) {
		return fasthttp.StatusContinue
	}
	s.answerBroken(ctx, fasthttp.ErrBodyTooLarge)
	return ctx.Response.StatusCode()
}

// allowWrite gives a connection the time of an answer, from now on.
func (s *Server) allowWrite(connection net.Conn) {
	_ = connection.SetWriteDeadline(time.Now().Add(s.options.WriteTimeout)) //nolint:forbidigo // the kernel keeps the deadline
}

// answerBroken answers for a request that could not be read. fasthttp closes the
// connection afterwards.
func (s *Server) answerBroken(ctx *fasthttp.RequestCtx, err error) {
	x := exchanges.Get().(*exchange)
	x.begin(s, s.unreadable, ctx)
	defer x.end()
	// The deadline is that of the answer before, and may be over.
	s.allowWrite(ctx.Conn())
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		x.fail(codeRequestTimeout, "The request did not arrive in time.")
		return
	}
	if guest, is := ctx.Conn().(*guest); is {
		guest.unheard.Store(true)
	}
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &small):
		x.fail(codeHeadersTooLarge, fmt.Sprintf("Request line and headers have more than %d bytes.", headerBytesMax))
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		x.failBody()
	default:
		x.fail(codeMalformed, "The request is not valid HTTP/1.1.")
	}
}

// failBody answers for a body that was not read because of its size. It may have
// been too large only because the caller is not known: then that is what is wrong.
func (x *exchange) failBody() {
	header := &x.ctx.Request.Header
	if length := header.ContentLength(); length <= orderBodyBytesMax && len(credentialOf(header)) > 0 && !x.server.isKnown(header) {
		x.failCredential()
		return
	}
	x.fail(codePayloadTooLarge, fmt.Sprintf("The body is too large. An order may have %d bytes, and others %d; without credentials it is %d.",
		orderBodyBytesMax, bodyBytesMax, strangerBodyBytesMax))
}
