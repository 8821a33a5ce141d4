package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// liveLog keeps what is written to it, and wakes those that wait for a line.
type liveLog struct {
	lock  sync.Mutex
	data  bytes.Buffer
	grown chan struct{}
}

func newLiveLog() *liveLog { return &liveLog{grown: make(chan struct{})} }

func (l *liveLog) Write(p []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	close(l.grown)
	l.grown = make(chan struct{})
	return l.data.Write(p)
}

func (l *liveLog) snapshot() (text string, grown <-chan struct{}) {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.data.String(), l.grown
}

func (l *liveLog) String() string {
	text, _ := l.snapshot()
	return text
}

// entry returns the first entry in the JSON log with the message, nil without one.
func (l *liveLog) entry(message string) map[string]any {
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			return entry
		}
	}
	return nil
}

// await returns the first entry with the message once there is one, unless the
// writer of the log ends before.
func (l *liveLog) await(t *testing.T, message string, ended <-chan struct{}) (entry map[string]any) {
	t.Helper()
	l.awaitThat(t, message, ended, func(string) bool {
		entry = l.entry(message)
		return entry != nil
	})
	return entry
}

// awaitText returns once the text was written count times.
func (l *liveLog) awaitText(t *testing.T, text string, count int, ended <-chan struct{}) {
	t.Helper()
	l.awaitThat(t, text, ended, func(all string) bool { return strings.Count(all, text) >= count })
}

func (l *liveLog) awaitThat(t *testing.T, what string, ended <-chan struct{}, holds func(string) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		text, grown := l.snapshot()
		if holds(text) {
			return
		}
		select {
		case <-grown:
		case <-ended:
			text, _ = l.snapshot() // its last words
			if holds(text) {
				return
			}
			require.FailNow(t, "it ended", "before it wrote %q:\n%s", what, text)
		case <-deadline:
			require.FailNow(t, "it is late", "no %q in:\n%s", what, text)
		}
	}
}
