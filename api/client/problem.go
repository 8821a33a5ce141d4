package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Problem is a refusal by the server, or its word that the outcome is unknown.
type Problem struct {
	// Status is that of the answer.
	Status int `json:"status"`
	// Code is the machine's name of the refusal, such as sold_out.
	Code      string `json:"code"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	// Errors has an entry for each value that is not valid, or each item that is short.
	Errors []FieldError `json:"errors"`
	// NextExpiry is when units may come free, for all_held.
	NextExpiry time.Time `json:"next_expiry"`
	// StartsAt is when the sale begins, for sale_not_started.
	StartsAt time.Time `json:"starts_at"`
	// Remaining is how many units the customer may still have, for
	// quantity_limit_customer.
	Remaining int64 `json:"remaining"`
}

// FieldError is what is wrong with one value of a request.
type FieldError struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	// Requested and Available are units, where an item is short.
	Requested int64 `json:"requested"`
	Available int64 `json:"available"`
}

// Error returns the server's words.
func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s (request %s)", p.Status, p.Code, p.Detail, p.RequestID)
}

// Definite reports whether the request has had no effect, and would be refused again
// in the same circumstances.
func (p *Problem) Definite() bool { return !repeatable(p.Status, p.Code) }

// ErrUnknown is wrapped by the error of a call whose outcome is not known. Call again
// with the same key.
var ErrUnknown = errors.New("the outcome is unknown")

// The codes of 4xx answers that are worth another attempt.
const (
	codeInProgress  = "request_in_progress"
	codeRateLimited = "rate_limited"
)

// repeatable reports whether an answer asks for another attempt.
func repeatable(status int, code string) bool {
	return status >= 500 || code == codeInProgress || code == codeRateLimited
}

// readProblem reads the body of an answer that is not 2xx. A body of another form,
// such as a proxy's, is told apart by its status alone.
func readProblem(status int, body []byte) *Problem {
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Code == "" {
		const shownMax = 200
		p = &Problem{Code: "unexpected_answer", Detail: string(body[:min(len(body), shownMax)])}
	}
	p.Status = status
	return p
}
