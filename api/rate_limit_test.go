package api

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/internal/token"
	"holdfast/inventory"
)

const rateTime = 1_764_000_000 * inventory.Second

// caller16 is a caller by its name.
func caller16(name string) (caller [16]byte) {
	copy(caller[:], name)
	return caller
}

// Whatever a caller asks for and when, in no time it gets more than what comes back in it
// and what there is at once.
func TestAQuotaIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.IntRange(1, 1_000).Draw(t, "units a second")
		q := newQuota("test", perSecond)
		var taken []struct {
			at    inventory.Instant
			units int
		}
		now := rateTime
		for range rapid.IntRange(1, 200).Draw(t, "requests") {
			now = now.Add(inventory.Instant(rapid.Int64Range(0, int64(inventory.Second/4)).Draw(t, "pause")))
			units := rapid.IntRange(1, 2*perSecond).Draw(t, "units")
			if s := q.take(caller16("ada"), units, now); s.wait == 0 {
				taken = append(taken, struct {
					at    inventory.Instant
					units int
				}{now, units})
			} else {
				require.Zero(t, q.take(caller16("ada"), units, now.Add(s.wait)).wait, "it said when")
				now = now.Add(s.wait)
				taken = append(taken, struct {
					at    inventory.Instant
					units int
				}{now, units})
			}
		}
		for first := range taken {
			sum := 0
			for _, one := range taken[first:] {
				sum += one.units
				most := float64(one.at-taken[first].at)/float64(inventory.Second)*float64(perSecond) + 2*float64(perSecond)
				require.LessOrEqual(t, float64(sum), most+1)
			}
		}
	})
}

func TestOrdersOfACustomerAreCounted(t *testing.T) {
	s := newStand(t, func(o *Options) { o.RateLimits = RateLimits{OrdersPerCustomer: 5, UnitsPerCustomer: 5} })
	product := s.product("A", 100)
	place := func(access string, n int) result {
		return s.do(call{method: "POST", path: "/api/orders", token: access, headers: key(fmt.Sprint("rate-", n)),
			body: fmt.Sprintf(`{"items":[{"product_id":"%s","quantity":1}]}`, product)})
	}
	for n := range 10 {
		got := place(s.customer, n)
		require.Equal(t, 201, got.status)
		if n < 5 {
			require.Empty(t, got.header.Get("RateLimit"), "there is more than half")
		} else {
			require.Equal(t, `"orders";q=10;w=2`, got.header.Get("RateLimit-Policy"))
			require.Equal(t, fmt.Sprintf(`"orders";r=%d;t=2`, 9-n), got.header.Get("RateLimit"))
		}
	}
	refused := place(s.customer, 10)
	require.Equal(t, 429, refused.status)
	require.Equal(t, "rate_limited", refused.text("code"))
	require.Equal(t, "1", refused.header.Get("Retry-After"))
	require.Equal(t, `"orders";r=0;t=2`, refused.header.Get("RateLimit"))
	require.Equal(t, [4]int{100, 10, 0, 90}, s.stockOf(product))
	require.Equal(t, 201, place(s.other, 10).status, "another customer has its own")
	s.clock.advance(200 * time.Millisecond)
	require.Equal(t, 201, place(s.customer, 10).status)
	require.Equal(t, 429, place(s.customer, 11).status)
}

// What a customer asks for else is weighed by the route, and leaves its orders alone.
func TestRequestsAreWeighed(t *testing.T) {
	s := newStand(t, func(o *Options) { o.RateLimits = RateLimits{OrdersPerCustomer: 5, UnitsPerCustomer: 10} })
	product := s.product("A", 100)
	list := func(access string) result { return s.do(call{method: "GET", path: "/api/orders", token: access}) }
	for range 4 { // 5 units each, of 20
		require.Equal(t, 200, list(s.customer).status)
	}
	require.Equal(t, 429, list(s.customer).status)
	require.NotEmpty(t, s.order(s.customer, "rate", product, 1))
	s.clock.advance(500 * time.Millisecond)
	require.Equal(t, 200, list(s.customer).status)
	for range 50 {
		require.Equal(t, 200, list(s.admin).status, "staff has no bound")
	}
}

func TestAnAddressIsBoundedWithoutALogin(t *testing.T) {
	s := newStand(t, func(o *Options) { o.RateLimits = RateLimits{UnitsPerAddress: 5} })
	ask := func(address, path string) int {
		return s.rawFrom(address, "GET "+path+" HTTP/1.1\r\nHost: holdfast\r\n\r\n").StatusCode
	}
	for range 2 { // 5 units each, of 10
		require.Equal(t, 200, ask("192.0.2.1", "/api/products"))
	}
	require.Equal(t, 429, ask("192.0.2.1", "/api/products"))
	require.Equal(t, 200, ask("192.0.2.1", "/livez"))
	require.Equal(t, 200, ask("192.0.2.2", "/api/products"))
	for range 10 {
		require.Equal(t, 200, ask("10.0.0.1", "/api/products"), "a proxy stands for many")
	}
}

