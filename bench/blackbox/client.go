package blackbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// client speaks the API.
type client struct {
	http *fasthttp.Client
	base string
}

func newClient(address string) *client {
	return &client{base: "http://" + address, http: &fasthttp.Client{
		MaxConnsPerHost: 1024, ReadTimeout: requestMax, WriteTimeout: requestMax,
		// The library must not repeat a request by itself: repeats are the test's.
		RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}}
}

// requestMax bounds the wait for one answer.
const requestMax = 10 * time.Second

// call is one request.
type call struct {
	method, path, token, key, body string
}

// answer is its reply; status 0 means that none came.
type answer struct {
	status   int
	body     []byte
	replayed bool
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// unknown reports whether the answer leaves open what became of the request (P4).
func (a answer) unknown() bool { return a.status == 0 || a.status == fasthttp.StatusServiceUnavailable }

// refusal is what is read of a problem.
type refusal struct {
	Code      string `json:"code"`
	Remaining int64  `json:"remaining"`
}

// refusal reads a problem; nothing from any other answer.
func (a answer) refusal() (r refusal) {
	if a.status < 400 || json.Unmarshal(a.body, &r) != nil {
		return refusal{}
	}
	return r
}

// code returns the code of a problem.
func (a answer) code() string { return a.refusal().Code }

// short is what the history keeps of answers.
func short(replies []answer) string {
	words := make([]string, 0, len(replies))
	for _, reply := range replies {
		word := reply.code()
		if word == "" {
			word = string(reply.body[:min(len(reply.body), 46)]) // the ID of an order comes first
		}
		words = append(words, fmt.Sprintf("%d %t %s", reply.status, reply.replayed, word))
	}
	return strings.Join(words, ", ")
}

func (c *client) do(request call) answer {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.SetRequestURI(c.base + request.path)
	req.Header.SetMethod(request.method)
	if request.token != "" {
		req.Header.Set("Authorization", "Bearer "+request.token)
	}
	if request.key != "" {
		req.Header.Set("Idempotency-Key", request.key)
	}
	if request.body != "" {
		req.Header.SetContentType("application/json")
		req.SetBodyString(request.body)
	}
	if err := c.http.DoTimeout(req, res, requestMax); err != nil {
		return answer{}
	}
	return answer{status: res.StatusCode(), body: append([]byte(nil), res.Body()...),
		replayed: string(res.Header.Peek("Idempotent-Replayed")) == "true"}
}

// order is what is read of an order.
type order struct {
	ID         string    `json:"id"`
	Status     string    `json:"status"`
	PlacedAt   time.Time `json:"placed_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Extended   bool      `json:"extended"`
	UpdatedAt  time.Time `json:"updated_at"`
	ServerTime time.Time `json:"server_time"`
	Items      []item    `json:"items"`
	Total      money     `json:"total"`
	RefundDue  *money    `json:"refund_due"`
}

type money struct {
	Amount int64 `json:"amount"`
}

// item is what is read of a line of an order.
type item struct {
	ProductID    string `json:"product_id"`
	Quantity     int64  `json:"quantity"`
	Price        money  `json:"price"`
	StockVersion int64  `json:"stock_version"`
	Dropped      int64  `json:"dropped"`
	DroppedFor   string `json:"dropped_for"`
	Released     int64  `json:"released"`
	Shipped      int64  `json:"shipped"`
	Returned     int64  `json:"returned"`
}

// stock is what is read of a stock.
type stock struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Committed int64 `json:"committed"`
	Safety    int64 `json:"safety"`
	Available int64 `json:"available"`
	Version   int64 `json:"version"`
}

// decode reads an answer that must have the status.
func decode[T any](a answer, status int) (T, error) {
	var value T
	if a.status != status {
		return value, fmt.Errorf("answer %s instead of status %d", a, status)
	}
	if err := json.Unmarshal(a.body, &value); err != nil {
		return value, fmt.Errorf("answer %s: %w", a, err)
	}
	return value, nil
}
