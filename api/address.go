package api

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// networkBits is how much of an IPv6 address stands for one peer: whoever has one
// address has all of its network.
const networkBits = 64

// addressOf is whom a bound per address counts: an IPv4 address, or the network of
// an IPv6 one. What is no IP address is one peer, the zero Addr.
func addressOf(remote net.Addr) netip.Addr { return networkOf(plainAddress(remote)) }

// networkOf is an IPv4 address itself, or the network of an IPv6 one.
func networkOf(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	network, _ := address.Prefix(networkBits) // fails only for more bits than there are
	return network.Addr()
}

// address is whom a bound per address counts the request for.
func (x *exchange) address() netip.Addr { return networkOf(x.peer()) }

// peer is who asks: whoever is connected, or, when that is a trusted proxy, the last one in
// X-Forwarded-For that is none. What stands before it anybody may have written. What is no
// IP address is the zero Addr.
func (x *exchange) peer() netip.Addr {
	peer, trusted := plainAddress(x.ctx.RemoteAddr()), x.server.options.TrustedProxies
	if len(trusted) == 0 || !isInside(peer, trusted) {
		return peer
	}
	lines := x.ctx.Request.Header.PeekAll(headerForwardedFor)
	for i := len(lines) - 1; i >= 0; i-- {
		hops := strings.Split(string(lines[i]), ",")
		for j := len(hops) - 1; j >= 0; j-- {
			hop, ok := parseHop(strings.TrimSpace(hops[j]))
			if !ok {
				return peer // it was not written by a proxy that we know
			}
			if peer = hop; !isInside(hop, trusted) {
				return peer
			}
		}
	}
	return peer
}

// parseHop reads an address as proxies write it, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(text); err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), true
}

// plainAddress is the address of a peer, or the zero Addr.
func plainAddress(remote net.Addr) netip.Addr {
	peer, is := remote.(*net.TCPAddr)
	if !is {
		return netip.Addr{}
	}
	return peer.AddrPort().Addr().Unmap().WithZone("")
}

// isInside reports whether an address is of one of the networks.
func isInside(address netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(address) })
}

// isForeign reports whether an address comes from outside. Another is that of a
// proxy or of a machine beside us, and stands for more than one peer. (The network
// of ::1 is that of no address at all.)
func isForeign(address netip.Addr) bool {
	return address.IsValid() && !address.IsLoopback() && !address.IsUnspecified() &&
		!address.IsPrivate() && !address.IsLinkLocalUnicast()
}

// room says whether there is a place for one more.
type room uint8

const (
	roomLeft room = iota
	// roomFull is the bound of all, roomFullForOne that of one address.
	roomFull
	roomFullForOne
)

// tally counts the places that are taken, by all and by each address.
type tally struct {
	// allMax and eachMax are its bounds; zero is none for an address.
	allMax, eachMax int

	lock sync.Mutex
	all  int
	each map[netip.Addr]int
}

func newTally(allMax, eachMax int) *tally {
	return &tally{allMax: allMax, eachMax: eachMax, each: map[netip.Addr]int{}}
}

// enter takes a place, if there is room.
func (t *tally) enter(address netip.Addr) room {
	t.lock.Lock()
	defer t.lock.Unlock()
	switch {
	case t.all >= t.allMax:
		return roomFull
	case t.eachMax > 0 && t.each[address] >= t.eachMax:
		return roomFullForOne
	}
	t.all++
	if t.eachMax > 0 {
		t.each[address]++
	}
	return roomLeft
}

// leave gives a place back.
func (t *tally) leave(address netip.Addr) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.all--
	switch {
	case t.eachMax == 0:
	case t.each[address] == 1:
		delete(t.each, address) // whoever is gone is not remembered
	default:
		t.each[address]--
	}
}
