package blackbox

import (
	"bytes"
	"strings"
	"sync"
)

// serverLog takes what a server writes, and tells when it writes certain words.
type serverLog struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
	// written has a channel for each of the words; it is closed when they were.
	written map[string]chan struct{}
}

// The words of the server's log that tell how far a start has come.
const (
	journalOpen = `"msg":"the journal is open"`
	nowReady    = `"msg":"ready"`
)

func newServerLog() *serverLog {
	return &serverLog{written: map[string]chan struct{}{journalOpen: make(chan struct{}), nowReady: make(chan struct{})}}
}

// Write implements [io.Writer]. A logger writes whole lines, so no word is cut.
func (l *serverLog) Write(data []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for word, written := range l.written {
		if bytes.Contains(data, []byte(word)) && !isClosed(written) {
			close(written)
		}
	}
	return l.buffer.Write(data)
}

// has reports whether the words were written.
func (l *serverLog) has(words string) bool { return isClosed(l.written[words]) }

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

func (l *serverLog) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.buffer.String()
}

// trouble returns the first words of the log that a healthy server never writes,
// or nothing.
func (l *serverLog) trouble() string {
	text := l.String()
	for _, word := range []string{`"level":"ERROR"`, "panic:", "fatal error:"} {
		if at := strings.Index(text, word); at >= 0 {
			begin := strings.LastIndexByte(text[:at], '\n') + 1
			return text[begin:min(len(text), begin+troubleBytesMax)]
		}
	}
	return ""
}

// troubleBytesMax keeps a violation readable.
const troubleBytesMax = 2000
