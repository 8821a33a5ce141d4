package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const (
	// pollTime is how long a loop waits at most before it looks at what it is asked.
	pollTime = 20 * time.Millisecond
	// eventsMax is how many connections are told of at once.
	eventsMax = 256
	// asksMax bounds what waits for a loop.
	asksMax = 16
	// readsMax bounds the reads of one connection before it is another's turn.
	readsMax = 4
)

// member is one connection.
type member struct {
	descriptor int
	number     uint32
	state      State
	shown      bool
	ended      bool
	// rest is the beginning of a frame that has not come whole.
	rest []byte
}

// loop reads a part of the members. One goroutine runs it, and it alone looks at them.
type loop struct {
	crowd   *Crowd
	epoll   int
	members map[int32]*member
	buffer  []byte
	events  []syscall.EpollEvent
	asks    chan func()
	// gone is closed when nobody does what is asked any more.
	gone chan struct{}
	// paused loops read nothing.
	paused, ended bool
	tally         Tally
	records       []Record
	lost          int
}

func newLoop(c *Crowd, records int) (*loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &loop{crowd: c, epoll: epoll, members: map[int32]*member{}, buffer: make([]byte, messageBytesMax), events: make([]syscall.EpollEvent, eventsMax),
		asks: make(chan func(), asksMax), gone: make(chan struct{}), records: make([]Record, 0, records)}, nil
}

// run reads until the crowd closes.
func (l *loop) run() {
	defer close(l.gone)
	defer l.endAll()
	for !l.ended {
		if l.paused {
			(<-l.asks)()
			continue
		}
		count, err := syscall.EpollWait(l.epoll, l.events, int(pollTime.Milliseconds()))
		if err != nil && err != syscall.EINTR {
			l.crowd.faults("wait for connections: %v", err)
			return
		}
		for i := range max(count, 0) {
			if m := l.members[l.events[i].Fd]; m != nil && !m.ended {
				l.read(m)
			}
		}
		for asked := true; asked; {
			select {
			case do := <-l.asks:
				do()
			default:
				asked = false
			}
		}
	}
}

func (l *loop) endAll() {
	for _, m := range l.members {
		l.end(m)
	}
	_ = syscall.Close(l.epoll) // nothing is lost with it
}

// ask has the loop do something, and waits for it. A loop that has ended does nothing more,
// and may be looked at.
func (l *loop) ask(do func()) {
	done := make(chan struct{})
	select {
	case l.asks <- func() { defer close(done); do() }:
	case <-l.gone:
		return
	}
	select {
	case <-done:
	case <-l.gone:
	}
}

// add takes a connection in.
func (l *loop) add(descriptor int, number uint32, early []byte) {
	m := &member{descriptor: descriptor, number: number}
	l.members[int32(descriptor)] = m
	l.tally.Open++
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(descriptor)}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, descriptor, &event); err != nil {
		l.fail(m, fmt.Errorf("wait for a connection: %w", err))
		return
	}
	n := copy(l.buffer, early)
	l.take(m, l.buffer[:n])
}

// read takes what a connection has, and a little more than that.
func (l *loop) read(m *member) {
	for range readsMax {
		begin := copy(l.buffer, m.rest)
		m.rest = m.rest[:0]
		n, err := syscall.Read(m.descriptor, l.buffer[begin:])
		switch {
		case err == syscall.EAGAIN || err == syscall.EINTR:
			m.rest = append(m.rest, l.buffer[:begin]...)
			return
		case err != nil:
			l.fail(m, fmt.Errorf("read: %w", err))
			return
		case n == 0:
			l.fail(m, errors.New("the server ended a connection without a close"))
			return
		}
		l.tally.Bytes += int64(n)
		l.take(m, l.buffer[:begin+n])
		if m.ended || begin+n < len(l.buffer) {
			return
		}
	}
}

// take reads frames, and keeps what is left.
func (l *loop) take(m *member, data []byte) {
	now := l.crowd.now()
	for !m.ended {
		f, size, broken := nextFrame(data)
		if broken {
			l.fail(m, fmt.Errorf("a frame begins with % x, which is none", data[:2]))
			return
		}
		if size == 0 {
			m.rest = append(m.rest[:0], data...)
			return
		}
		data = data[size:]
		l.tally.Frames++
		switch f.operation {
		case opText, opBinary:
			l.hear(m, f.payload, now)
		case opPing:
			l.send(m, opPong, string(f.payload))
		case opClose:
			l.closed(m, closeCode(f.payload))
		case opPong:
		default:
			l.fail(m, fmt.Errorf("a frame has the operation %d", f.operation))
		}
	}
}

// hear reads a message.
func (l *loop) hear(m *member, message []byte, now uint32) {
	dialect := &l.crowd.options.Dialect
	for more := true; more && !m.ended; {
		part := message
		if more = false; dialect.Separator != 0 {
			part, message, more = bytes.Cut(message, []byte{dialect.Separator})
			if len(part) == 0 {
				continue
			}
		}
		heard := dialect.Hear(part)
		switch heard.Kind {
		case Shown:
			l.show(m, heard.State, now)
		case Asked:
			l.send(m, dialect.operation(), dialect.Reply)
		case Refused, Unreadable:
			l.fail(m, fmt.Errorf("it was told %.200q", part))
		case Other:
		}
	}
}

// show notes a state.
func (l *loop) show(m *member, state State, now uint32) {
	l.tally.Shown++
	switch {
	case !m.shown:
		m.shown = true
		l.tally.Ready++
		l.crowd.ready.Add(1)
	case state.before(m.state):
		l.tally.Backwards++
		l.crowd.faults("connection %d was shown version %d.%d after %d.%d", m.number, state.Epoch, state.Version, m.state.Epoch, m.state.Version)
		return
	}
	m.state = state
	if !l.crowd.recording.Load() {
		return
	}
	if len(l.records) == cap(l.records) {
		l.lost++
		return
	}
	l.records = append(l.records, Record{At: now, Member: m.number, Version: uint32(state.Version)}) // a run has fewer than 2^32 changes
}

// send writes a short frame. A client that reads has room for it.
func (l *loop) send(m *member, operation byte, payload string) {
	var room [160]byte
	data := appendFrame(room[:0], operation, payload)
	switch n, err := syscall.Write(m.descriptor, data); {
	case err != nil:
		l.fail(m, fmt.Errorf("answer: %w", err))
	case n < len(data):
		l.fail(m, fmt.Errorf("the kernel took %d of the %d bytes of an answer", n, len(data)))
	}
}

// closed is the server's end of a connection.
func (l *loop) closed(m *member, code int) {
	if l.tally.Closes == nil {
		l.tally.Closes = map[int]int{}
	}
	l.tally.Closes[code]++
	if !l.crowd.options.MayEnd {
		l.crowd.faults("connection %d was closed with %d", m.number, code)
	}
	l.end(m)
}

// fail ends a connection that went wrong.
func (l *loop) fail(m *member, err error) {
	l.tally.Lost++
	if !l.crowd.options.MayEnd {
		l.crowd.faults("connection %d: %v", m.number, err)
	}
	l.end(m)
}

func (l *loop) end(m *member) {
	if m.ended {
		return
	}
	m.ended, m.rest = true, nil
	l.tally.Open--
	_ = syscall.Close(m.descriptor) // nothing is lost with it; epoll forgets it
	delete(l.members, int32(m.descriptor))
}
