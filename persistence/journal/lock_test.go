package journal_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence/journal"
)

const lockVariable = "HOLDFAST_TEST_LOCK"

func TestLockDirectoryIsExclusive(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for range 2 {
		lock, err := journal.LockDirectory(data)
		require.NoError(t, err)
		_, err = journal.LockDirectory(data)
		require.ErrorIs(t, err, journal.ErrLocked)
		assert.Contains(t, err.Error(), fmt.Sprintf("pid %d", os.Getpid()))
		require.NoError(t, lock.Release())
	}
}

// What an owner before wrote is gone, however long it was.
func TestLockNamesTheOwnerAlone(t *testing.T) {
	data := t.TempDir()
	name := filepath.Join(data, "lock")
	require.NoError(t, os.WriteFile(name, []byte("123456789012345678\n"), 0o600))
	lock, err := journal.LockDirectory(data)
	require.NoError(t, err)
	defer lock.Release()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%d\n", os.Getpid()), string(text))
}

// Another process is refused while this one holds the directory, and gets it after.
func TestLockDirectoryBetweenProcesses(t *testing.T) {
	data := os.Getenv(lockVariable)
	if data != "" {
		_, err := journal.LockDirectory(data)
		fmt.Println("locked:", err)
		return
	}
	data = t.TempDir()
	other := func() string {
		command := exec.Command(os.Args[0], "-test.run=^TestLockDirectoryBetweenProcesses$")
		command.Env = append(os.Environ(), lockVariable+"="+data)
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		return string(output)
	}
	lock, err := journal.LockDirectory(data)
	require.NoError(t, err)
	assert.Contains(t, other(), fmt.Sprintf("pid %d", os.Getpid()))
	require.NoError(t, lock.Release())
	assert.Contains(t, other(), "locked: <nil>")
	// The other process has ended, and its lock with it.
	lock, err = journal.LockDirectory(data)
	require.NoError(t, err)
	require.NoError(t, lock.Release())
}
