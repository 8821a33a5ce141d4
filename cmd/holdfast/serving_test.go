package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/secondfactor"
	"holdfast/inventory"
)

// serving is "holdfast serve" in this process, on free ports, with small segments.
type serving struct {
	site
	log *liveLog
	// stdout is what it prints before it is ready.
	stdout bytes.Buffer
	cancel context.CancelFunc
	ended  chan struct{}
	code   int
}

// serve starts a server and waits until it is ready. It is stopped at the end of
// the test, in order.
func serve(t *testing.T, data string, arguments ...string) *serving {
	t.Helper()
	s := begin(t, data, arguments...)
	t.Cleanup(func() { s.stop(t) })
	entry := s.log.await(t, "ready", s.ended)
	s.site = site{t: t, url: entry["url"].(string), admin: "http://" + entry["admin"].(string)}
	return s
}

// begin starts a server and does not wait.
func begin(t *testing.T, data string, arguments ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{log: newLiveLog(), cancel: cancel, ended: make(chan struct{})}
	p := &program{stdin: strings.NewReader(""), stdout: &s.stdout, stderr: s.log, clock: clock.NewSystem()}
	go func() {
		defer close(s.ended)
		s.code = p.run(ctx, append(serveArguments(data), arguments...))
	}()
	t.Cleanup(func() {
		cancel()
		s.wait(t)
	})
	return s
}

// serveArguments have a long timeout: the machine may be busy with other tests. Few
// customers do everything in them, so none is bounded.
func serveArguments(data string) []string {
	return []string{"serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--journal-segment-bytes", "1048576", "--request-timeout", patience.String(), "--rate-customer-orders", "0", "--rate-customer-units", "0"}
}

// stop ends the server as a signal does and expects success.
func (s *serving) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	require.Equal(t, exitOK, s.wait(t), "%s", s.log)
}

// wait returns the exit code once the server has ended.
func (s *serving) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
		expectNoSecret(t, "the log", s.log.String())
		return s.code
	case <-time.After(patience):
		require.FailNow(t, "the server does not end", "%s", s.log)
		return -1
	}
}

// site is where a server is asked.
type site struct {
	t          *testing.T
	url, admin string
}

// call is one request.
type call struct{ method, path, token, body, key string }

// reply is its answer; body is nil when it is no JSON object.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// id returns the ID of what the answer shows.
func (r reply) id() string {
	id, _ := r.body["id"].(string)
	return id
}

// replayed reports whether the key had been used before.
func (r reply) replayed() bool { return r.header.Get("Idempotent-Replayed") == "true" }

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

func (s site) do(c call) reply {
	s.t.Helper()
	r, err := s.ask(c)
	require.NoError(s.t, err)
	return r
}

// ask is do for who expects that nobody answers.
func (s site) ask(c call) (reply, error) { return s.send(client, c) }

// send sends a request with a client. It may be called by any goroutine.
func (s site) send(client *http.Client, c call) (reply, error) {
	request, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
	if err != nil {
		return reply{}, err
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Idempotency-Key": c.key} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	r := reply{status: answer.StatusCode, header: answer.Header, text: string(text)}
	_ = json.Unmarshal(text, &r.body)
	return r, err
}

func (s site) get(path string) reply { s.t.Helper(); return s.do(call{method: "GET", path: path}) }

func (s site) post(path, token, body string) reply {
	s.t.Helper()
	return s.do(call{method: "POST", path: path, token: token, body: body})
}

// order places an order of one unit of the first product.
func (s site) order(token string) reply {
	s.t.Helper()
	products := s.get("/api/products?limit=1").body["items"].([]any)
	require.NotEmpty(s.t, products)
	id := products[0].(map[string]any)["id"].(string)
	return s.do(call{method: "POST", path: "/api/orders", token: token, key: "a-key-for-one-order",
		body: `{"items":[{"product_id":"` + id + `","quantity":1}]}`})
}

// register makes a customer account and returns its access token.
func (s site) register(email, password string) string {
	s.t.Helper()
	r := s.post("/api/register", "", `{"email":"`+email+`","password":"`+password+`","name":"Somebody"}`)
	require.Equal(s.t, 201, r.status, r.text)
	return r.body["access_token"].(string)
}

// login returns the role of an account and an access token.
func (s site) login(email, password string) (role, token string) {
	s.t.Helper()
	r := s.post("/api/login", "", `{"email":"`+email+`","password":"`+password+`"}`)
	require.Equal(s.t, 200, r.status, r.text)
	return r.body["user"].(map[string]any)["role"].(string), r.body["access_token"].(string)
}

// withFactor sets up a second factor for the owner of a token and returns a token of the
// session that begins with it.
func (s site) withFactor(token, password string) string {
	s.t.Helper()
	enrolled := s.post("/api/2fa/enroll", token, `{"password":"`+password+`"}`)
	require.Equal(s.t, 200, enrolled.status, enrolled.text)
	code, err := secondfactor.CodeAt(enrolled.body["secret"].(string), inventory.Instant(time.Now().UnixNano()))
	require.NoError(s.t, err)
	activated := s.post("/api/2fa/activate", token, `{"code":"`+code+`"}`)
	require.Equal(s.t, 200, activated.status, activated.text)
	return activated.body["session"].(map[string]any)["access_token"].(string)
}

// skus are those of all products.
func (s site) skus() []string {
	s.t.Helper()
	r := s.get("/api/products?limit=100")
	require.Equal(s.t, 200, r.status, r.text)
	found := []string{}
	for _, item := range r.body["items"].([]any) {
		found = append(found, item.(map[string]any)["sku"].(string))
	}
	return found
}

// someProduct is the body of a request that makes a product.
func someProduct(sku string) string {
	return `{"sku":"` + sku + `","name":"A product","description":"","category":"test",` +
		`"price":{"amount":100,"currency":"EUR"},"stock":10}`
}
