package redis

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
	"holdfast/persistence"
)

// ear keeps what an exchange hears.
type ear struct {
	lock  sync.Mutex
	heard []persistence.Usage
}

func (e *ear) hear(usages []persistence.Usage) {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.heard = append(e.heard, usages...)
}

func (e *ear) times() (times []time.Duration) {
	e.lock.Lock()
	defer e.lock.Unlock()
	for _, usage := range e.heard {
		times = append(times, usage.Time)
	}
	return times
}

func openExchange(t testing.TB, address, namespace string) (*UsageExchange, *ear) {
	exchange, heard := openServer(t, address, namespace).NewUsageExchange(), &ear{}
	t.Cleanup(func() { require.NoError(t, exchange.Close()) })
	exchange.Hear(heard.hear)
	return exchange, heard
}

// await tells again and again until the other one hears.
func await(t testing.TB, from *UsageExchange, to *ear) {
	t.Helper()
	require.Eventually(t, func() bool {
		from.Tell([]persistence.Usage{{Quota: 1, Time: time.Nanosecond}})
		return len(to.times()) > 0
	}, awhile, tick)
}

// What one process tells the others hear, itself not, once.
func TestUsagesAreTold(t *testing.T) {
	server, namespace := testserver.StartRedis(t), newNamespace()
	one, ownEar := openExchange(t, server.URL(), namespace)
	_, otherEar := openExchange(t, server.URL(), namespace)
	await(t, one, otherEar)
	usage := persistence.Usage{Quota: 2, Caller: [16]byte{1, 2, 3}, Time: time.Second}
	var usages []persistence.Usage
	for range persistence.UsagesMax {
		usages = append(usages, usage)
	}
	one.Tell(usages)
	require.Eventually(t, func() bool { return len(otherEar.times()) >= persistence.UsagesMax }, awhile, tick)
	require.Contains(t, otherEar.heard, usage)
	require.Empty(t, ownEar.times())
	require.Zero(t, one.Statistics().Refused)
}

// What was heard before, is too old, or is not of us is refused, and tells nobody anything.
func TestUsagesCountOnce(t *testing.T) {
	server, namespace := testserver.StartRedis(t), newNamespace()
	one, oneEar := openExchange(t, server.URL(), namespace)
	two, _ := openExchange(t, server.URL(), namespace)
	await(t, two, oneEar)
	count := len(oneEar.times())
	now := one.server.clock.Now()
	m := usageMessage{publisher: 7, at: now, usages: []persistence.Usage{{Quota: 1, Time: time.Hour}}}
	good := one.server.seal.put(usagePurpose, encode(&m))
	old := m
	old.at -= 11 * 1_000_000_000
	early := m
	early.publisher, early.at = 8, now+11*1_000_000_000
	client, refused := raw(t, server.URL()), one.Statistics().Refused
	for _, payload := range [][]byte{good, good, []byte("garbage"), one.server.seal.put(usagePurpose, encode(&old)),
		one.server.seal.put(usagePurpose, encode(&early)), one.server.seal.put(messagePurpose, encode(&m))} {
		require.NoError(t, client.Publish(t.Context(), one.channel(), payload).Err())
	}
	require.Eventually(t, func() bool { return one.Statistics().Refused == refused+5 }, awhile, tick)
	hours := 0
	for _, heard := range oneEar.times() {
		if heard == time.Hour {
			hours++
		}
	}
	require.Equal(t, 1, hours)
	require.GreaterOrEqual(t, len(oneEar.times()), count+1)
}

// A server that goes away costs messages, and nothing else; when it is back, they come.
func TestUsagesOutliveTheirServer(t *testing.T) {
	server, namespace := testserver.StartRedis(t), newNamespace()
	one, _ := openExchange(t, server.URL(), namespace)
	_, otherEar := openExchange(t, server.URL(), namespace)
	await(t, one, otherEar)
	server.Kill(t)
	began := time.Now()
	for range 10 * usagesWaitingMax {
		one.Tell([]persistence.Usage{{Quota: 1, Time: time.Nanosecond}})
	}
	require.Less(t, time.Since(began), time.Second, "to tell does not wait")
	require.Eventually(t, func() bool { return one.Statistics().Failures > 0 }, awhile, tick)
	server.Start(t)
	count := len(otherEar.times())
	require.Eventually(t, func() bool {
		one.Tell([]persistence.Usage{{Quota: 1, Time: time.Nanosecond}})
		return len(otherEar.times()) > count
	}, awhile, tick)
}

func FuzzUsages(f *testing.F) {
	seal := sealer{secret: testSecret}
	f.Add(encode(&usageMessage{publisher: 1, at: 2, usages: []persistence.Usage{{Quota: 3, Caller: [16]byte{4}, Time: 5}}}))
	f.Add([]byte{0x94})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := seal.usages(seal.put(usagePurpose, data))
		if err == nil {
			require.Equal(t, data[:len(data):len(data)], encode(m))
		}
	})
}
