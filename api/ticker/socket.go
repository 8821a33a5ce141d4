package ticker

import (
	"net"
	"syscall"
	"time"

	"holdfast/inventory"
)

// Socket is a connection that can be written to without waiting. A *net.TCPConn is one, and
// so is a *net.UnixConn that has a SetLinger.
type Socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
	SetLinger(seconds int) error
	SetWriteBuffer(bytes int) error
}

// Prepare bounds what the kernel keeps for a peer that does not read: what lies there
// is old by the time that it is read.
func Prepare(socket Socket) (syscall.RawConn, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := socket.SetWriteBuffer(sendBufferBytes); err != nil {
		return nil, err
	}
	return raw, tune(raw)
}

// attempt is one write that does not wait. A shard uses one for all its clients, so
// that a write allocates nothing.
type attempt struct {
	data  []byte
	taken int
	err   error
	run   func(descriptor uintptr) bool
}

func newAttempt() *attempt {
	a := &attempt{}
	a.run = func(descriptor uintptr) bool {
		for {
			a.taken, a.err = syscall.Write(int(descriptor), a.data)
			if a.err != syscall.EINTR { //nolint:errorlint // a system call does not wrap
				return true
			}
		}
	}
	return a
}

// write gives data to the kernel once and returns how much it took. The descriptor is
// asked for each time: one that was closed may be another client's.
func (a *attempt) write(raw syscall.RawConn, data []byte) (int, error) {
	a.data, a.taken, a.err = data, 0, nil
	err := raw.Write(a.run)
	a.data = nil
	switch {
	case err != nil:
		return 0, err
	case a.err == syscall.EAGAIN: //nolint:errorlint // a system call does not wrap
		return 0, nil
	case a.err != nil:
		return 0, a.err
	}
	return a.taken, nil
}

// pipe is what the library reads from. What it wants to write on its own account, once
// the connection is upgraded, is kept for the shard to say.
type pipe struct {
	Socket
	now func() inventory.Instant
	// early is what the peer sent before it was answered.
	early    []byte
	upgraded bool
	words    []byte
	received meter
}

// Read reads what the peer sends, at most byteRate of it.
func (p *pipe) Read(data []byte) (n int, err error) {
	if len(p.early) > 0 {
		n = copy(data, p.early)
		p.early = p.early[n:]
	} else if n, err = p.Socket.Read(data); err != nil {
		return n, err
	}
	if p.received.take(byteRate, int64(n), p.now()) > 0 {
		return 0, errFlood
	}
	return n, nil
}

// SetDeadline does nothing once the connection is upgraded: the hub's clock decides, and
// a deadline of the library's would end writes of the shard.
func (p *pipe) SetDeadline(at time.Time) error {
	if p.upgraded {
		return nil
	}
	return p.Socket.SetDeadline(at)
}

// SetWriteDeadline is as SetDeadline.
func (p *pipe) SetWriteDeadline(at time.Time) error {
	if p.upgraded {
		return nil
	}
	return p.Socket.SetWriteDeadline(at)
}

// Write sends the answer to the upgrade, and keeps what comes after it.
func (p *pipe) Write(data []byte) (int, error) {
	if !p.upgraded {
		return p.Socket.Write(data)
	}
	p.words = append(p.words, data...)
	return len(data), nil
}
