package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

// fasthttp never ends its clock, and its cleaners of workers and connections only some
// time after.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

// seen is a request that a server got.
type seen struct{ method, path, authorization, key, body string }

// reply is what a server says to one request. Status 0 closes the connection instead.
type reply struct {
	status     int
	body       string
	retryAfter string
	replayed   bool
}

// server says the replies one after the other, the last one for ever.
type server struct {
	lock    sync.Mutex
	replies []reply
	seen    []seen
	address string
}

func newServer(t *testing.T, replies ...reply) *server {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{replies: replies, address: listener.Addr().String()}
	front := &fasthttp.Server{Handler: s.answer, CloseOnShutdown: true}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		assert.NoError(t, front.Serve(listener))
	}()
	t.Cleanup(func() {
		require.NoError(t, front.Shutdown())
		<-ended
	})
	return s
}

func (s *server) answer(ctx *fasthttp.RequestCtx) {
	s.lock.Lock()
	defer s.lock.Unlock()
	header := &ctx.Request.Header
	s.seen = append(s.seen, seen{string(header.Method()), string(header.RequestURI()), string(header.Peek("Authorization")),
		string(header.Peek("Idempotency-Key")), string(ctx.Request.Body())})
	r := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	if r.status == 0 {
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(net.Conn) {})
		return
	}
	ctx.SetStatusCode(r.status)
	ctx.SetBodyString(r.body)
	if r.retryAfter != "" {
		ctx.Response.Header.Set("Retry-After", r.retryAfter)
	}
	if r.replayed {
		ctx.Response.Header.Set("Idempotent-Replayed", "true")
	}
}

func (s *server) client(t *testing.T) *Client {
	c := New(Options{Address: s.address, PauseMin: time.Millisecond, PauseMax: 4 * time.Millisecond, AttemptsMax: 5})
	t.Cleanup(c.Close)
	return c
}

const anOrder = `{"id":"7","status":"reserved","items":[{"product_id":"p","sku":"LAMP","quantity":2,"price":{"amount":5,"currency":"EUR"},"stock_version":3}],"total":{"amount":10,"currency":"EUR"},"seconds_left":600}`

// Whatever leaves the outcome open is sent again, with the same key and body.
func TestAnOpenOutcomeIsAskedForAgain(t *testing.T) {
	s := newServer(t,
		reply{status: 0},
		reply{status: 503, body: `{"code":"unknown_outcome"}`},
		reply{status: 409, body: `{"code":"request_in_progress"}`},
		reply{status: 502, body: "<html>a proxy</html>"},
		reply{status: 201, body: anOrder, replayed: true})
	order, err := s.client(t).Place(t.Context(), "token", "key-0123456789abcdef", []Item{{"p", 2}}, AllowPartial)
	require.NoError(t, err)
	assert.Equal(t, Order{ID: "7", Status: "reserved", Replayed: true, SecondsLeft: 600, Total: Money{10, "EUR"},
		Items: []OrderItem{{ProductID: "p", SKU: "LAMP", Quantity: 2, Price: Money{5, "EUR"}, StockVersion: 3}}}, order)
	require.Len(t, s.seen, 5)
	for _, request := range s.seen {
		assert.Equal(t, seen{"POST", "/api/orders", "Bearer token", "key-0123456789abcdef",
			`{"items":[{"product_id":"p","quantity":2}],"policy":"allow_partial"}`}, request)
	}
}

// A definite refusal is told at once, with all that the server says.
func TestARefusalIsFinal(t *testing.T) {
	s := newServer(t, reply{status: 409, body: `{"code":"insufficient_stock","detail":"Too few.","request_id":"r",` +
		`"errors":[{"pointer":"#/items/0","code":"insufficient_stock","requested":2,"available":1}]}`})
	_, err := s.client(t).Place(t.Context(), "token", NewKey(), []Item{{"p", 2}}, "")
	var problem *Problem
	require.ErrorAs(t, err, &problem)
	assert.Equal(t, &Problem{Status: 409, Code: "insufficient_stock", Detail: "Too few.", RequestID: "r",
		Errors: []FieldError{{Pointer: "#/items/0", Code: "insufficient_stock", Requested: 2, Available: 1}}}, problem)
	assert.True(t, problem.Definite())
	assert.True(t, IsRefused(err))
	assert.NotErrorIs(t, err, ErrUnknown)
	assert.Len(t, s.seen, 1)
}

// When the attempts are used up the outcome is unknown, and the last word is told.
func TestAttemptsAreBounded(t *testing.T) {
	s := newServer(t, reply{status: 503, body: `{"code":"overloaded"}`})
	_, err := s.client(t).Confirm(t.Context(), "token", "7")
	require.ErrorIs(t, err, ErrUnknown)
	assert.True(t, IsStatus(err, http.StatusServiceUnavailable))
	assert.Len(t, s.seen, 5)
}

// The server's own pause is kept: within the context's time there is no second attempt.
func TestThePauseOfTheServerIsKept(t *testing.T) {
	s := newServer(t, reply{status: 429, body: `{"code":"rate_limited"}`, retryAfter: "3600"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.client(t).Cancel(ctx, "token", "7")
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Len(t, s.seen, 1)
}

// A server that cannot be reached is no definite answer either.
func TestNobodyAnswers(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	c := New(Options{Address: listener.Addr().String(), PauseMin: time.Millisecond, AttemptsMax: 2})
	defer c.Close()
	_, err = c.Order(t.Context(), "token", "7")
	require.ErrorIs(t, err, ErrUnknown)
	var problem *Problem
	require.False(t, errors.As(err, &problem))
}

// Each call goes where the API has it.
func TestEveryCallHasItsPath(t *testing.T) {
	s := newServer(t, reply{status: 200, body: `{}`})
	c, ctx := s.client(t), t.Context()
	for _, call := range []func() error{
		func() error { _, err := c.Confirm(ctx, "t", "a/b"); return err },
		func() error { _, err := c.Cancel(ctx, "t", "1"); return err },
		func() error { _, err := c.Extend(ctx, "t", "1"); return err },
		func() error { _, err := c.Fulfill(ctx, "t", "k", "1", nil); return err },
		func() error { _, err := c.Return(ctx, "t", "k", "1", []Item{{"p", 1}}, true); return err },
		func() error { _, err := c.Order(ctx, "t", "1"); return err },
		func() error { _, err := c.OrderByKey(ctx, "t", "k/y"); return err },
		func() error { _, err := c.Orders(ctx, "t", "a+b", 7); return err },
	} {
		require.NoError(t, call())
	}
	assert.Equal(t, []seen{
		{"POST", "/api/orders/a%2Fb/confirm", "Bearer t", "", `{}`},
		{"POST", "/api/orders/1/cancel", "Bearer t", "", `{}`},
		{"POST", "/api/orders/1/extend", "Bearer t", "", `{}`},
		{"POST", "/api/orders/1/fulfill", "Bearer t", "k", `{}`},
		{"POST", "/api/orders/1/return", "Bearer t", "k", `{"items":[{"product_id":"p","quantity":1}],"restock":true}`},
		{"GET", "/api/orders/1", "Bearer t", "", ``},
		{"GET", "/api/orders/by-key/k%2Fy", "Bearer t", "", ``},
		{"GET", "/api/orders?limit=7&cursor=a%2Bb", "Bearer t", "", ``},
	}, s.seen)
}
