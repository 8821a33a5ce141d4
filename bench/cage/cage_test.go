package cage

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// eater says that it runs, reads a line, then takes memory until it is stopped.
const eater = `echo; read -r line; while :; do held="$held$line$line$line$line"; line="$held"; done`

// startEater starts a process, and returns when it waits for a line: a process that was
// started may have no memory yet, since the kernel loads its program only then.
func startEater(t *testing.T, name string, arguments ...string) (eat func() *os.ProcessState, pid int) {
	command := exec.Command(name, arguments...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	_, err = io.ReadFull(output, make([]byte, 1))
	require.NoError(t, err)
	return func() *os.ProcessState {
		_, err := input.Write([]byte("a line of thirty-two characters.\n"))
		require.NoError(t, err)
		_ = command.Wait() // its ProcessState says how it ended
		return command.ProcessState
	}, command.Process.Pid
}

// In a cage the kernel kills whoever wants more than there is, and counts it. Where no
// cage can be made, [New] says so.
func TestACageKills(t *testing.T) {
	c, err := New(16 << 20)
	if err != nil {
		require.ErrorIs(t, err, ErrNotPermitted)
		t.Log(err)
		return
	}
	var closed bool
	t.Cleanup(func() {
		if !closed {
			_ = c.Close()
		}
	})
	name, arguments := c.Command("bash", "-c", eater)
	eat, _ := startEater(t, name, arguments...)
	state := eat()
	status := state.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled() && status.Signal() == syscall.SIGKILL, "%s", state)
	kills, err := c.Kills()
	require.NoError(t, err)
	require.EqualValues(t, 1, kills)
	require.NoError(t, c.Close())
	closed = true
	require.ErrorIs(t, c.Limit(1<<20), os.ErrNotExist)
}

// A process whose data is limited gets no more than that.
func TestDataIsLimited(t *testing.T) {
	eat, pid := startEater(t, "bash", "-c", eater)
	memory, err := MemoryOf(pid)
	require.NoError(t, err)
	require.NoError(t, LimitData(pid, memory.Data+(16<<20)))
	require.False(t, eat().Success())
	_, err = MemoryOf(pid)
	require.Error(t, err, "it has ended")
	require.Error(t, LimitData(pid, 1))
}

func TestAGroupThatIsNoneIsRefused(t *testing.T) {
	v := versions[0]
	_, err := v.makeIn(t.TempDir(), 1<<20)
	require.ErrorIs(t, err, os.ErrNotExist)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(folder+"/cgroup.procs", nil, 0o600))
	_, err = v.makeIn(folder, 1<<20)
	require.True(t, errors.Is(err, os.ErrNotExist), "%v", err)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing stays behind")
}
