package ticker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
)

// connection is one WebSocket. Its reader is the goroutine of Run, and its keeper sends what
// is wanted.
type connection struct {
	client *Client
	socket *websocket.Conn
	// writing guards writes of commands.
	writing sync.Mutex
	// wanted has room for one: that the keeper has something to do.
	wanted chan struct{}
	// dead is closed when nothing is read any more.
	dead chan struct{}

	lock    sync.Mutex
	serial  int64
	answers map[int64]chan *wire

	// products are by number. Only the reader knows them, and what the server said at the end.
	products map[uint64]string
	bye      *wire
	greeted  bool
}

func newConnection(client *Client, socket *websocket.Conn) *connection {
	return &connection{client: client, socket: socket, wanted: make(chan struct{}, 1), dead: make(chan struct{}), answers: map[int64]chan *wire{},
		products: map[uint64]string{}}
}

func (c *connection) nudge() {
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}

// leaveTimeout bounds the writing of a close.
const leaveTimeout = time.Second

// leave ends the connection from this side. The reader then ends.
func (c *connection) leave() {
	_ = c.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(leaveTimeout)) //nolint:forbidigo // the kernel keeps the deadline
	_ = c.socket.Close()
}

// serve reads until the connection ends.
func (c *connection) serve(ctx context.Context) *ending {
	c.socket.SetReadLimit(messageBytesMax)
	ctx, cancel := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	err := c.read(ctx, &keeping)
	close(c.dead)
	cancel()
	_ = c.socket.Close() // nothing is lost with it
	c.client.disconnect(c)
	keeping.Wait()
	return endOf(err, c.bye)
}

// errSilent says that the server sends nothing.
var errSilent = errors.New("the server was silent for too long")

// read reads messages. With the first one, which is hello, the connection is used.
func (c *connection) read(ctx context.Context, keeping *sync.WaitGroup) error {
	for {
		if err := c.socket.SetReadDeadline(time.Now().Add(c.client.options.SilenceMax)); err != nil { //nolint:forbidigo // the kernel keeps the deadline
			return fmt.Errorf("set a deadline: %w", err)
		}
		kind, data, err := c.socket.ReadMessage()
		switch {
		case isTimeout(err):
			return errSilent
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case kind != c.client.codec.message():
			return fmt.Errorf("a message is of kind %d", kind)
		}
		message, err := readWire(c.client.codec, data)
		if err != nil {
			return err
		}
		if !c.greeted && message.Kind == "hello" {
			c.greeted = true
			c.client.connect(c, message)
			keeping.Go(func() { c.keep(ctx) })
			continue
		}
		if err := c.take(ctx, keeping, message, data); err != nil {
			return err
		}
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// take does what a message says.
func (c *connection) take(ctx context.Context, keeping *sync.WaitGroup, message *wire, data []byte) error {
	switch message.Kind {
	case "ok", "err":
		c.answer(message)
		return nil
	case "bye":
		c.bye = message
		return nil
	case "st":
		if message.State == "expiring" && c.client.options.Token != nil {
			keeping.Go(func() { c.renew(ctx) })
		}
	}
	return c.client.take(c, message, data)
}

// answer gives an answer to who waits for it.
func (c *connection) answer(message *wire) {
	if message.ID == nil {
		return
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if waits := c.answers[*message.ID]; waits != nil {
		waits <- message // it has room for its one answer
		delete(c.answers, *message.ID)
	}
}

// command is what a client sends.
type command struct {
	ID    int64                `json:"id"`
	Op    string               `json:"op"`
	Ch    any                  `json:"ch,omitempty"`
	Hertz *float64             `json:"hz,omitempty"`
	Since map[string][2]uint64 `json:"since,omitempty"`
	Slow  bool                 `json:"m,omitempty"`
	Token string               `json:"token,omitempty"`
	Count int                  `json:"n,omitempty"`
	Sent  int64                `json:"t,omitempty"`
}

var (
	errLost    = errors.New("the connection was lost before the answer")
	errWaiting = errors.New("too many commands wait for their answer")
)

// call sends a command and waits for its answer. A refusal is an [*Error].
func (c *connection) call(ctx context.Context, asked command) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.options.AttemptTimeout)
	defer cancel()
	waits := make(chan *wire, 1)
	c.lock.Lock()
	if len(c.answers) >= waitingMax {
		c.lock.Unlock()
		return nil, errWaiting
	}
	c.serial++
	asked.ID = c.serial
	c.answers[asked.ID] = waits
	c.lock.Unlock()
	defer func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		delete(c.answers, asked.ID)
	}()
	if err := c.send(&asked); err != nil {
		return nil, err
	}
	select {
	case got := <-waits:
		return got, got.refusal()
	case <-c.dead:
		return nil, errLost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send writes a command.
func (c *connection) send(asked *command) error {
	data, err := c.client.codec.encode(asked)
	if err != nil {
		return fmt.Errorf("write a command: %w", err)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.socket.SetWriteDeadline(time.Now().Add(c.client.options.AttemptTimeout)); err != nil { //nolint:forbidigo // the kernel keeps the deadline
		return fmt.Errorf("set a deadline: %w", err)
	}
	if err := c.socket.WriteMessage(c.client.codec.message(), data); err != nil {
		return fmt.Errorf("send a command: %w", err)
	}
	return nil
}

// refusal is the error of an answer that is one.
func (w *wire) refusal() error {
	if w.Kind != "err" {
		return nil
	}
	e := &Error{Code: int(w.Code), Message: w.Message, Temporary: w.Temporary, After: min(milliseconds(w.AfterMS), afterMax)}
	e.Channel = w.name
	return e
}
