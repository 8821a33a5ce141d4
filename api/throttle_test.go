package api

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/inventory"
)

var (
	home, elsewhere = netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	proxy           = netip.MustParseAddr("10.0.0.1")
)

const loginTime = 1_764_000_000 * inventory.Second

// fail tries to log in count times, in vain, and returns how often it was looked at.
func (t *throttle) fail(account string, address netip.Addr, count int, now inventory.Instant) (evaluated int) {
	for range count {
		if _, wait := t.begin(account, address, now); wait == 0 {
			evaluated++
		}
	}
	return evaluated
}

func TestFailedLoginsAreBounded(t *testing.T) {
	throttle := newThrottle()
	require.Equal(t, 10, throttle.fail("ada", home, 1_000, loginTime))
	_, wait := throttle.begin("ada", home, loginTime)
	require.Equal(t, 10*inventory.Second, wait)
	require.Equal(t, 10, throttle.fail("ada", elsewhere, 1_000, loginTime), "elsewhere has a bucket of its own")
	require.Equal(t, 10, throttle.fail("bob", home, 1_000, loginTime), "and so has another account")

	later := loginTime
	for range 5 {
		require.Zero(t, throttle.fail("ada", home, 100, later+10*inventory.Second-1))
		later = later.Add(10 * inventory.Second)
		require.Equal(t, 1, throttle.fail("ada", home, 100, later), "a try comes back every 10 s")
	}
	require.Equal(t, 10, throttle.fail("ada", home, 1_000, later.Add(100*inventory.Second)), "and all of them, in the end")
}

// A stranger who guesses from many addresses does not keep out who has been there.
func TestAnAccountIsNotLockedByStrangers(t *testing.T) {
	throttle := newThrottle()
	first, wait := throttle.begin("ada", home, loginTime)
	require.Zero(t, wait)
	first.succeed(loginTime)
	evaluated := 0
	for i := range 100 {
		evaluated += throttle.fail("ada", netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 10, loginTime)
	}
	require.Equal(t, 50, evaluated, "of 1,000 guesses")
	require.Zero(t, throttle.fail("ada", elsewhere, 1, loginTime), "a new address has to wait")
	require.Equal(t, 1, throttle.fail("ada", elsewhere, 1, loginTime.Add(60*inventory.Second)), "but not for good")
	_, wait = throttle.begin("ada", home, loginTime)
	require.Zero(t, wait, "the address of a login before does not wait")
	require.Equal(t, 9, throttle.fail("ada", home, 1_000, loginTime), "and has no more tries than others")
}

func TestAnAddressThatTriesManyAccountsIsBounded(t *testing.T) {
	throttle := newThrottle()
	guess := func(address netip.Addr) (evaluated int) {
		for i := range 1_000 {
			evaluated += throttle.fail(fmt.Sprint("account-", i), address, 1, loginTime)
		}
		return evaluated
	}
	require.Equal(t, 100, guess(home))
	require.Equal(t, 100, guess(elsewhere))
	require.Equal(t, 1_000, guess(proxy), "behind a proxy are many")
}

func TestTriesThatDidNotFailComeBack(t *testing.T) {
	throttle := newThrottle()
	for range 1_000 {
		attempt, wait := throttle.begin("ada", home, loginTime)
		require.Zero(t, wait)
		attempt.undo()
		attempt, wait = throttle.begin("bob", home, loginTime)
		require.Zero(t, wait)
		attempt.succeed(loginTime)
	}
	require.Equal(t, 10, throttle.fail("ada", home, 1_000, loginTime))
}

