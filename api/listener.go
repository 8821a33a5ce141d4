package api

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"holdfast/inventory"
)

// gate is a listener that lives through a shortage of file descriptors or memory,
// and answers for the connections that there is no place for. fasthttp takes a
// shortage for the end, and answers in plain text.
type gate struct {
	net.Listener
	server *Server
	// encryption is that of every connection; nil is none.
	encryption *tls.Config
	// places is nil where nothing is bounded.
	places *tally
	// refusing has a place for every connection that is being refused.
	refusing chan struct{}

	closing sync.Once
	closed  chan struct{}
	err     error
	// short is when the last shortage was; only Accept's goroutine uses it.
	short inventory.Instant
}

func newGate(s *Server, listener net.Listener, places *tally) *gate {
	return &gate{Listener: listener, server: s, places: places,
		refusing: make(chan struct{}, refusalsMax), closed: make(chan struct{})}
}

// Close closes the listener at the first call; it is called by fasthttp and by us.
func (g *gate) Close() error {
	g.closing.Do(func() {
		close(g.closed)
		g.err = g.Listener.Close()
	})
	return g.err
}

// Accept returns the next connection that there is a place for.
func (g *gate) Accept() (net.Conn, error) {
	pause := acceptPauseMin
	for {
		c, err := g.Listener.Accept()
		switch {
		case err == nil:
			pause = acceptPauseMin
			if admitted := g.admit(c); admitted != nil {
				return admitted, nil
			}
		case !passes(err):
			return nil, err
		case !g.rest(err, pause):
			return nil, net.ErrClosed
		default:
			pause = min(2*pause, acceptPauseMax)
		}
	}
}

// passes reports the errors of accept that are not the end: what is missing comes
// back, or only the one connection was broken.
func passes(err error) bool {
	for _, passing := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPROTO} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// rest waits before the next try. It returns false when the listener was closed.
func (g *gate) rest(err error, pause time.Duration) bool {
	s := g.server
	s.metrics.acceptFailures.Inc()
	now := s.clock.Now()
	if g.short == 0 || now >= g.short.Add(inventory.Instant(acceptQuiet)) {
		s.log.Warn("connections cannot be accepted and wait", "address", g.Addr().String(), "error", err)
	}
	g.short = now
	rested := make(chan struct{})
	timer := s.clock.AfterFunc(pause, func() { close(rested) })
	defer timer.Stop()
	select {
	case <-rested:
		return true
	case <-g.closed:
		return false
	}
}

// admit gives a connection its place, or refuses it and returns nil.
func (g *gate) admit(c net.Conn) net.Conn {
	if g.places == nil {
		return c
	}
	address := addressOf(c.RemoteAddr())
	if g.encryption != nil {
		c = tls.Server(c, g.encryption)
	}
	switch g.places.enter(address) {
	case roomFull:
		g.refuse(c, inventory.CodeOverloaded, "Too many connections are open.")
	case roomFullForOne:
		g.refuse(c, codeRateLimited, "Too many connections of your address are open.")
	default:
		return &guest{lazyConn: lazyConn{Conn: c}, gate: g, address: address}
	}
	return nil
}

// refuse answers for a connection that has no place, and closes it. The answer
// waits for the beginning of the request, because clients take one that comes
// before they asked for a fault. When many wait already, it does not; and where
// connections are encrypted there is none then, since it would have to wait.
func (g *gate) refuse(c net.Conn, code inventory.Code, detail string) {
	select {
	case g.refusing <- struct{}{}:
		go func() {
			defer func() { <-g.refusing }()
			g.server.hear(c, 1)
			g.server.turnAway(c, code, detail)
			g.server.part(c)
		}()
	default:
		if g.encryption == nil {
			g.server.turnAway(c, code, detail)
		}
		_ = c.Close()
	}
}

// turnAway sends a problem to a peer that is not served.
func (s *Server) turnAway(c net.Conn, code inventory.Code, detail string) {
	var ctx fasthttp.RequestCtx
	ctx.Init2(c, connectionLog{s.log}, true)
	x := exchanges.Get().(*exchange)
	x.begin(s, s.refused, &ctx)
	defer x.end()
	x.fail(code, detail)
	ctx.SetConnectionClose()
	_, _ = ctx.Response.WriteTo(c) // a peer that is gone needs no answer
}

// longAgo is a deadline that is over.
var longAgo = time.Unix(1, 0)

// hear reads what a peer sends, and throws it away, until it has sent most bytes,
// has ended, or has had time to.
func (s *Server) hear(c net.Conn, most int64) {
	enough := func() { _ = c.SetReadDeadline(longAgo) }
	timer := s.clock.AfterFunc(lingerMax, enough)
	defer timer.Stop()
	defer context.AfterFunc(s.draining, enough)()
	_, _ = io.CopyN(io.Discard, c, most)
}

// part closes a connection whose peer may still be sending. Closed at once, the
// kernel would answer what comes with a reset, which overtakes the answer.
func (s *Server) part(c net.Conn) {
	if half, can := c.(interface{ CloseWrite() error }); can {
		_ = half.CloseWrite()
	}
	s.hear(c, lingerBytesMax)
	_ = c.Close()
}

// guest is a connection with a place.
type guest struct {
	lazyConn
	gate    *gate
	address netip.Addr
	left    atomic.Bool
	// unheard is set when the peer may still be sending what nobody will read.
	unheard atomic.Bool
	// closed is called at the end, when it is set.
	closed func()
}

// Close gives the place back at the first call; it is called by the worker and by
// Shutdown.
func (g *guest) Close() error {
	if g.left.Swap(true) {
		return nil
	}
	defer g.gate.places.leave(g.address)
	if g.closed != nil {
		defer g.closed()
	}
	if g.unheard.Load() {
		g.gate.server.part(g.Conn)
		return nil
	}
	if encrypted, is := g.Conn.(*tls.Conn); is {
		go func() { _ = encrypted.Close() }() // it says so to the peer, who may not listen: that takes up to 5 s
		return nil
	}
	return g.Conn.Close()
}
