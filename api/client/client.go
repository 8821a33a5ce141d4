package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// The defaults of [Options].
const (
	ConnectionsDefault    = 256
	AttemptTimeoutDefault = 10 * time.Second
	AttemptsMaxDefault    = 8
	PauseMinDefault       = 20 * time.Millisecond
	PauseMaxDefault       = 2 * time.Second
	// bodyBytesMax is more than any answer of the server has.
	bodyBytesMax = 4 << 20
)

// Options configure a [Client]. Only Address is required; zero is the default.
type Options struct {
	// Address is the server's, as host:port.
	Address string
	// Connections bounds the open connections; further calls wait for one.
	Connections int
	// AttemptTimeout bounds the wait for one answer.
	AttemptTimeout time.Duration
	// AttemptsMax bounds how often one call sends its request.
	AttemptsMax int
	// PauseMin is about the pause after the first attempt. It doubles up to PauseMax.
	PauseMin, PauseMax time.Duration
}

// Client speaks to one server.
type Client struct {
	options Options
	http    *fasthttp.HostClient
}

// New returns a client. It does not connect yet.
func New(options Options) *Client {
	orDefault(&options.Connections, ConnectionsDefault)
	orDefault(&options.AttemptTimeout, AttemptTimeoutDefault)
	orDefault(&options.AttemptsMax, AttemptsMaxDefault)
	orDefault(&options.PauseMin, PauseMinDefault)
	orDefault(&options.PauseMax, PauseMaxDefault)
	dialer := net.Dialer{Timeout: options.AttemptTimeout}
	return &Client{options: options, http: &fasthttp.HostClient{
		Dial: func(address string) (net.Conn, error) { return dialer.Dial("tcp", address) },
		Addr: options.Address, MaxConns: options.Connections, MaxConnWaitTimeout: options.AttemptTimeout,
		MaxResponseBodySize: bodyBytesMax, NoDefaultUserAgentHeader: true,
		// A slash in a key is part of the key.
		DisablePathNormalizing: true,
		// Attempts are counted here, and nowhere else.
		MaxIdemponentCallAttempts: 1,
		RetryIfErr:                func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}}
}

func orDefault[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// NewKey returns an idempotency key that nobody has used.
func NewKey() string { return rand.Text() }

// Get reads path, such as /api/products, into result. token may be empty.
func (c *Client) Get(ctx context.Context, token, path string, result any) error {
	_, err := c.do(ctx, &call{method: fasthttp.MethodGet, path: path, token: token}, result)
	return err
}

// call is a request that may be sent several times.
type call struct {
	method, path, token, key string
	body                     []byte
}

// do sends the request until there is a definite answer, and reads it into result.
// replayed says that the key had been used for it before: by an earlier attempt too.
func (c *Client) do(ctx context.Context, request *call, result any) (replayed bool, err error) {
	for attempt := 1; ; attempt++ {
		answer, err := c.send(ctx, request)
		switch {
		case err == nil && answer.status < 300:
			if err := json.Unmarshal(answer.body, result); err != nil {
				return false, fmt.Errorf("%s %s: read the answer: %w", request.method, request.path, err)
			}
			return answer.replayed, nil
		case err == nil:
			problem := readProblem(answer.status, answer.body)
			if problem.Definite() {
				return false, problem
			}
			err = problem
		}
		if attempt == c.options.AttemptsMax {
			return false, fmt.Errorf("%s %s: %w after %d attempts: %w", request.method, request.path, ErrUnknown, attempt, err)
		}
		if stopped := c.pause(ctx, attempt, answer.retryAfter); stopped != nil {
			return false, fmt.Errorf("%s %s: %w: %w: %w", request.method, request.path, ErrUnknown, stopped, err)
		}
	}
}

// answer is what came back.
type answer struct {
	status     int
	body       []byte
	replayed   bool
	retryAfter time.Duration
}

// send sends the request once.
func (c *Client) send(ctx context.Context, call *call) (answer, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + c.options.Address + call.path)
	request.Header.SetMethod(call.method)
	if call.token != "" {
		request.Header.Set("Authorization", "Bearer "+call.token)
	}
	if call.key != "" {
		request.Header.Set("Idempotency-Key", call.key)
	}
	if call.body != nil {
		request.Header.SetContentType("application/json")
		request.SetBodyRaw(call.body)
	}
	attempt, cancel := context.WithTimeout(ctx, c.options.AttemptTimeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	deadline, _ := attempt.Deadline() // it has one
	if err := c.http.DoDeadline(request, response, deadline); err != nil {
		return answer{}, err
	}
	seconds, _ := strconv.Atoi(string(response.Header.Peek("Retry-After"))) // none is no wait
	return answer{status: response.StatusCode(), body: append([]byte(nil), response.Body()...),
		replayed: string(response.Header.Peek("Idempotent-Replayed")) == "true", retryAfter: time.Duration(seconds) * time.Second}, nil
}

// pause waits before the next attempt, or until ctx ends.
func (c *Client) pause(ctx context.Context, attempt int, atLeast time.Duration) error {
	pause := c.options.PauseMin << min(attempt-1, 16)
	if pause > c.options.PauseMax {
		pause = c.options.PauseMax
	}
	pause = atLeast + pause/2 + mathrand.N(pause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// IsStatus reports whether err is a refusal with that status, such as
// [http.StatusConflict].
func IsStatus(err error, status int) bool {
	var problem *Problem
	return errors.As(err, &problem) && problem.Status == status
}

// IsRefused reports whether err is a refusal for want of stock or of a sale: another
// attempt may succeed when circumstances change, but need not be made now.
func IsRefused(err error) bool { return IsStatus(err, http.StatusConflict) }
