package bench

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// wireTimeout bounds the wait for an answer and that for a connection. It is longer
// than the server takes to say that an outcome is unknown. wireIdleMax is how long a
// connection may have been idle: the server closes it after 30 s, and a request that
// meets the end of its connection has an unknown outcome.
const (
	wireTimeout = 10 * time.Second
	wireIdleMax = 20 * time.Second
)

// wireBufferBytes is what a connection has room for at first.
const wireBufferBytes = 4 << 10

// wireConnection sends one request at a time and waits for its answer. One goroutine
// uses it. It exists because the generator shares the processors with the server: on
// two cores, against a constant answer, an order took 17 µs of processor time through
// api/client, which makes contexts, headers and JSON anew each time, and 7 µs here,
// where a request is a few copies and an answer one look at its head.
type wireConnection struct {
	address string
	// open is nil before the first request and after an error.
	open   net.Conn
	used   time.Time
	buffer []byte
}

// connect opens the connection unless it is open and fresh.
func (c *wireConnection) connect(now time.Time) (err error) {
	if c.open != nil && now.Sub(c.used) > wireIdleMax {
		c.close()
	}
	c.used = now
	if c.open != nil {
		return nil
	}
	open, err := net.DialTimeout("tcp", c.address, wireTimeout)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.open = open
	return nil
}

// close ends the connection.
func (c *wireConnection) close() {
	if c.open != nil {
		_ = c.open.Close() // nothing is lost with it
		c.open = nil
	}
}

// exchange sends the request and returns the answer, which is valid until the next
// call. After an error the outcome of the request is unknown, unless it wraps
// [errWire]: then the server has said something that is no answer. The next call
// connects anew.
func (c *wireConnection) exchange(request []byte) (wireAnswer, error) {
	answer, err := c.try(request)
	if err != nil || answer.closes {
		c.close()
	}
	return answer, err
}

func (c *wireConnection) try(request []byte) (answer wireAnswer, err error) {
	now := time.Now()
	if err := c.connect(now); err != nil {
		return wireAnswer{}, err
	}
	if err := c.open.SetDeadline(now.Add(wireTimeout)); err != nil {
		return wireAnswer{}, fmt.Errorf("set a deadline: %w", err)
	}
	if _, err := c.open.Write(request); err != nil {
		return wireAnswer{}, fmt.Errorf("send a request: %w", err)
	}
	return c.receive()
}

// receive reads one answer, and finds it an error when there is more.
func (c *wireConnection) receive() (wireAnswer, error) {
	if c.buffer == nil {
		c.buffer = make([]byte, wireBufferBytes)
	}
	for filled := 0; ; {
		if filled == len(c.buffer) {
			if filled == wireBytesMax {
				return wireAnswer{}, fmt.Errorf("%w: it has more than %d bytes", errWire, wireBytesMax)
			}
			c.buffer = append(c.buffer, make([]byte, min(filled, wireBytesMax-filled))...)
		}
		n, err := c.open.Read(c.buffer[filled:])
		filled += n
		answer, size, broken := parseAnswer(c.buffer[:filled])
		switch {
		case broken != nil:
			return wireAnswer{}, broken
		case size > 0 && size < filled:
			return wireAnswer{}, fmt.Errorf("%w: %d bytes follow it that nobody asked for", errWire, filled-size)
		case size > 0:
			return answer, nil
		case err != nil:
			return wireAnswer{}, errors.Join(fmt.Errorf("after %d bytes of an answer", filled), err)
		}
	}
}
