package ticker

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"holdfast/inventory"
)

// errFlood ends the reading from a peer that sends more than it may.
var errFlood = errors.New("the peer sends too much")

// errNothing is that nothing has come.
var errNothing = errors.New("nothing has come")

// reader reads from one connection, and tells its shard. It does so in turns, each on a
// goroutine of its own that lives until nothing more has come. Between two turns it waits, on
// another one, whose stack is as small as stacks are since it does nothing else; or with all
// others in a poller, which begins the next turn.
type reader struct {
	*client
	assembler
	// early is what came before the turn: with the upgrade, or at the end of a wait, in first.
	early []byte
	first [firstBytes]byte
	// failed is how a wait or the last attempt to read has ended.
	failed             error
	received, commands meter
	// come is where a turn reads to, bytes is how much an attempt has brought.
	come  *messageBuffer
	bytes int
	// poller is nil for one that waits by itself. slot is the place in it, and listed says
	// that the kernel knows the socket. idle is set while nobody reads: who resets it does.
	poller *poller
	slot   int32
	listed bool
	idle   atomic.Bool
}

// firstBytes is how much ends a wait, at most: the longest header.
const firstBytes = receivedHeaderBytesMax

func newReader(c *client, early []byte, with *poller) *reader {
	return &reader{client: c, early: early, poller: with}
}

// turn reads what has come, and sees to it that another turn follows.
func (r *reader) turn() {
	switch ended := r.read(); {
	case ended && r.poller != nil:
		r.poller.leave(r)
		r.end()
	case ended:
		r.end()
	case r.poller == nil:
		go r.wait()
	}
}

// end tells the shard that nothing more is read.
func (r *reader) end() { r.shard.ask(r.client, (*shard).end) }

// wait begins the next turn when something has come.
func (r *reader) wait() {
	err := r.raw.Read(func(descriptor uintptr) (come bool) {
		r.bytes, r.failed = readOnce(descriptor, r.first[:])
		return r.failed != errNothing //nolint:errorlint // it is that itself
	})
	if err != nil {
		r.bytes, r.failed = 0, err
	}
	r.early = r.first[:r.bytes]
	go r.turn()
}

// wake begins a turn, unless there is one.
func (r *reader) wake() {
	if r.idle.CompareAndSwap(true, false) {
		go r.turn()
	}
}

// read reads until the connection ends, or until nothing more has come and there will be
// another turn. In a poller, nothing of the reader may be touched then.
func (r *reader) read() (ended bool) {
	defer func() {
		if cause := recover(); cause != nil {
			r.logPanic(cause)
			r.linger()
			ended = true
		}
	}()
	err := r.failed
	if err == nil {
		err = r.take(r.early)
	}
	r.early = nil
	for err == nil {
		if err = r.fill(); !errors.Is(err, errNothing) {
			continue
		}
		r.failed = nil
		if r.poller == nil {
			return false
		}
		if err = r.poller.arm(r); err == nil || !r.idle.CompareAndSwap(true, false) {
			return false
		}
	}
	r.release()
	r.conclude(err)
	return true
}

func (r *reader) logPanic(cause any) {
	r.shard.hub.log.Error("a reader of the ticker panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	r.closeFor(closeInternal)
}

func (r *reader) now() inventory.Instant { return r.shard.hub.clock.Now() }

// fill takes what has come; the error is errNothing when nothing has.
func (r *reader) fill() error {
	r.come = messages.Get().(*messageBuffer)
	defer func() {
		messages.Put(r.come)
		r.come = nil
	}()
	err := r.raw.Read(func(descriptor uintptr) bool {
		r.bytes, r.failed = readOnce(descriptor, r.come[:])
		return true
	})
	if err == nil {
		err = r.failed
	}
	if err != nil {
		return err
	}
	return r.take(r.come[:r.bytes])
}

// readOnce reads what the kernel has. The error is errNothing when there is nothing yet, and
// io.EOF when there will be nothing more.
func readOnce(descriptor uintptr, into []byte) (count int, err error) {
	for {
		count, err = syscall.Read(int(descriptor), into)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, errNothing
		case err != nil:
			return 0, err
		case count == 0:
			return 0, io.EOF
		}
		return count, nil
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
	r.command(one.payload, now)
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

// conclude tells the shard why nothing more is read.
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
	r.linger()
}

// linger reads on to the end of what the peer sends: it takes what we say only if nothing of
// its own is left unread.
func (r *reader) linger() { _, _ = io.CopyN(io.Discard, r.socket, lingerBytesMax) }

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
