package redis

import (
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/persistence/persistencetest"
)

func TestMain(m *testing.M) {
	// The driver's pool goes on dialling a dead server until a second after it was closed.
	goleak.VerifyTestMain(testserver.Main{M: m},
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

var (
	namespaceCount atomic.Int64
	testSecret     = []byte("the secret of the tests")
)

// newNamespace returns one that no other test uses, of this run or another.
func newNamespace() string {
	return "test-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.FormatInt(namespaceCount.Add(1), 10)
}

func openServer(t testing.TB, address, namespace string) *Server {
	t.Helper()
	server, err := Open(Options{URL: address, Namespace: namespace, Secret: testSecret, Clock: clock.NewSystem(),
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

func openCache(t testing.TB, address, namespace string) *Cache {
	return openServer(t, address, namespace).NewCache()
}

func openBus(t testing.TB, address, namespace string) *Bus {
	bus := openServer(t, address, namespace).NewBus()
	t.Cleanup(func() { require.NoError(t, bus.Close()) })
	return bus
}

// raw is a client that does whatever a test wants.
func raw(t testing.TB, address string) *driver.Client {
	t.Helper()
	options, err := driver.ParseURL(address)
	require.NoError(t, err)
	options.DisableIdentity = true
	client := driver.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestCacheConformance(t *testing.T) {
	persistencetest.RunCache(t, func(t *testing.T) persistencetest.CachePlace {
		return persistencetest.CachePlace{Cache: openCache(t, testserver.SharedRedis(t).URL(), newNamespace()),
			Pass: func(d time.Duration) { <-time.After(d) }}
	})
}

func TestBusConformance(t *testing.T) {
	t.Run("one process", func(t *testing.T) {
		persistencetest.RunBus(t, func(t *testing.T) persistencetest.BusPlace {
			bus := openBus(t, testserver.SharedRedis(t).URL(), newNamespace())
			return persistencetest.BusPlace{Publisher: bus, Subscriber: bus}
		})
	})
	t.Run("two processes", func(t *testing.T) {
		persistencetest.RunBus(t, func(t *testing.T) persistencetest.BusPlace {
			address, namespace := testserver.SharedRedis(t).URL(), newNamespace()
			return persistencetest.BusPlace{Publisher: openBus(t, address, namespace), Subscriber: openBus(t, address, namespace)}
		})
	})
}

// throughProxy returns the address of a server with a proxy in front of it.
func throughProxy(t *testing.T, server *testserver.Redis) (*testserver.Proxy, string) {
	target := strings.TrimSuffix(strings.TrimPrefix(server.URL(), "redis://"), "/0")
	proxy := testserver.StartProxy(t, target)
	return proxy, "redis://" + proxy.Address() + "/0"
}
