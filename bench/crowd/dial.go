package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

const (
	// dialTimeout bounds each step of an opening.
	dialTimeout = 10 * time.Second
	// headBytesMax bounds the answer to an upgrade.
	headBytesMax = 4 << 10
	// portsPerSource is how many connections have one source address: there are about
	// 28,000 ports.
	portsPerSource = 8_000
	// bindAddressNoPort is IP_BIND_ADDRESS_NO_PORT: the port is chosen when the peer is known,
	// so that connections to several peers can have the same.
	bindAddressNoPort = 24
)

// errBusy is returned when the server refuses for the moment: 429 or 503.
var errBusy = errors.New("the server has no room at the moment")

// dial opens a connection and upgrades it. early is what came after the answer.
func (c *Crowd) dial(number int) (descriptor int, early []byte, err error) {
	descriptor, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("make a socket: %w", err)
	}
	if early, err = c.upgrade(descriptor, number); err != nil {
		_ = syscall.Close(descriptor) // nothing is lost with it
		return 0, nil, err
	}
	return descriptor, early, nil
}

// upgrade connects and speaks HTTP. The socket waits until the opening is sent.
func (c *Crowd) upgrade(descriptor, number int) (early []byte, err error) {
	if err := c.tune(descriptor); err != nil {
		return nil, fmt.Errorf("prepare a socket: %w", err)
	}
	source := syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + number/portsPerSource)}}
	if err := syscall.Bind(descriptor, &source); err != nil {
		return nil, fmt.Errorf("bind to %v: %w", source.Addr, err)
	}
	if err := connect(descriptor, &syscall.SockaddrInet4{Port: int(c.address.Port()), Addr: c.address.Addr().As4()}); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", c.address, err)
	}
	if err := writeAll(descriptor, c.request); err != nil {
		return nil, fmt.Errorf("ask for an upgrade: %w", err)
	}
	if early, err = readHead(descriptor); err != nil {
		return nil, err
	}
	if err := writeAll(descriptor, c.opening); err != nil {
		return nil, fmt.Errorf("send the first command: %w", err)
	}
	return early, syscall.SetNonblock(descriptor, true)
}

// tune sets what the socket needs before it connects. At its end it is cut, so that no port
// waits for packets of the past.
func (c *Crowd) tune(descriptor int) error {
	timeout := syscall.NsecToTimeval(int64(dialTimeout))
	errs := []error{
		syscall.SetsockoptInt(descriptor, syscall.IPPROTO_IP, bindAddressNoPort, 1),
		syscall.SetsockoptInt(descriptor, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetsockoptLinger(descriptor, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}),
		syscall.SetsockoptTimeval(descriptor, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout),
		syscall.SetsockoptTimeval(descriptor, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &timeout),
	}
	if c.options.ReceiveBytes > 0 {
		errs = append(errs, syscall.SetsockoptInt(descriptor, syscall.SOL_SOCKET, syscall.SO_RCVBUF, c.options.ReceiveBytes))
	}
	return errors.Join(errs...)
}

// connect connects. A signal that comes meanwhile ends the wait and not the attempt.
func connect(descriptor int, to *syscall.SockaddrInet4) error {
	for {
		switch err := syscall.Connect(descriptor, to); err {
		case syscall.EINTR:
		case nil, syscall.EISCONN:
			return nil
		default:
			return err
		}
	}
}

func writeAll(descriptor int, data []byte) error {
	for len(data) > 0 {
		n, err := syscall.Write(descriptor, data)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// readHead reads the answer to the upgrade and returns what follows it.
func readHead(descriptor int) (early []byte, err error) {
	var head [headBytesMax]byte
	for filled := 0; filled < len(head); {
		n, err := syscall.Read(descriptor, head[filled:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return nil, fmt.Errorf("read the answer to the upgrade: %w", err)
		case n == 0:
			return nil, errors.New("the connection ended before the upgrade was answered")
		}
		filled += n
		end := bytes.Index(head[:filled], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		status := head[:filled]
		switch {
		case bytes.HasPrefix(status, []byte("HTTP/1.1 101 ")):
			return bytes.Clone(head[end+4 : filled]), nil
		case bytes.HasPrefix(status, []byte("HTTP/1.1 503 ")), bytes.HasPrefix(status, []byte("HTTP/1.1 429 ")):
			return nil, errBusy
		}
		return nil, fmt.Errorf("the upgrade was answered %.200q", status)
	}
	return nil, fmt.Errorf("the head of the answer has more than %d bytes", headBytesMax)
}

// requestOf is the request for an upgrade. The key may be any.
func requestOf(address netip.AddrPort, dialect *Dialect) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: aG9sZGZhc3QtY3Jvd2QtMQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", dialect.Path, address, dialect.Subprotocol)
}

// openingOf are the frames that are sent after it.
func openingOf(dialect *Dialect) (frames []byte) {
	for _, message := range dialect.Opening {
		frames = appendFrame(frames, dialect.operation(), message)
	}
	return frames
}

func (d *Dialect) operation() byte {
	if d.Binary {
		return opBinary
	}
	return opText
}
