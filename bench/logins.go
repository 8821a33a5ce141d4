package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// loginsParallel is how many logins are under way all the time, loginAccounts whose they
	// are in turn.
	loginsParallel = 200
	loginAccounts  = 20
	loginPassword  = "the lantern in the window burns"
	// loginTimeout is longer than the server lets a login wait.
	loginTimeout = 15 * time.Second
	// loginRest is how long those wait whom the server has no time for, unless it says so;
	// loginRestMax is how long it may ask for.
	loginRest    = time.Second
	loginRestMax = 15 * time.Second
)

// logins are people who log in, again and again.
type logins struct {
	address            string
	client             *fasthttp.Client
	accepted, deferred atomic.Int64
}

func newLogins(address string) *logins {
	return &logins{address: address, client: &fasthttp.Client{MaxConnsPerHost: loginsParallel}}
}

// send posts the body, and returns the status and how long to wait before it is sent again.
func (l *logins) send(path, body string) (status int, again time.Duration, err error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + l.address + path)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/json")
	request.SetBodyString(body)
	if err := l.client.DoTimeout(request, response, loginTimeout); err != nil {
		return 0, 0, fmt.Errorf("post %s: %w", path, err)
	}
	again = loginRest
	if seconds, err := strconv.Atoi(string(response.Header.Peek("Retry-After"))); err == nil {
		again = min(time.Duration(seconds)*time.Second, loginRestMax)
	}
	return response.StatusCode(), again, nil
}

// register makes the accounts.
func (l *logins) register() error {
	for n := range loginAccounts {
		status, _, err := l.send("/api/register", fmt.Sprintf(`{"email":"person-%d@example.com","name":"Person","password":%q}`, n, loginPassword))
		if err == nil && status != fasthttp.StatusCreated {
			err = fmt.Errorf("register: the answer is %d", status)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// start lets them log in until stop is called, which returns what was not as it should be.
// Who is told that the server has no time waits as long as it asks for, and tries again.
func (l *logins) start() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, loginsParallel)
	var group sync.WaitGroup
	for n := range loginsParallel {
		group.Go(func() {
			body := fmt.Sprintf(`{"email":"person-%d@example.com","password":%q}`, n%loginAccounts, loginPassword)
			for ctx.Err() == nil {
				status, again, err := l.send("/api/login", body)
				switch {
				case err != nil:
				case status == fasthttp.StatusOK:
					l.accepted.Add(1)
				case status == fasthttp.StatusServiceUnavailable, status == fasthttp.StatusTooManyRequests:
					l.deferred.Add(1)
					wait(ctx, again)
				default:
					err = fmt.Errorf("log in: the answer is %d", status)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	return func() error {
		cancel()
		group.Wait()
		l.client.CloseIdleConnections()
		close(failed)
		var failures error
		for err := range failed {
			failures = errors.Join(failures, err)
		}
		if l.accepted.Load() == 0 {
			failures = errors.Join(failures, errors.New("nobody could log in"))
		}
		return failures
	}
}
