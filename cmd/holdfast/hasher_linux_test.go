package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hashersOf are the processes that hash passwords for another.
func hashersOf(t *testing.T, pid int) (found []string) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	for _, list := range lists {
		children, _ := os.ReadFile(list) // unless the thread has ended
		for _, child := range strings.Fields(string(children)) {
			if name, _ := os.ReadFile(filepath.Join("/proc", child, "comm")); string(name) == "holdfast-hasher\n" {
				found = append(found, child)
			}
		}
	}
	return found
}

// Whoever logs in must not hold up orders, and a killed server leaves nothing behind.
func TestPasswordsAreHashedByAProcessThatEndsWithItsServer(t *testing.T) {
	server, _ := launchServer(t, t.TempDir())
	hashers := hashersOf(t, server.command.Process.Pid)
	require.Len(t, hashers, 1)
	require.NoError(t, server.command.Process.Kill())
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join("/proc", hashers[0]))
		return os.IsNotExist(err)
	}, patience, 10*time.Millisecond)
}
