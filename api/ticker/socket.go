package ticker

import (
	"net"
	"syscall"
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
