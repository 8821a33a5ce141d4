package redis

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/persistence/persistencetest"
)

func TestAddressesThatAreNone(t *testing.T) {
	for _, address := range []string{"", "nonsense", "http://user:pa55word@host", "redis://user:pa55word@ho st:1/0",
		"redis://user:pa55word@host:port/0", "redis://user:pa55word@host:1/x", "redis://user:pa55word@host:1/0?unknown=1"} {
		_, err := Open(Options{URL: address, Clock: clock.NewSystem(), Log: slog.New(slog.DiscardHandler)})
		require.ErrorIs(t, err, ErrAddress, address)
		require.ErrorIs(t, CheckAddress(address), ErrAddress, address)
		require.NotContains(t, err.Error(), "pa55word")
	}
	for _, namespace := range []string{"a:b", "A", "*", "a b"} {
		_, err := Open(Options{URL: "redis://127.0.0.1:1", Namespace: namespace})
		require.ErrorIs(t, err, ErrNamespace, namespace)
		require.ErrorIs(t, CheckNamespace(namespace), ErrNamespace, namespace)
	}
	require.NoError(t, CheckNamespace(namespaceDefault))
	require.NoError(t, CheckAddress("redis://127.0.0.1:1"))
}

func TestAddressesMayUseTLS(t *testing.T) {
	server, err := Open(Options{URL: "rediss://user:pa55word@127.0.0.1:1/3", Clock: clock.NewSystem(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer server.Close()
	options := server.client.Options()
	require.NotNil(t, options.TLSConfig)
	require.False(t, options.TLSConfig.InsecureSkipVerify)
	require.Equal(t, 3, options.DB)
	require.Equal(t, "user", options.Username)
	require.True(t, options.DisableIdentity)
}

// What an address says of time-outs and retries does not count.
func TestAnAddressDecidesNoBounds(t *testing.T) {
	server, err := Open(Options{URL: "redis://127.0.0.1:1/0?read_timeout=1h&max_retries=9&pool_size=9999&dial_timeout=1h",
		Clock: clock.NewSystem(), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer server.Close()
	options := server.client.Options()
	require.LessOrEqual(t, options.ReadTimeout, callTimeMax)
	require.LessOrEqual(t, options.DialTimeout, callTimeMax)
	require.Zero(t, options.MaxRetries)
	require.LessOrEqual(t, options.PoolSize, connectionsMax)
}

// TestAccessList has an account with nothing but the commands, keys and channels that the
// package says it needs, and looks for its password in what is logged and counted.
func TestAccessList(t *testing.T) {
	const password = "pa55word"
	server := testserver.StartRedis(t, "--user", "default", "off", "--user", "shop", "on", ">"+password,
		"~holdfast:*", "&holdfast:*", "+getrange", "+set", "+exists", "+publish", "+subscribe", "+hello", "+select",
		"--user", "judge", "on", ">"+password, "+@all")
	address := "redis://shop:" + password + "@" + server.URL()[len("redis://"):]
	namespace := newNamespace()
	cache := openCache(t, address, namespace)
	awaitKept(t, cache, "key", "value")
	cache.Invalidate(t.Context(), "key")
	awaitKept(t, cache, "key", "new value")
	require.Eventually(t, func() bool { return cache.server.Ping(t.Context()) == nil }, awhile, tick)
	require.Error(t, raw(t, address).FlushAll(t.Context()).Err())

	exchange, _ := openExchange(t, address, namespace)
	_, heard := openExchange(t, address, namespace)
	await(t, exchange, heard)
	one, two := openBus(t, address, namespace), openBus(t, address, namespace)
	state := persistencetest.BusState(1, 1, 1)
	one.Publish(state)
	view := persistencetest.WatchBus(t, two)
	require.Eventually(t, func() bool {
		fresh, _ := view.Fresh()
		return view.Events(1) > 0 && fresh == 2
	}, 20*time.Second, 5*time.Millisecond)

	// A starved machine lets calls fail; the server knows which it has refused.
	judge := raw(t, strings.Replace(address, "//shop:", "//judge:", 1))
	denied, err := judge.ACLLog(t.Context(), 100).Result()
	require.NoError(t, err)
	require.Len(t, denied, 1)
	require.Equal(t, "flushall", denied[0].Object)

	for name, wrong := range map[string]string{
		"another password": "redis://shop:" + password + "2@" + server.URL()[len("redis://"):],
		"nobody there":     "redis://shop:" + password + "@127.0.0.1:1/0",
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			refused, err := Open(Options{URL: wrong, Clock: clock.NewSystem(), Log: slog.New(slog.NewTextHandler(&logged, nil))})
			require.NoError(t, err)
			defer refused.Close()
			err = refused.Ping(t.Context())
			require.Error(t, err)
			require.NotContains(t, err.Error(), password)
			bus := refused.NewBus()
			require.Eventually(t, func() bool { return bus.Statistics().Failures > 2 }, 20*time.Second, 5*time.Millisecond)
			require.NoError(t, bus.Close())
			require.NotContains(t, bus.failure.Load(), password)
			require.NotContains(t, logged.String(), password)
		})
	}
}
