package bench

import (
	"bytes"
	"errors"
	"fmt"
)

// The bounds of an answer. A head or body that is longer is no answer of this server.
const (
	wireHeadBytesMax = 8 << 10
	wireBodyBytesMax = 64 << 10
	wireBytesMax     = wireHeadBytesMax + wireBodyBytesMax
)

// wireAnswer is an HTTP answer. Its body is part of the bytes that were parsed.
type wireAnswer struct {
	status int
	body   []byte
	// replayed says that the key had been used before, closes that the server ends the
	// connection after the answer.
	replayed, closes bool
}

// errWire is wrapped by the errors of bytes that are no answer.
var errWire = errors.New("this is no answer")

var (
	wireVersion = []byte("HTTP/1.1 ")
	wireEndHead = []byte("\r\n\r\n")
	wireEndLine = []byte("\r\n")
)

// parseAnswer reads the answer that data begins with and returns how long it is, 0 when
// data has only a part of it. It is strict: a status line of HTTP/1.1, and exactly one
// Content-Length, which is what Holdfast and fasthttp write. Any other framing is an
// error, since a client that guesses where an answer ends measures something else.
func parseAnswer(data []byte) (answer wireAnswer, size int, err error) {
	head, _, whole := bytes.Cut(data, wireEndHead)
	if !whole {
		if len(data) > wireHeadBytesMax {
			return wireAnswer{}, 0, fmt.Errorf("%w: its head has more than %d bytes", errWire, wireHeadBytesMax)
		}
		return wireAnswer{}, 0, nil
	}
	if len(head) > wireHeadBytesMax {
		return wireAnswer{}, 0, fmt.Errorf("%w: its head has more than %d bytes", errWire, wireHeadBytesMax)
	}
	line, fields, _ := bytes.Cut(head, wireEndLine)
	if answer.status, err = parseStatusLine(line); err != nil {
		return wireAnswer{}, 0, err
	}
	length, err := answer.parseFields(fields)
	if err != nil {
		return wireAnswer{}, 0, err
	}
	begin := len(head) + len(wireEndHead)
	if len(data) < begin+length {
		return wireAnswer{}, 0, nil
	}
	answer.body = data[begin : begin+length]
	return answer, begin + length, nil
}

func parseStatusLine(line []byte) (int, error) {
	rest, is := bytes.CutPrefix(line, wireVersion)
	if !is || len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' || bytes.ContainsAny(line, "\r\n") {
		return 0, fmt.Errorf("%w: its first line is %.80q", errWire, line)
	}
	status, digits := parseDecimal(rest[:3], 599)
	if !digits || status < 200 || status == 204 || status == 304 {
		return 0, fmt.Errorf("%w with a body: its status is %.3q", errWire, rest)
	}
	return status, nil
}

// parseFields reads the fields of the head and returns the length of the body.
func (a *wireAnswer) parseFields(fields []byte) (length int, err error) {
	length = -1
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, wireEndLine)
		name, value, found := bytes.Cut(line, []byte{':'})
		if !found || !isToken(name) || !isFieldValue(value) {
			return 0, fmt.Errorf("%w: a line of its head is %.80q", errWire, line)
		}
		value = bytes.Trim(value, " \t")
		switch {
		case equalFold(name, "Content-Length"):
			n, digits := parseDecimal(value, wireBodyBytesMax)
			if !digits || length >= 0 {
				return 0, fmt.Errorf("%w: its length is %.80q, and not one number of at most %d", errWire, value, wireBodyBytesMax)
			}
			length = n
		case equalFold(name, "Transfer-Encoding"):
			return 0, fmt.Errorf("%w: it is encoded as %.80q", errWire, value)
		case equalFold(name, "Connection"):
			a.closes = equalFold(value, "close")
		case equalFold(name, "Idempotent-Replayed"):
			a.replayed = string(value) == "true"
		}
	}
	if length < 0 {
		return 0, fmt.Errorf("%w: it has no Content-Length", errWire)
	}
	return length, nil
}

// equalFold compares without regard to case; name is ASCII.
func equalFold(text []byte, name string) bool {
	return len(text) == len(name) && bytes.EqualFold(text, []byte(name))
}

// parseDecimal reads digits, and only digits, up to a value of most.
func parseDecimal(text []byte, most int) (value int, is bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if value = 10*value + int(c-'0'); value > most {
			return 0, false
		}
	}
	return value, len(text) > 0
}

// isToken reports whether text is the name of a field.
func isToken(text []byte) bool {
	for _, c := range text {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && c != '-' && c != '_' {
			return false
		}
	}
	return len(text) > 0
}

// isFieldValue reports whether text has no control characters but tabs.
func isFieldValue(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
