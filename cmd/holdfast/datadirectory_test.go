package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/persistence/journal"
)

// untouched fails the test when somebody reads from it.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("stdin was read")
	return 0, io.EOF
}

// dataCommands are the commands that work on a data directory, and what they need.
func dataCommands(t *testing.T) map[string][]string {
	return map[string][]string{
		"serve":              serveArguments("")[3:],
		"user create-admin":  {"user", "create-admin", "--email", "ada@example.com", "--password-stdin"},
		"user remove-factor": {"user", "remove-factor", "--email", "ada@example.com"},
		"user set-role":      {"user", "set-role", "--email", "ada@example.com", "--role", "admin"},
		"user seed":          {"user", "seed", "--count", "2", "--tokens", filepath.Join(t.TempDir(), "tokens"), "--valid-for", "1h"},
		"apikey create":      {"apikey", "create", "--name", "a", "--role", "admin"},
		"migrate up":         {"migrate", "up"},
		"journal verify":     {"journal", "verify"},
		"journal dump":       {"journal", "dump"},
	}
}

// While a process works on a data directory, every other command on it refuses,
// names that process, and has done nothing: nobody types a password in vain.
func TestALockedDataDirectoryIsRefused(t *testing.T) {
	data := freshDirectory(t)
	serve(t, data).stop(t) // there is a journal
	lock, err := journal.LockDirectory(data)
	require.NoError(t, err)
	defer lock.Release()
	for name, arguments := range dataCommands(t) {
		t.Run(name, func(t *testing.T) {
			o := runWith(t.Context(), untouched{t}, append(arguments, "--data-dir", data)...)
			assert.Equal(t, exitError, o.code)
			assert.Contains(t, o.stderr, fmt.Sprintf("pid %d", os.Getpid()))
			assert.Contains(t, o.stderr, data)
			assert.Contains(t, o.stderr, "stop that one first")
			assert.NotContains(t, o.stderr, "Password")
			assert.Empty(t, o.stdout)
		})
	}
	for _, arguments := range dataCommands(t) {
		if arguments[0] == "user" && arguments[1] == "seed" {
			assert.NoFileExists(t, arguments[5])
		}
	}
}

// The same with real processes: the pid is that of the other one.
func TestTwoServersDoNotShareADataDirectory(t *testing.T) {
	data := freshDirectory(t)
	first, site := launchServer(t, data)
	second := launch(t, serveArguments(data)...)
	assert.Equal(t, exitError, second.wait(t).ExitCode())
	assert.Contains(t, second.log.String(), "pid "+strconv.Itoa(first.command.Process.Pid))
	assert.Equal(t, 200, site.get("/readyz").status, "the first one goes on")
	// The lock ends with its process, however that ends.
	require.NoError(t, first.command.Process.Kill())
	first.wait(t)
	serve(t, data)
}

// Every command works before the first server does, and leaves only what is private.
func TestEveryCommandWorksOnAFreshDataDirectory(t *testing.T) {
	for name, arguments := range dataCommands(t) {
		t.Run(name, func(t *testing.T) {
			data := freshDirectory(t)
			expectFreshRun(t, name, append(arguments, "--data-dir", data), data)
		})
	}
}

func expectFreshRun(t *testing.T, name string, arguments []string, data string) {
	t.Helper()
	switch name {
	case "serve":
		serve(t, data).stop(t)
	case "user create-admin":
		o := runWith(t.Context(), stdinOf(lanternPassword), arguments...)
		require.Equal(t, exitOK, o.code, o.stderr)
	case "user set-role", "user remove-factor": // nobody is there yet
		o := run(t, arguments...)
		require.Equal(t, exitError, o.code)
		require.Contains(t, o.stderr, "there is no account with the address ada@example.com")
	case "journal verify", "journal dump": // a look makes no data directory, but looks into one without a journal
		o := run(t, arguments...)
		require.Equal(t, exitError, o.code)
		require.Contains(t, o.stderr, data)
		require.NoDirExists(t, data)
		succeed(t, "apikey", "create", "--name", "a", "--role", "admin", "--data-dir", data)
		printed := succeed(t, arguments...)
		require.Equal(t, name == "journal dump", printed == "", printed)
		require.NoDirExists(t, filepath.Join(data, "journal"))
	default:
		succeed(t, arguments...)
	}
	expectPrivate(t, data)
	serve(t, data)
}

// expectPrivate expects that nobody else can read the folder or anything in it.
func expectPrivate(t *testing.T, data string) {
	t.Helper()
	require.NoError(t, filepath.Walk(data, func(path string, information os.FileInfo, err error) error {
		require.NoError(t, err)
		assert.Zero(t, information.Mode().Perm()&0o077, "%s has mode %04o", path, information.Mode().Perm())
		return nil
	}))
	assert.Equal(t, os.FileMode(0o700), modeOf(t, data))
}

func TestADataDirectoryThatOthersMayChangeIsWarnedOf(t *testing.T) {
	for mode, warned := range map[os.FileMode]bool{0o700: false, 0o755: false, 0o770: true, 0o702: true, 0o777: true} {
		data := t.TempDir()
		require.NoError(t, os.Chmod(data, mode))
		s := serve(t, data)
		if warned {
			assert.Contains(t, s.log.String(), "chmod go-w")
			assert.Contains(t, s.log.String(), fmt.Sprintf("%04o", mode))
		} else {
			assert.NotContains(t, s.log.String(), "chmod", "%04o", mode)
		}
		s.stop(t)
		assert.Equal(t, mode, modeOf(t, data), "the mode is the owner's choice")
	}
}

func TestADataDirectoryThatIsAFileIsRefused(t *testing.T) {
	path := writeFile(t, "", 0o600)
	o := run(t, serveArguments(path)...)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, path+" is not a directory")
}

// An interrupt before the work leaves an error behind, and no lock.
func TestAnInterruptedCommandFails(t *testing.T) {
	data := freshDirectory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := runWith(ctx, untouched{t}, "apikey", "create", "--name", "a", "--role", "admin", "--data-dir", data)
	assert.Equal(t, exitError, o.code)
	assert.Empty(t, o.stdout)
	succeed(t, "apikey", "create", "--name", "a", "--role", "admin", "--data-dir", data)
}
