package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"holdfast/internal/clock"
)

// person is somebody at a terminal, in front of "user create-admin".
type person struct {
	t                  *testing.T
	keyboard, terminal *os.File
	screen             *liveLog
	interrupt          context.CancelFunc
	ended              chan struct{}
	code               int
}

// sitDown begins the command with a terminal as stdin.
func sitDown(t *testing.T, data string) *person {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	h := &person{t: t, keyboard: keyboard, terminal: terminal, screen: newLiveLog(), interrupt: cancel, ended: make(chan struct{})}
	p := &program{stdin: terminal, stdout: io.Discard, stderr: h.screen, clock: clock.NewSystem()}
	go func() {
		defer close(h.ended)
		h.code = p.run(ctx, []string{"user", "create-admin", "--email", "ada@example.com", "--data-dir", data})
	}()
	t.Cleanup(func() {
		cancel()
		h.typeLine("") // for a reader that an interrupt left behind
		h.wait()
		require.NoError(t, keyboard.Close())
		require.NoError(t, terminal.Close())
	})
	return h
}

// answer waits for a question and types a line.
func (h *person) answer(question, line string) {
	h.t.Helper()
	h.screen.awaitText(h.t, question, 1, h.ended)
	h.typeLine(line)
}

func (h *person) typeLine(line string) {
	h.t.Helper()
	_, err := h.keyboard.WriteString(line + "\n")
	require.NoError(h.t, err)
}

// wait returns once the command has ended.
func (h *person) wait() {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(patience):
		require.FailNow(h.t, "the command does not end", "%s", h.screen)
	}
}

func (h *person) echoes() bool {
	h.t.Helper()
	settings, err := unix.IoctlGetTermios(int(h.terminal.Fd()), unix.TCGETS)
	require.NoError(h.t, err)
	return settings.Lflag&unix.ECHO != 0
}

// echoed is what the terminal has shown of what was typed.
func (h *person) echoed() string {
	h.t.Helper()
	require.True(h.t, h.echoes())
	const last = "the end of it"
	h.typeLine(last)
	var shown bytes.Buffer
	for !strings.Contains(shown.String(), last) {
		piece := make([]byte, 256)
		n, err := h.keyboard.Read(piece)
		require.NoError(h.t, err)
		shown.Write(piece[:n])
	}
	return shown.String()
}

// A person is asked twice, and the terminal does not show what is typed.
func TestThePasswordIsAskedForTwiceUnseen(t *testing.T) {
	data := freshDirectory(t)
	h := sitDown(t, data)
	h.screen.awaitText(t, "Password", 1, h.ended)
	assert.False(t, h.echoes())
	h.typeLine(lanternPassword)
	h.answer("The same again", lanternPassword)
	h.wait()
	assert.Equal(t, exitOK, h.code, h.screen)
	assert.NotContains(t, h.screen.String()+h.echoed(), "lantern")
	role, _ := serve(t, data).login("ada@example.com", lanternPassword)
	assert.Equal(t, "admin", role)
}

func TestTwoDifferentPasswordsAreRefused(t *testing.T) {
	data := freshDirectory(t)
	h := sitDown(t, data)
	h.answer("Password", lanternPassword)
	h.answer("The same again", lanternPassword+"!")
	h.wait()
	assert.Equal(t, exitUsage, h.code)
	assert.Contains(t, h.screen.String(), "the two passwords differ")
	assert.NotContains(t, h.screen.String()+h.echoed(), "lantern")
	o := createAdmin(t, stdinOf(lanternPassword), "--email", "ada@example.com", "--password-stdin", "--data-dir", data)
	assert.Equal(t, exitOK, o.code, "the refusal left an account: %s", o.stderr)
}

// An interrupt at the question gives the terminal back as it was.
func TestAnInterruptAtTheQuestion(t *testing.T) {
	h := sitDown(t, freshDirectory(t))
	h.screen.awaitText(t, "Password", 1, h.ended)
	require.False(t, h.echoes())
	h.interrupt()
	h.wait()
	assert.Equal(t, exitError, h.code)
	assert.Contains(t, h.screen.String(), "interrupted")
	assert.True(t, h.echoes())
}
