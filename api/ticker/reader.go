package ticker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/fasthttp/websocket"

	"holdfast/inventory"
)

// errFlood ends the reading from a peer that sends more than it may.
var errFlood = errors.New("the peer sends too much")

// messageBuffer has room for the longest message and one byte more, so that reading
// always finds the end.
type messageBuffer [messageBytesMax + 1]byte

// messages are buffers for what peers send: a connection has one only while a message
// of it is read.
var messages = sync.Pool{New: func() any { return new(messageBuffer) }}

// reader reads from one connection, and tells its shard.
type reader struct {
	*client
	conn     *websocket.Conn
	pipe     *pipe
	commands meter
}

// run reads until the connection ends.
func (r *reader) run() {
	defer func() { r.shard.ask(r.client, (*shard).end) }()
	defer func() {
		if cause := recover(); cause != nil {
			r.shard.hub.log.Error("a reader of the ticker panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			r.closeFor(closeInternal)
		}
	}()
	r.conn.SetReadLimit(messageBytesMax)
	r.conn.SetPingHandler(r.pinged)
	r.conn.SetPongHandler(func(string) error { return r.controlled() })
	r.conn.SetCloseHandler(func(int, string) error { return nil })
	for {
		if err := r.message(); err != nil {
			r.conclude(err)
			return
		}
	}
}

func (r *reader) now() inventory.Instant { return r.shard.hub.clock.Now() }

// message reads one message and has the shard handle it.
func (r *reader) message() error {
	kind, body, err := r.conn.NextReader()
	if err != nil {
		return err
	}
	r.reading.Store(int64(r.now()))
	buffer := messages.Get().(*messageBuffer)
	defer messages.Put(buffer)
	size, err := io.ReadFull(body, buffer[:])
	r.reading.Store(0)
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	now := r.now()
	r.heard.Store(int64(now))
	switch {
	case (kind == websocket.TextMessage) != (r.format == formatJSON):
		return closeError{closeUnsupported}
	case kind == websocket.TextMessage && !utf8.Valid(buffer[:size]):
		return closeError{closeInvalidText}
	}
	r.command(buffer[:size], now)
	return nil
}

// command has the shard do what a message asks for.
func (r *reader) command(data []byte, now inventory.Instant) {
	hub := r.shard.hub
	asked, refused, malformed := decode(r.format, data)
	wait := r.commands.take(commandRate, 1, now)
	if refused == nil && wait == 0 {
		refused = hub.prepare(r.client, &asked)
	}
	r.shard.ask(r.client, func(s *shard, c *client) { s.receive(c, &asked, refused, malformed, wait) })
	if refused == nil && wait == 0 {
		hub.tellPresent(r.client, &asked)
	}
}

// closeError is a reason of ours to read no further.
type closeError struct{ code CloseCode }

func (e closeError) Error() string { return fmt.Sprintf("closed with %d", e.code) }

// pinged answers a ping.
func (r *reader) pinged(payload string) error {
	answer := answerFrame([]byte(payload))
	r.shard.ask(r.client, func(s *shard, c *client) { s.say(c, answer, s.hub.clock.Now()) })
	return r.controlled()
}

// controlled counts a control frame.
func (r *reader) controlled() error {
	now := r.now()
	r.heard.Store(int64(now))
	if wait := r.commands.take(commandRate, 1, now); wait > 0 {
		r.shard.ask(r.client, func(s *shard, c *client) { s.violate(c, s.hub.clock.Now()) })
	}
	return nil
}

// conclude tells the shard why nothing more is read, and reads on to the end of what
// the peer sends: it takes what we say only if nothing of its own is left unread.
func (r *reader) conclude(err error) {
	var ours closeError
	var theirs *websocket.CloseError
	switch {
	case errors.As(err, &ours):
		r.closeFor(ours.code)
	case errors.Is(err, errFlood):
		r.closeFor(closeRateAbuse)
	case len(r.pipe.words) > 0:
		r.closeAs(r.pipe.words[2:]) // after a header of two bytes
	case errors.As(err, &theirs) && theirs.Code != websocket.CloseAbnormalClosure:
		r.shard.ask(r.client, func(s *shard, c *client) { s.part(c, CloseCode(theirs.Code)) })
		return
	default:
		return // it is lost
	}
	_, _ = io.CopyN(io.Discard, r.socket, lingerBytesMax)
}

func (r *reader) closeFor(code CloseCode) {
	r.shard.ask(r.client, func(s *shard, c *client) { s.close(c, code, s.hub.clock.Now()) })
}

// closeAs closes as the library would have done: with the payload of its close frame.
func (r *reader) closeAs(payload []byte) {
	code, reason := CloseCode(binary.BigEndian.Uint16(payload)), string(slices.Clone(payload[2:]))
	if code == closeTooBig {
		r.closeFor(code)
		return
	}
	r.shard.ask(r.client, func(s *shard, c *client) {
		row := &closeTable[closeRows[closeBroken]]
		s.finish(c, row, closeBroken, reason, s.hub.clock.Now())
	})
}

// receive handles a message that was read.
func (s *shard) receive(c *client, asked *command, refused *refusal, malformed bool, wait inventory.Instant) {
	now := s.hub.clock.Now()
	if c.closing {
		return
	}
	switch {
	case wait > 0:
		s.refuse(c, asked, &refusal{code: errRateLimited, message: "Too many commands.", wait: wait}, now)
		s.violate(c, now)
	case refused != nil:
		s.refuse(c, asked, refused, now)
		if malformed {
			if c.malformed++; c.malformed >= violationsMax {
				s.close(c, closeMalformed, now)
			}
		}
	default:
		s.handle(c, asked)
	}
}

// violate counts what came too fast.
func (s *shard) violate(c *client, now inventory.Instant) {
	if c.violations++; c.violations >= violationsMax {
		s.close(c, closeRateAbuse, now)
	}
}

// part answers the close of a peer.
func (s *shard) part(c *client, code CloseCode) {
	now := s.hub.clock.Now()
	s.finish(c, &closeTable[closeRows[closedByPeer]], code, "", now)
}

// end forgets a client whose connection has ended.
func (s *shard) end(c *client) {
	if !c.closing {
		s.counts.closes[closeRows[closedWithoutAClose]].Add(1)
	}
	s.remove(c)
}
