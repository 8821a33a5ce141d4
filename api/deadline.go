package api

import (
	"net"
	"time"
)

// deadlineTolerance is how far the deadline that a connection has may be from the one
// that was asked for.
const deadlineTolerance = 100 * time.Millisecond

// lazyConn is a connection whose deadlines are moved only when it reads or writes, and
// then only when they have moved far: the deadlines of each request of a busy connection
// are a moment after those of the one before, what a request reads is there already
// when its deadline is set, and moving a timer takes longer than to parse a header. So
// a deadline is met up to deadlineTolerance early or late. Deadlines are set, and the
// connection is read and written, by one goroutine at a time.
type lazyConn struct {
	net.Conn
	read, write lazyDeadline
}

// lazyDeadline is a deadline that was asked for, and the one that the connection has.
type lazyDeadline struct{ asked, set time.Time }

// ask takes a deadline, and reports whether the connection must have it at once: none,
// and one that is over, which is an interruption.
func (d *lazyDeadline) ask(at time.Time) (now bool) {
	d.asked = at
	if now = at.IsZero() || !at.After(longAgo); now {
		d.set = at
	}
	return now
}

// due reports whether the connection must have the deadline that was asked for now.
func (d *lazyDeadline) due() bool {
	if apart := d.asked.Sub(d.set); apart <= deadlineTolerance && apart >= -deadlineTolerance {
		return false
	}
	d.set = d.asked
	return true
}

// SetDeadline sets both.
func (c *lazyConn) SetDeadline(at time.Time) error {
	c.read, c.write = lazyDeadline{at, at}, lazyDeadline{at, at}
	return c.Conn.SetDeadline(at)
}

// SetReadDeadline sets the deadline of what is read from now on.
func (c *lazyConn) SetReadDeadline(at time.Time) error {
	if c.read.ask(at) {
		return c.Conn.SetReadDeadline(at)
	}
	return nil
}

// SetWriteDeadline sets the deadline of what is written from now on.
func (c *lazyConn) SetWriteDeadline(at time.Time) error {
	if c.write.ask(at) {
		return c.Conn.SetWriteDeadline(at)
	}
	return nil
}

// Read reads until the deadline.
func (c *lazyConn) Read(data []byte) (int, error) {
	if c.read.due() {
		if err := c.Conn.SetReadDeadline(c.read.asked); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(data)
}

// Write writes until the deadline.
func (c *lazyConn) Write(data []byte) (int, error) {
	if c.write.due() {
		if err := c.Conn.SetWriteDeadline(c.write.asked); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(data)
}
