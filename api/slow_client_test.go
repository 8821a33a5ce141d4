package api

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Row 26: who sends slowly, or nothing any more, is cut off; others are answered meanwhile.
func TestRow26SlowClients(t *testing.T) {
	s := newStand(t, func(o *Options) {
		o.ReadTimeout, o.WriteTimeout, o.IdleTimeout = 400*time.Millisecond, 500*time.Millisecond, 300*time.Millisecond
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := s.serveOn(listener)
	const each, drips = 20, 3_000 // that many bytes take half a minute
	const patience = 15 * time.Second
	clients := map[string]struct{ atOnce, dripping string }{
		"says nothing":               {},
		"drips its headers":          {"", "GET /livez HTTP/1.1\r\nHost: a\r\nX-Slow: " + strings.Repeat("z", drips)},
		"drips its body":             {"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 3000\r\n\r\n", strings.Repeat(" ", drips-1)},
		"asks once, and stays":       {"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		"asks once, and drips later": {"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", strings.Repeat("G", drips)},
	}
	type end struct {
		name string
		took time.Duration
	}
	ended := make(chan end, each*len(clients))
	for name, client := range clients {
		for range each {
			connection, err := net.Dial("tcp", address)
			require.NoError(t, err)
			go func() { ended <- end{name, untilCut(connection, client.atOnce, client.dripping)} }()
		}
	}
	others := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for range each * len(clients) {
		response, err := others.Get("http://" + address + "/livez")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
	}
	for range each * len(clients) {
		got := <-ended
		require.Less(t, got.took, patience, got.name)
	}
}

// untilCut sends a text at once and another one byte by byte, with pauses, and returns how
// long it takes until the other side closes the connection.
func untilCut(connection net.Conn, atOnce, dripping string) time.Duration {
	defer connection.Close()
	began := time.Now()
	if _, err := io.WriteString(connection, atOnce); err != nil {
		return time.Since(began)
	}
	for {
		if dripping != "" {
			if _, err := io.WriteString(connection, dripping[:1]); err != nil {
				return time.Since(began)
			}
			dripping = dripping[1:]
		}
		_ = connection.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := io.Copy(io.Discard, connection); !errors.Is(err, os.ErrDeadlineExceeded) {
			return time.Since(began)
		}
		if time.Since(began) > time.Minute {
			return time.Since(began)
		}
	}
}

// Row 26: who asks and does not read the answers is cut off, after the time for an answer.
func TestRow26AClientThatDoesNotRead(t *testing.T) {
	const writeTimeout = 400 * time.Millisecond
	s := newStand(t, func(o *Options) { o.WriteTimeout = writeTimeout })
	connection := s.connect()
	require.NoError(t, connection.(*net.TCPConn).SetReadBuffer(4096))
	require.NoError(t, connection.SetDeadline(time.Now().Add(30*time.Second)))
	const request = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
	_, err := io.WriteString(connection, request)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)

	began := time.Now()
	for err == nil {
		_, err = io.WriteString(connection, strings.Repeat(request, 100))
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it was never cut off")
	require.GreaterOrEqual(t, time.Since(began), writeTimeout-2*deadlineTolerance)
}