func TestFailedLoginsTakeBoundedMemory(t *testing.T) {
	throttle := newThrottle()
	require.Equal(t, 10, throttle.fail("ada", home, 1_000, loginTime))
	for i := range 2 * loginBucketsMax {
		address := netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)})
		attempt, _ := throttle.begin(fmt.Sprint("account-", i), address, loginTime)
		if attempt.throttle != nil && i%2 == 0 {
			attempt.succeed(loginTime)
		}
	}
	require.LessOrEqual(t, len(throttle.full), loginBucketsMax)
	require.LessOrEqual(t, len(throttle.trusted), loginTrustedMax)
	require.Zero(t, throttle.fail("ada", home, 1, loginTime), "the fullest bucket is not the one that is forgotten")
}

func TestLoginIsLimitedOverHTTP(t *testing.T) {
	s := newStand(t)
	require.Equal(t, 201, s.do(registration("ada@example.org", goodPassword, "Ada")).status)
	s.store.down = errDown
	for range 2 * triesFromAddress.burst {
		require.Equal(t, 503, s.do(loginWith("ada@example.org", goodPassword)).status)
	}
	s.store.down = nil
	for i := range triesFromAddress.burst {
		// Every spelling is a try at the same account.
		address := []string{"ada@example.org", "ADA@Example.org"}[i%2]
		require.Equal(t, 401, s.do(loginWith(address, "wrong")).status, "%d; those that nobody looked at do not count", i)
	}
	for _, c := range []call{loginWith("ada@example.org", goodPassword), loginWith("Ada@example.org", "wrong")} {
		got := s.do(c)
		require.Equal(t, 429, got.status)
		require.Equal(t, "rate_limited", got.text("code"))
		require.Equal(t, "10", got.header.Get("Retry-After"))
	}
	require.EqualValues(t, 2, s.counter("http_server_logins_limited_total"))
	require.Equal(t, 401, s.do(loginWith("bob@example.org", "wrong")).status, "another account is another matter")
	s.clock.advance(10 * time.Second)
	require.Equal(t, 200, s.do(loginWith("ada@example.org", goodPassword)).status)
}

// A thousand wrong passwords from many addresses: few are looked at, and whose account it
// is comes in all the same.
func TestRow5AThousandWrongTries(t *testing.T) {
	s := newStand(t)
	require.Equal(t, 201, s.do(registration("ada@example.org", goodPassword, "Ada")).status)
	try := func(address, secret string) int {
		body := loginWith("ada@example.org", secret).body
		return s.rawFrom(address, fmt.Sprintf("POST /api/login HTTP/1.1\r\nHost: holdfast\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			len(body), body)).StatusCode
	}
	require.Equal(t, 200, try("203.0.113.1", goodPassword), "she is at home")
	evaluated := 0
	for i := range 1_000 {
		if status := try(fmt.Sprintf("198.51.100.%d", i%50), fmt.Sprint("a guess of many words ", i)); status == 401 {
			evaluated++
		} else {
			require.Equal(t, 429, status)
		}
	}
	require.LessOrEqual(t, evaluated, 100)
	require.EqualValues(t, triesOfAccount.burst, evaluated)
	require.Equal(t, 200, try("203.0.113.1", goodPassword), "nobody locks her out")
}

// How long a refused login takes does not tell whether there is an account.
func TestRow4TheTimeOfALoginTellsNothing(t *testing.T) {
	s := newStand(t)
	require.Equal(t, 201, s.do(registration("ada@example.org", goodPassword, "Ada")).status)
	const tries = 15
	took := map[string][]time.Duration{}
	for range tries {
		for _, email := range []string{"ada@example.org", "nobody@example.org"} {
			watch := clock.NewSystem()
			began := watch.Now()
			require.Equal(t, 401, s.do(loginWith(email, "a guess of many words")).status)
			took[email] = append(took[email], time.Duration(watch.Now()-began))
		}
		s.clock.advance(10 * time.Second)
	}
	median := func(email string) float64 {
		slices.Sort(took[email])
		return float64(took[email][tries/2])
	}
	// Without a hash for accounts that do not exist it would be a hundred.
	ratio := median("ada@example.org") / median("nobody@example.org")
	require.True(t, ratio > 0.5 && ratio < 2, "%.2f", ratio)
}
