package blackbox

import (
	"encoding/json"
	"fmt"
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

// order is what the checker reads of an order.
type order struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Items  []struct {
		ProductID string `json:"product_id"`
		Quantity  int64  `json:"quantity"`
	} `json:"items"`
}

// stock is what the checker reads of a stock.
type stock struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Committed int64 `json:"committed"`
	Safety    int64 `json:"safety"`
	Available int64 `json:"available"`
	Version   int64 `json:"version"`
}

func decode[T any](a answer) (T, error) {
	var value T
	if err := json.Unmarshal(a.body, &value); err != nil {
		return value, fmt.Errorf("answer %d %q: %w", a.status, a.body, err)
	}
	return value, nil
}
