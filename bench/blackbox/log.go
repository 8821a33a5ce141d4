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
	// outage says that the server had to do without its database for a while.
	outage bool
	// written has a channel for each of the words; it is closed when they were.
	written map[string]chan struct{}
}

// The words of the server's log that tell how far a start has come.
const (
	journalOpen = `"msg":"the journal is open"`
	nowReady    = `"msg":"ready"`
	// noDatabase is of a start that waits for its database.
	noDatabase = `"msg":"the database cannot be reached; the start waits until it can"`
)

func newServerLog() *serverLog {
	l := &serverLog{written: make(map[string]chan struct{})}
	for _, words := range []string{journalOpen, nowReady, noDatabase} {
		l.written[words] = make(chan struct{})
	}
	return l
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

// expectOutage notes that the server is without its database.
func (l *serverLog) expectOutage() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.outage = true
}

// storeFailed is of a request that needed the database.
const storeFailed = `"msg":"the store failed"`

// trouble returns the log from the first line on that a healthy server never writes, or
// nothing.
func (l *serverLog) trouble() string {
	text := l.String()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	begin := 0
	for line := range strings.Lines(text) {
		wrong := strings.Contains(line, "panic:") || strings.Contains(line, "fatal error:") || strings.Contains(line, "runtime/cgo:") ||
			strings.Contains(line, `"level":"ERROR"`) && !(l.outage && strings.Contains(line, storeFailed))
		if wrong {
			return text[begin:min(len(text), begin+troubleBytesMax)]
		}
		begin += len(line)
	}
	return ""
}

// troubleBytesMax keeps a violation readable.
const troubleBytesMax = 2000
