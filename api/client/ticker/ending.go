package ticker

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/fasthttp/websocket"
)

// CloseError says that the server has ended a connection.
type CloseError struct {
	Code int
	Why  string
}

// Error returns the server's words.
func (e *CloseError) Error() string {
	return fmt.Sprintf("the server closed the connection with %d: %s", e.Code, e.Why)
}

// UpgradeError says that the server has refused to open a connection.
type UpgradeError struct {
	Status int
	Body   string
}

// Error returns the server's words.
func (e *UpgradeError) Error() string {
	return fmt.Sprintf("the upgrade was answered %d: %s", e.Status, e.Body)
}

// Error is a command that the server has refused.
type Error struct {
	Code    int
	Message string
	// Channel is what it is about, if it is about one.
	Channel string
	// Temporary says that the same may succeed After a while.
	Temporary bool
	After     time.Duration
}

// Error returns the server's words.
func (e *Error) Error() string {
	return fmt.Sprintf("the server refused with %d: %s (%s)", e.Code, e.Message, e.Channel)
}

// ending is how a connection ended.
type ending struct {
	err error
	// final says not to come back unchanged.
	final bool
	// atOnce says that the server only wants to be rid of the connection.
	atOnce bool
	// retry is the range of bye, after the least pause.
	retry *[2]time.Duration
	after time.Duration
}

// retryDefault is the range of an end that says to come back at once and no more.
var retryDefault = [2]time.Duration{0, 5 * time.Second}

// endOf reads an error of the connection and the bye before it.
func endOf(err error, bye *wire) *ending {
	end := &ending{err: err}
	var closed *websocket.CloseError
	code := 0
	if errors.As(err, &closed) {
		code = closed.Code
		end.err = &CloseError{Code: code, Why: closed.Text}
	}
	if bye != nil {
		code = int(bye.Code)
		end.err = &CloseError{Code: code, Why: bye.Why}
		if bye.Retry != nil {
			end.retry = &[2]time.Duration{milliseconds(bye.Retry[0]), milliseconds(bye.Retry[1])}
		}
	}
	switch {
	case code >= 4000 && code < 4100, code == websocket.CloseProtocolError, code == websocket.CloseUnsupportedData,
		code == websocket.CloseInvalidFramePayloadData, code == websocket.CloseMessageTooBig:
		end.final = true
	case code >= 4200 && code < 4300, code == websocket.CloseGoingAway:
		end.atOnce = true
		if end.retry == nil {
			end.retry = &retryDefault
		}
	case bye != nil && bye.Retry == nil:
		end.final = true
	}
	return end
}

// retryMax bounds the pause that a server can ask for.
const retryMax = time.Hour

func milliseconds(count int64) time.Duration {
	return min(time.Duration(max(count, 0)), retryMax/time.Millisecond) * time.Millisecond
}

// refusalOf reads the answer that refused an upgrade.
func refusalOf(response *http.Response, body []byte) *ending {
	end := &ending{err: &UpgradeError{Status: response.StatusCode, Body: string(body)}}
	switch {
	case response.StatusCode == http.StatusTooManyRequests, response.StatusCode >= 500:
		seconds, _ := strconv.ParseInt(response.Header.Get("Retry-After"), 10, 32) // none is no wait
		end.after = milliseconds(1000 * seconds)
	default:
		end.final = true
	}
	return end
}
