package api

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"holdfast/api/ticker"
)

// The ticker writes to a kernel's socket, and never waits. An encrypted connection cannot
// be written to in that way, so between the two is a pair of sockets, and two goroutines
// that carry bytes. That takes two descriptors, stacks and buffers more a client: where there
// are many, let a proxy encrypt.

// bridgeBytes is how much a bridge carries at a time.
const bridgeBytes = 4 << 10

// bridgeLingerMax is how long a peer that was told of the end is read on, until it ends too:
// a little longer than the ticker waits for that.
const bridgeLingerMax = 3 * time.Second

// bridge is between an encrypted connection and the ticker's socket, far. near is its own
// end.
type bridge struct {
	guest  *guest
	secure *tls.Conn
	near   *net.UnixConn
	// closed says that the ticker has closed far.
	closed atomic.Bool
	// read says that the peer has ended.
	read chan struct{}
}

// farEnd is the ticker's end of a bridge.
type farEnd struct {
	*net.UnixConn
	bridge *bridge
}

// SetLinger does nothing: what a closed end still has is given up by Close.
func (farEnd) SetLinger(int) error { return nil }

// Close lets what was written go out to the peer, as far as it takes it soon.
func (f farEnd) Close() error {
	f.bridge.closed.Store(true)
	f.bridge.endWithin(lingerMax)
	return f.UnixConn.Close()
}

// bridge returns a socket from which all is carried to the connection, and back, until both
// have ended. What the kernel keeps for a peer that does not read is bounded at the
// connection, as without encryption.
func (g *guest) bridge(secure *tls.Conn) (ticker.Socket, error) {
	if plain, is := secure.NetConn().(ticker.Socket); is {
		if _, err := ticker.Prepare(plain); err != nil {
			return nil, err
		}
	}
	far, near, err := socketPair()
	if err != nil {
		return nil, err
	}
	_ = secure.SetDeadline(time.Time{}) // the ticker's clock decides
	b := &bridge{guest: g, secure: secure, near: near, read: make(chan struct{})}
	go b.carryOut()
	go b.carryIn()
	return farEnd{UnixConn: far, bridge: b}, nil
}

// endWithin lets the connection neither read nor write for longer.
func (b *bridge) endWithin(duration time.Duration) {
	_ = b.secure.SetDeadline(time.Now().Add(duration)) //nolint:forbidigo // the kernel keeps the deadline
}

// carryOut carries what the ticker writes to the peer. When it has ended, so does the peer's
// end, but the peer is read on until it has: closed before, the kernel would answer what it
// still sends with a reset, which overtakes the last words.
func (b *bridge) carryOut() {
	defer b.guest.Close()
	defer b.near.Close()
	if _, err := carryBytes(b.secure, b.near); err != nil {
		return // the peer is gone
	}
	_ = b.secure.CloseWrite()
	if half, can := b.secure.NetConn().(interface{ CloseWrite() error }); can {
		_ = half.CloseWrite()
	}
	if !b.closed.Load() {
		b.endWithin(bridgeLingerMax)
	}
	<-b.read
}

// carryIn carries what the peer sends to the ticker, and throws it away when that does not
// want it any more.
func (b *bridge) carryIn() {
	defer close(b.read)
	if ended, _ := carryBytes(b.near, b.secure); ended {
		_ = b.near.CloseWrite() // the ticker sees the end, and closes
		return
	}
	_, _ = carryBytes(nowhere{}, b.secure)
}

// nowhere is where bytes are thrown away.
type nowhere struct{}

func (nowhere) Write(data []byte) (int, error) { return len(data), nil }

// carryBytes writes what it reads until it can read no more, which is what ended says, or the
// error of a write.
func carryBytes(to io.Writer, from io.Reader) (ended bool, failed error) {
	buffer := make([]byte, bridgeBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return false, failed
			}
		}
		if err != nil {
			return true, nil
		}
	}
}

// socketPair returns two sockets of this process that are connected.
func socketPair() (one, other *net.UnixConn, err error) {
	syscall.ForkLock.RLock()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	one, first := unixConnOf(pair[0])
	other, second := unixConnOf(pair[1])
	if err := errors.Join(first, second); err != nil {
		for _, end := range []*net.UnixConn{one, other} {
			if end != nil {
				_ = end.Close()
			}
		}
		return nil, nil, err
	}
	return one, other, nil
}

func unixConnOf(descriptor int) (*net.UnixConn, error) {
	file := os.NewFile(uintptr(descriptor), "")
	defer file.Close() // the connection has a copy
	connection, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return connection.(*net.UnixConn), nil
}
