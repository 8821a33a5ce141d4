package ticker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/fasthttp/websocket"
)

// Run connects, and comes back after a loss, until ctx ends or the server says not to. It
// returns why. It may be called once.
func (c *Client) Run(ctx context.Context) error {
	c.lock.Lock()
	again := c.running
	c.running = true
	c.lock.Unlock()
	if again {
		return ErrRunning
	}
	pauses := newBackoff(&c.options)
	for {
		lived, end := c.live(ctx)
		if ctx.Err() != nil {
			return c.end(ctx.Err())
		}
		if lived >= c.options.LiveAfter {
			pauses.lived()
		}
		pause := pauses.pause(end)
		c.lost(end, pause)
		if end.final {
			return c.end(end.err)
		}
		if !sleep(ctx, pause) {
			return c.end(ctx.Err())
		}
	}
}

// sleep waits, and reports whether ctx went on for so long.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lost tells the caller that there is no connection.
func (c *Client) lost(end *ending, pause time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.link = &Link{Err: end.err, Pause: pause}
	c.tell()
}

// live has one connection, from its opening to its end.
func (c *Client) live(ctx context.Context) (lived time.Duration, end *ending) {
	socket, end := c.dial(ctx)
	if end != nil {
		return 0, end
	}
	began := time.Now() //nolint:forbidigo // how long a connection lived
	conn := newConnection(c, socket)
	stop := context.AfterFunc(ctx, conn.leave)
	end = conn.serve(ctx)
	if !stop() {
		end = &ending{err: ctx.Err()}
	}
	return time.Since(began), end //nolint:forbidigo // how long a connection lived
}

// answerBytesMax bounds what is read of an answer that refuses.
const answerBytesMax = 1 << 10

// dial opens a connection.
func (c *Client) dial(ctx context.Context) (*websocket.Conn, *ending) {
	ctx, cancel := context.WithTimeout(ctx, c.options.AttemptTimeout)
	defer cancel()
	scheme := "ws"
	if c.options.TLS != nil {
		scheme = "wss"
	}
	address, header := scheme+"://"+c.options.Address+"/api/ws", http.Header{}
	switch {
	case c.options.Ticket != nil:
		ticket, err := c.options.Ticket(ctx)
		if err != nil {
			return nil, &ending{err: fmt.Errorf("get a ticket: %w", err)}
		}
		address += "?ticket=" + url.QueryEscape(ticket)
	case c.options.Token != nil:
		token, err := c.options.Token(ctx)
		if err != nil {
			return nil, &ending{err: fmt.Errorf("get a token: %w", err)}
		}
		header.Set("Authorization", "Bearer "+token)
	}
	dialer := websocket.Dialer{TLSClientConfig: c.options.TLS, HandshakeTimeout: c.options.AttemptTimeout, Subprotocols: []string{c.codec.subprotocol()},
		ReadBufferSize: 4 << 10, WriteBufferSize: 1 << 10}
	socket, response, err := dialer.DialContext(ctx, address, header)
	if err == nil {
		if got := socket.Subprotocol(); got != c.codec.subprotocol() {
			_ = socket.Close() // nothing was sent
			return nil, &ending{err: fmt.Errorf("the server speaks %q and not %q", got, c.codec.subprotocol()), final: true}
		}
		return socket, nil
	}
	if response == nil {
		return nil, &ending{err: fmt.Errorf("open the connection: %w", err)}
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, answerBytesMax)) // a part says enough
	_ = response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return nil, &ending{err: fmt.Errorf("open the connection: %w", err)}
	}
	return nil, refusalOf(response, body)
}
