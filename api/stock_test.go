package api

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
)

// What the engine finds not valid is named as what the schema finds.
func TestStockBeyondItsBoundNamesTheMember(t *testing.T) {
	s := newStand(t)
	path := "/api/products/" + s.product("A", 5) + "/stock"
	got := s.do(call{method: "POST", path: path, token: s.admin, headers: key("adjust"), body: `{"delta":1000000000000,"reason":"received"}`})
	require.Equal(t, 422, got.status, "%s", got.body)
	require.Equal(t, "validation_failed", got.text("code"))
	require.Equal(t, []string{"#/delta"}, got.pointers())
	require.EqualValues(t, 5, s.do(call{method: "GET", path: path}).json["on_hand"])
	got = s.do(call{method: "POST", path: path, token: s.admin, headers: key("adjust"), body: `{"delta":-6,"reason":"damaged"}`})
	require.Equal(t, "version_conflict", got.text("code"))
	require.Empty(t, got.pointers(), "the value is valid, the moment is not")
}

// nextPause is how long it takes until the clock wakes somebody up.
func (c *handClock) nextPause() time.Duration {
	c.lock.Lock()
	defer c.lock.Unlock()
	next := inventory.Instant(-1)
	for _, timer := range c.pending {
		if timer.set && (next < 0 || timer.due-c.now < next) {
			next = timer.due - c.now
		}
	}
	return time.Duration(next)
}

// A read that waits in vain looks less and less often.
func TestWaitingForAVersionCostsLittle(t *testing.T) {
	s := newStand(t)
	path := "/api/products/" + s.product("A", 5) + "/stock?min_version=9"
	done := s.background(call{method: "GET", path: path})
	var pauses []time.Duration
	waited := time.Duration(0)
	for waited < versionWaitMax {
		<-s.clock.armed
		pause := s.clock.nextPause()
		pauses = append(pauses, pause)
		waited += pause
		s.clock.advance(pause)
	}
	require.Equal(t, "version_timeout", (<-done).text("code"))
	require.Equal(t, versionWaitMax, waited, "and not longer than it says")
	require.Equal(t, versionPollPauseMin, pauses[0])
	require.True(t, slices.IsSorted(pauses[:len(pauses)-1]), "%v", pauses)
	require.Equal(t, versionPollPauseMax, slices.Max(pauses))
	require.Less(t, len(pauses), 50)
}

func TestReadsThatWaitAreBounded(t *testing.T) {
	s := newStand(t)
	read := call{method: "GET", path: "/api/products/" + s.product("A", 5) + "/stock?min_version=9"}
	waiters, here := s.server.versionWaiters, addressOf(nil)
	for range versionWaitersPerAddressMax {
		require.Equal(t, roomLeft, waiters.enter(here))
	}
	got := s.do(read)
	require.Equal(t, 429, got.status)
	require.Equal(t, "rate_limited", got.text("code"))
	require.NotEmpty(t, got.header.Get("Retry-After"))
	for i := range versionWaitersMax - versionWaitersPerAddressMax {
		address := addressOf(&net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(i/versionWaitersPerAddressMax))})
		require.Equal(t, roomLeft, waiters.enter(address))
	}
	waiters.leave(here)
	waiters.enter(addressOf(peer("192.0.2.99")))
	require.Equal(t, "overloaded", s.do(read).text("code"))
	read.path = strings.Replace(read.path, "=9", "=1", 1)
	require.Equal(t, 200, s.do(read).status, "a version that is there needs no waiting")

	waiters.leave(addressOf(peer("192.0.2.99")))
	read.path = strings.Replace(read.path, "=1", "=9", 1)
	done := s.background(read)
	<-s.clock.armed
	s.clock.advance(versionWaitMax)
	require.Equal(t, "version_timeout", (<-done).text("code"))
	require.Equal(t, versionWaitersMax-1, countOf(waiters), "whoever has an answer waits no more")
}
