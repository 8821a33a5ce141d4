package redis

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/testserver"
	"holdfast/inventory"
	"holdfast/persistence/hints"
	"holdfast/persistence/persistencetest"
)

// That nobody is told is said once, also when a batch was the first that did not get
// through, and that they are told again is said after it only. An end is no failure.
func TestWhoIsNotToldIsLogged(t *testing.T) {
	var logged bytes.Buffer
	redis := testserver.StartRedis(t)
	server, err := Open(Options{URL: redis.URL(), Clock: clock.NewManual(inventory.Second), Log: slog.New(slog.NewTextHandler(&logged, nil))})
	require.NoError(t, err)
	defer server.Close()
	bus := &Bus{server: server, hub: hints.NewHub(), self: 1, unsent: make(chan struct{}, 1)}
	p := publisher{bus: bus}
	counts := func() [2]int {
		return [2]int{strings.Count(logged.String(), "not told"), strings.Count(logged.String(), "told to other processes again")}
	}
	redis.Kill(t)
	bus.Publish(persistencetest.BusState(1, 1, 1))
	p.flush(t.Context())
	for range 3 {
		p.beacon(t.Context())
		require.Equal(t, [2]int{1, 0}, counts())
		require.True(t, bus.Statistics().Away)
	}
	redis.Start(t)
	require.Eventually(t, func() bool {
		p.beacon(t.Context())
		return counts() == [2]int{1, 1}
	}, awhile, tick)
	p.beacon(t.Context())
	require.Equal(t, [2]int{1, 1}, counts())
	require.False(t, bus.Statistics().Away)

	ended, end := context.WithCancel(t.Context())
	end()
	p.beacon(ended)
	require.Equal(t, [2]int{1, 1}, counts())
}
