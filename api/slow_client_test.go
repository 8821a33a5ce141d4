package api

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Row 26: who sends slowly, or does not read, is cut off; nobody else notices.
func TestRow26SlowClients(t *testing.T) {
	const readTimeout, writeTimeout, idleTimeout = 400 * time.Millisecond, 500 * time.Millisecond, 300 * time.Millisecond
	s := newStand(t, func(o *Options) {
		o.ReadTimeout, o.WriteTimeout, o.IdleTimeout = readTimeout, writeTimeout, idleTimeout
		o.ConnectionsMax = 512
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := s.serveOn(listener)
	const each = 40
	clients := map[string]func(net.Conn) time.Duration{
		"says nothing": func(c net.Conn) time.Duration { return untilCut(t, c, nil) },
		"drips its headers": func(c net.Conn) time.Duration {
			return untilCut(t, c, []byte("GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: "+strings.Repeat("z", 1_000)))
		},
		"drips its body": func(c net.Conn) time.Duration {
			return untilCut(t, c, append([]byte("POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"),
				bytes.Repeat([]byte(" "), 1_000)...))
		},
	}
	type end struct {
		name string
		took time.Duration
	}
	ended := make(chan end, each*len(clients))
	for name, behave := range clients {
		for range each {
			connection, err := net.Dial("tcp", address)
			require.NoError(t, err)
			go func() { ended <- end{name, behave(connection)} }()
		}
	}
	for range each * len(clients) {
		require.Equal(t, 200, s.do(call{method: "GET", path: "/livez"}).status)
		got := <-ended
		require.Less(t, got.took, 10*readTimeout, got.name)
	}
}

// untilCut sends a text byte by byte, with pauses, and returns how long it takes until the
// other side closes the connection. A text that is sent whole fails the test.
func untilCut(t *testing.T, connection net.Conn, text []byte) time.Duration {
	defer connection.Close()
	began := time.Now()
	for {
		if len(text) > 0 {
			if _, err := connection.Write(text[:1]); err != nil {
				return time.Since(began)
			}
			if text = text[1:]; len(text) == 0 {
				t.Error("a slow client was listened to until the end")
			}
		}
		_ = connection.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := io.Copy(io.Discard, connection); !errors.Is(err, os.ErrDeadlineExceeded) {
			return time.Since(began)
		}
	}
}

// Row 26: who asks and does not read the answers is cut off.
func TestRow26AClientThatDoesNotRead(t *testing.T) {
	s := newStand(t, func(o *Options) { o.WriteTimeout = 300 * time.Millisecond })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	connection, err := net.Dial("tcp", s.serveOn(listener))
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.(*net.TCPConn).SetReadBuffer(4096))
	require.NoError(t, connection.SetWriteDeadline(time.Now().Add(30*time.Second)))
	request := []byte(strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", 100))
	for {
		if _, err := connection.Write(request); err != nil {
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it was never cut off")
			return
		}
	}
}
