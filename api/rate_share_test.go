package api

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/inventory"
	"holdfast/persistence"
)

// fakeExchange carries usages between the servers of a test, and may be cut.
type fakeExchange struct {
	persistence.UsageExchange
	lock  sync.Mutex
	ears  []func([]persistence.Usage)
	self  int
	all   *[]*fakeExchange
	away  bool
	calls [][]persistence.Usage
}

func newExchanges(n int) []*fakeExchange {
	all := make([]*fakeExchange, n)
	for i := range all {
		all[i] = &fakeExchange{self: i, all: &all}
	}
	return all
}

func (e *fakeExchange) Hear(hear func([]persistence.Usage)) { e.ears = append(e.ears, hear) }

func (e *fakeExchange) Tell(usages []persistence.Usage) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.away {
		return
	}
	e.calls = append(e.calls, usages)
	for i, other := range *e.all {
		if i != e.self {
			for _, hear := range other.ears {
				hear(usages)
			}
		}
	}
}

// A customer who goes to three processes at once gets what one process would give, and a
// little: what was not told yet. While they cannot tell each other, each gives its own.
func TestRow36ProcessesShareRates(t *testing.T) {
	const perSecond = 20
	for name, away := range map[string]bool{"together": false, "Redis is away": true} {
		t.Run(name, func(t *testing.T) {
			exchanges := newExchanges(3)
			stands := make([]*stand, len(exchanges))
			for i := range stands {
				exchanges[i].away = away
				stands[i] = newStand(t, func(o *Options) {
					o.Usages, o.RateLimits = exchanges[i], RateLimits{UnitsPerCustomer: perSecond}
				})
			}
			const seconds = 10
			accepted := 0
			for range seconds * int(time.Second/usageInterval) {
				for _, s := range stands {
					for range perSecond {
						caller := caller16("ada")
						if s.server.limits.customer.take(caller, 1, s.clock.Now()).wait == 0 {
							accepted++
						}
					}
				}
				for _, s := range stands {
					s.clock.advance(usageInterval)
				}
			}
			alone := perSecond*seconds + perSecond*int(rateWindow/inventory.Second)
			if away {
				require.Greater(t, accepted, alone*5/2, "each process holds its own limit")
				require.LessOrEqual(t, accepted, alone*3)
				return
			}
			require.LessOrEqual(t, accepted, alone*2)
			require.GreaterOrEqual(t, accepted, perSecond*seconds*9/10)
		})
	}
}

// Who asks for little is not told of; of those who ask for much, a bounded number is.
func TestUsagesAreBounded(t *testing.T) {
	exchange := newExchanges(1)[0]
	s := newStand(t, func(o *Options) { o.Usages, o.RateLimits = exchange, RateLimits{UnitsPerAddress: 100} })
	q := s.server.limits.address
	now := s.clock.Now()
	var caller [16]byte
	for i := range 3 * usageCallersMax {
		caller[0], caller[1] = byte(i), byte(i>>8)
		require.Zero(t, q.take(caller, 2*100/usageToldFrom, now).wait)
	}
	s.clock.advance(usageInterval)
	require.Empty(t, exchange.calls, "a quarter is nothing to tell of")
	for i := range 3 * usageCallersMax {
		caller[0], caller[1] = byte(i), byte(i>>8)
		q.take(caller, 10, now)
	}
	s.clock.advance(usageInterval)
	told := 0
	for _, usages := range exchange.calls {
		require.LessOrEqual(t, len(usages), persistence.UsagesMax)
		told += len(usages)
		for _, usage := range usages {
			require.EqualValues(t, 2, usage.Quota)
			require.Equal(t, 100*time.Millisecond, usage.Time)
		}
	}
	require.LessOrEqual(t, told, usageCallersMax)
	require.Greater(t, told, usageCallersMax*9/10)
}

// What another process says is not believed beyond what a caller can have used.
func TestUsagesThatMakeNoSense(t *testing.T) {
	exchange := newExchanges(1)[0]
	s := newStand(t, func(o *Options) { o.Usages, o.RateLimits = exchange, RateLimits{UnitsPerCustomer: 10} })
	q, ada := s.server.limits.customer, caller16("ada")
	exchange.ears[0]([]persistence.Usage{{Quota: 1, Caller: ada, Time: -time.Hour}, {Quota: 99, Caller: ada, Time: time.Hour}, {Quota: 0, Caller: ada, Time: time.Hour}})
	require.Zero(t, q.take(ada, 1, s.clock.Now()).used-inventory.Second/10)
	exchange.ears[0]([]persistence.Usage{{Quota: 1, Caller: ada, Time: 1<<63 - 1}, {Quota: 1, Caller: ada, Time: 1<<63 - 1}})
	wait := q.take(ada, 1, s.clock.Now()).wait
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, rateWindow)
}
