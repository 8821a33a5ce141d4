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
	require.Equal(t, 7, connectionsMax(7))
	require.LessOrEqual(t, uint64(connectionsMax(1<<30)), limit.Cur-descriptorsReserved)
}
