package testserver

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy is a network between a client and a server that can fail: it refuses, cuts,
// stalls, cuts at a certain moment, and loses what it likes.
type Proxy struct {
	target   string
	listener net.Listener
	group    sync.WaitGroup

	mutex sync.Mutex
	// free is signalled when stalled ends.
	free    *sync.Cond
	stalled bool
	refused bool
	closed  bool
	filter  Filter
	loss    Filter
	pairs   map[*pair]struct{}
}

// Filter decides about what passes through a [Proxy]. When it returns false, the
// connection is cut, and chunk does not arrive. A small message is one chunk.
type Filter func(fromClient bool, chunk []byte) (pass bool)

// pair is a connection of a client and the proxy's own to the server.
type pair struct{ client, server net.Conn }

func (p *pair) close() {
	_ = p.client.Close() // either may be closed already
	_ = p.server.Close()
}

// StartProxy starts a proxy to the address, host and port, for one test.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{target: target, listener: listener, pairs: make(map[*pair]struct{})}
	p.free = sync.NewCond(&p.mutex)
	p.group.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address returns the proxy's own host and port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Refuse closes all connections and each new one at once, until it is told not to.
func (p *Proxy) Refuse(refuse bool) {
	p.set(func() { p.refused = refuse })
	if refuse {
		p.Cut()
	}
}

// Stall lets nothing pass, until it is told not to. Connections stay open.
func (p *Proxy) Stall(stall bool) { p.set(func() { p.stalled = stall }) }

// Filter decides about everything that passes from now on; nil lets all pass.
func (p *Proxy) Filter(filter Filter) { p.set(func() { p.filter = filter }) }

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for pair := range p.pairs {
		pair.close()
	}
}

// Lose decides about everything that passes from now on: when filter returns false, chunk
// does not arrive, and the connection goes on; nil lets all pass.
func (p *Proxy) Lose(filter Filter) { p.set(func() { p.loss = filter }) }

func (p *Proxy) set(change func()) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	change()
	p.free.Broadcast()
}

func (p *Proxy) close() {
	p.set(func() { p.closed, p.refused = true, true })
	_ = p.listener.Close()
	p.Cut()
	p.group.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	pair := &pair{client, server}
	defer pair.close()
	if !p.admit(pair) {
		return
	}
	defer p.forget(pair)
	var back sync.WaitGroup
	back.Go(func() { p.pump(pair, false) })
	p.pump(pair, true)
	back.Wait()
}

func (p *Proxy) admit(pair *pair) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.refused {
		return false
	}
	p.pairs[pair] = struct{}{}
	return true
}

func (p *Proxy) forget(pair *pair) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.pairs, pair)
}

// pump passes on what one side sends, until the connection ends or is cut.
func (p *Proxy) pump(pair *pair, fromClient bool) {
	defer pair.close()
	from, to := pair.server, pair.client
	if fromClient {
		from, to = to, from
	}
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		if n > 0 {
			pass, lost := p.passes(fromClient, chunk[:n])
			if !pass {
				return
			}
			if lost {
				n = 0
			}
			if _, err := to.Write(chunk[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// passes waits while the network stalls, and asks the filters.
func (p *Proxy) passes(fromClient bool, chunk []byte) (pass, lost bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for p.stalled && !p.closed {
		p.free.Wait()
	}
	pass = p.filter == nil || p.filter(fromClient, chunk)
	return pass, p.loss != nil && !p.loss(fromClient, chunk)
}
