package api

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"holdfast/api/ticker"
)

// The ticker writes to a kernel's socket, and never waits. An encrypted connection cannot
// be written to in that way, so between the two is a pair of sockets, and two goroutines
// that carry bytes. That takes some 20 KiB a client more: where there are many, let a proxy
// encrypt.

// bridgeBytes is how much a bridge carries at a time.
const bridgeBytes = 4 << 10

// farEnd is the ticker's end of a bridge.
type farEnd struct {
	*net.UnixConn
	secure *tls.Conn
}

// SetLinger does nothing: what a closed end still has is given up by Close.
func (farEnd) SetLinger(int) error { return nil }

// Close lets what was written go out to the peer, as far as it takes it soon.
func (f farEnd) Close() error {
	_ = f.secure.SetWriteDeadline(time.Now().Add(lingerMax)) //nolint:forbidigo // the kernel keeps the deadline
	return f.UnixConn.Close()
}

// bridge returns a socket from which all is carried to the connection, and back, until
// either end closes.
func (g *guest) bridge(secure *tls.Conn) (ticker.Socket, error) {
	far, near, err := socketPair()
	if err != nil {
		return nil, err
	}
	_ = secure.SetDeadline(time.Time{}) // the ticker's clock decides
	go func() {
		carryBytes(secure, near)
		_ = near.Close()
		_ = g.Close()
	}()
	go func() {
		carryBytes(near, secure)
		_ = near.CloseWrite() // the ticker sees the end, and closes
	}()
	return farEnd{UnixConn: far, secure: secure}, nil
}

// carryBytes writes what it reads until one of the two ends.
func carryBytes(to, from net.Conn) {
	buffer := make([]byte, bridgeBytes)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
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