// Credentials that nobody has shown before cost their address what the request costs; those
// that were verified are as good as ever.
func TestGuessedCredentialsAreBounded(t *testing.T) {
	s := newStand(t, func(o *Options) { o.RateLimits = RateLimits{UnitsPerAddress: 10} })
	ask := func(access string) int {
		return s.rawFrom("192.0.2.1", "GET /api/me/sessions HTTP/1.1\r\nHost: holdfast\r\nAuthorization: Bearer "+access+"\r\n\r\n").StatusCode
	}
	require.Equal(t, 200, ask(s.customer)) // 5 units, of 20
	before := s.store.asked
	statuses := map[int]int{}
	for range 100 {
		key, _ := token.NewKey()
		statuses[ask(key)]++
	}
	require.Equal(t, map[int]int{401: 3, 429: 97}, statuses)
	require.Equal(t, 3, s.store.asked-before, "the store is not asked about the others")
	require.Equal(t, 200, ask(s.customer))
}

// A flood of addresses costs no more memory than the bound, and does not make the one
// forgotten that asks for most.
func TestRow36AMillionAddresses(t *testing.T) {
	q := newQuota("address", 100)
	greedy := caller16("greedy")
	require.Zero(t, q.take(greedy, 200, rateTime).wait)
	var caller [16]byte
	for i := range 1_000_000 {
		binary.BigEndian.PutUint64(caller[:], uint64(i))
		q.take(caller, 1, rateTime)
	}
	kept := 0
	for i := range q.parts {
		kept += len(q.parts[i].full)
	}
	require.LessOrEqual(t, kept, quotaCallersMax)
	require.Greater(t, kept, quotaCallersMax*9/10)
	require.Positive(t, q.take(greedy, 1, rateTime).wait)
}

func TestForwardedAddresses(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.9/32")}
	for _, row := range []struct{ peer, forwarded, want string }{
		{"10.0.0.1", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1", "203.0.113.5, 198.51.100.7", "198.51.100.7"},
		{"10.0.0.1", "203.0.113.5, 198.51.100.7, 192.0.2.9,10.2.3.4", "198.51.100.7"},
		{"10.0.0.1", "10.1.1.1", "10.1.1.1"},
		{"10.0.0.1", "", "10.0.0.1"},
		{"10.0.0.1", "evil", "10.0.0.1"},
		{"10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"},
		{"10.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"},
		{"10.0.0.1", "198.51.100.7:51234", "198.51.100.7"},
		{"10.0.0.1", "[2001:db8:1:2::5]:443", "2001:db8:1:2::"},
		{"198.51.100.1", "203.0.113.5", "198.51.100.1"},
	} {
		s := newStand(t, func(o *Options) { o.TrustedProxies, o.RateLimits = proxies, RateLimits{UnitsPerAddress: 5} })
		line := ""
		if row.forwarded != "" {
			line = "X-Forwarded-For: " + row.forwarded + "\r\n"
		}
		for range 2 {
			require.Equal(t, 200, s.rawFrom(row.peer, "GET /api/products HTTP/1.1\r\nHost: holdfast\r\n"+line+"\r\n").StatusCode)
		}
		address := netip.MustParseAddr(row.want)
		used := s.server.limits.address.take(address.As16(), 1, s.clock.Now())
		require.Equal(t, isForeign(address), used.wait > 0, "%+v", row)
	}
}

func TestRow36ForwardedLinesAreOneList(t *testing.T) {
	s := newStand(t, func(o *Options) {
		o.TrustedProxies, o.RateLimits = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, RateLimits{UnitsPerAddress: 5}
	})
	ask := func(claimed string) int {
		return s.rawFrom("10.0.0.1", "GET /api/products HTTP/1.1\r\nHost: holdfast\r\nX-Forwarded-For: "+claimed+
			"\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n").StatusCode
	}
	require.Equal(t, 200, ask("203.0.113.1"))
	require.Equal(t, 200, ask("203.0.113.2"))
	require.Equal(t, 429, ask("203.0.113.3"), "the client's own line gives it no new address")
}

func BenchmarkQuota(b *testing.B) {
	q := newQuota("orders", 50)
	var caller [16]byte
	b.ReportAllocs()
	for i := range b.N {
		binary.BigEndian.PutUint64(caller[:], uint64(i%20_000))
		q.take(caller, 1, rateTime+inventory.Instant(i)*1_000)
	}
}
