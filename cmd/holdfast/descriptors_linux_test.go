package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// However many connections are asked for, the journal keeps its descriptors.
func TestConnectionsLeaveDescriptorsToTheJournal(t *testing.T) {
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	connections, sockets := connectionsMax(7, 3, false)
	require.Equal(t, []int{7, 3}, []int{connections, sockets})
	connections, _ = connectionsMax(1<<30, 0, false)
	require.LessOrEqual(t, uint64(connections), limit.Cur-descriptorsReserved)
}

// Encrypted WebSockets take more descriptors each, and fit in all the same.
func TestEncryptedWebSocketsLeaveDescriptorsToTheJournal(t *testing.T) {
	for _, row := range []struct{ descriptors, asked, sockets int }{
		{1000, 1 << 30, 0}, {1000, 1 << 30, 1 << 30}, {1000, 100, 1 << 30}, {1000, 100, 50}, {65_280, 65_536, 0}, {10, 1, 0},
	} {
		connections, sockets := withinDescriptors(row.descriptors, row.asked, row.sockets, true)
		require.LessOrEqual(t, connections, row.asked)
		require.LessOrEqual(t, sockets, row.sockets)
		if sockets == 0 {
			sockets = connections * 3 / 4
		}
		require.LessOrEqual(t, connections+bridgeDescriptors*sockets, row.descriptors, "%+v", row)
		require.GreaterOrEqual(t, connections, min(row.asked, row.descriptors*2/5), "%+v", row)
	}
}
