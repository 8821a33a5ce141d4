package ticker

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"syscall"

	"holdfast/inventory"
)

// errFlood ends the reading from a peer that sends more than it may.
var errFlood = errors.New("the peer sends too much")

// reader reads from one connection, and tells its shard. While it waits its stack is as
// small as stacks are: what a message asks for is done by a goroutine that lives as long as
// that takes.
type reader struct {
	*client
	assembler
	// early is what the peer sent before it was answered.
	early              []byte
	received, commands meter
	// come and failed are what an attempt to read has brought.
	come    *messageBuffer
	bytes   int
	failed  error
	attempt func(descriptor uintptr) bool
	working sync.WaitGroup
}

func newReader(c *client, early []byte) *reader {
	r := &reader{client: c, early: early}
	r.attempt = r.try
	return r
}

// run reads until the connection ends.
func (r *reader) run() {
	defer func() { r.shard.ask(r.client, (*shard).end) }()
	defer func() {
		if cause := recover(); cause != nil {
			r.logPanic(cause)
		}
	}()
	err := r.take(r.early)
	for r.early = nil; err == nil; {
		err = r.fill()
	}
	r.release()
	r.conclude(err)
}

func (r *reader) logPanic(cause any) {
	r.shard.hub.log.Error("a reader of the ticker panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	r.closeFor(closeInternal)
}

func (r *reader) now() inventory.Instant { return r.shard.hub.clock.Now() }

// fill waits until something has come, and takes it.
func (r *reader) fill() error {
	if err := r.raw.Read(r.attempt); err != nil {
		return err
	}
	buffer := r.come
	r.come = nil
	defer messages.Put(buffer)
	if r.failed != nil {
		return r.failed
	}
	return r.take(buffer[:r.bytes])
}

// try reads once, when the kernel has something: until then the connection has no buffer.
func (r *reader) try(descriptor uintptr) bool {
	buffer := messages.Get().(*messageBuffer)
	for {
		count, err := syscall.Read(int(descriptor), buffer[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			messages.Put(buffer)
			return false
		case err == nil && count == 0:
			err = io.EOF
		}
		r.come, r.bytes, r.failed = buffer, count, err
		return true
	}
}

// take handles what has come.
func (r *reader) take(data []byte) error {
	now := r.now()
	if r.received.take(byteRate, int64(len(data)), now) > 0 {
		return errFlood
	}
	err := r.feed(data, r.handle)
	switch {
	case !r.began():
		r.reading.Store(0)
	case r.reading.Load() == 0:
		r.reading.Store(int64(now))
	}
	return err
}

// handle handles a message or a control frame.
func (r *reader) handle(one received) error {
	now := r.now()
	switch one.operation {
	case operationClose:
		return readClose(one.payload)
	case operationPing:
		answer := answerFrame(one.payload)
		r.shard.ask(r.client, func(s *shard, c *client) { s.say(c, answer, s.hub.clock.Now()) })
		r.controlled(now)
		return nil
	case operationPong:
		r.controlled(now)
		return nil
	}
	r.heard.Store(int64(now))
	r.reading.Store(0) // the next message begins anew
	if (one.operation == operationText) != (r.format == formatJSON) {
		return closeError{closeUnsupported, ""}
	}
	r.working.Go(func() {
		defer func() {
			if cause := recover(); cause != nil {
				r.logPanic(cause)
			}
		}()
		r.command(one.payload, now)
	})
	r.working.Wait()
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
	if refused != nil || wait > 0 || !asked.slowly() {
		return
	}
	// When this is received, the command has been done: its orders are watched, or its token
	// is known.
	r.shard.ask(r.client, func(*shard, *client) {})
	hub.tellPresent(r.client, &asked)
}

// controlled counts a control frame.
func (r *reader) controlled(now inventory.Instant) {
	r.heard.Store(int64(now))
	if wait := r.commands.take(commandRate, 1, now); wait > 0 {
		r.shard.ask(r.client, func(s *shard, c *client) { s.violate(c, s.hub.clock.Now()) })
	}
}

// conclude tells the shard why nothing more is read, and reads on to the end of what
// the peer sends: it takes what we say only if nothing of its own is left unread.
func (r *reader) conclude(err error) {
	var ours closeError
	var theirs peerClosed
	switch {
	case errors.As(err, &theirs):
		r.shard.ask(r.client, func(s *shard, c *client) { s.part(c, theirs.code) })
		return
	case errors.As(err, &ours) && ours.code == closeBroken:
		r.shard.ask(r.client, func(s *shard, c *client) {
			s.finish(c, &closeTable[closeRows[closeBroken]], closeBroken, ours.reason, s.hub.clock.Now())
		})
	case errors.As(err, &ours):
		r.closeFor(ours.code)
	case errors.Is(err, errFlood):
		r.closeFor(closeRateAbuse)
	default:
		return // it is lost
	}
	_, _ = io.CopyN(io.Discard, r.socket, lingerBytesMax)
}

func (r *reader) closeFor(code CloseCode) {
	r.shard.ask(r.client, func(s *shard, c *client) { s.close(c, code, s.hub.clock.Now()) })
}

// receive handles a message that was read.
func (s *shard) receive(c *client, asked *command, refused *refusal, malformed bool, wait inventory.Instant) {
	now := s.hub.clock.Now()
	if c.closing {
		return
	}
	c.commanded = c.commanded || !malformed
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
