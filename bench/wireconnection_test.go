package bench

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wireServer says the replies one after the other; an empty one ends the connection.
// accepted counts the connections.
func wireServer(t *testing.T, replies ...string) (address string, accepted func() int) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	count, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		for len(replies) > 0 {
			open, err := listener.Accept()
			if !assert.NoError(t, err) {
				return
			}
			count++
			for in := bufio.NewReader(open); len(replies) > 0; {
				if _, err := http.ReadRequest(in); err != nil {
					break
				}
				reply := replies[0]
				replies = replies[1:]
				// In two pieces, so that an answer is not whole at once.
				_, _ = open.Write([]byte(reply[:len(reply)/2]))
				_, _ = open.Write([]byte(reply[len(reply)/2:]))
				if reply == "" || strings.Contains(reply, "Connection: close") {
					break
				}
			}
			_ = open.Close()
		}
	}()
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	return listener.Addr().String(), func() int { <-ended; return count }
}

var wireRequest = []byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n")

// A connection is used until its end, and then there is a new one.
func TestAConnectionIsUsedUntilItsEnd(t *testing.T) {
	const good, last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye"
	long := "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("a", 60_000)
	address, accepted := wireServer(t, good, long, last, good, "", good+"HTTP/1.1 200", good, "SSH-2.0\r\n\r\n")
	c := &wireConnection{address: address}
	defer c.close()
	says := func(body string) {
		answer, err := c.exchange(wireRequest)
		require.NoError(t, err)
		require.Equal(t, body, string(answer.body))
	}
	says("ok")
	says(strings.Repeat("a", 60_000))
	says("bye")
	says("ok")
	_, err := c.exchange(wireRequest)
	require.Error(t, err, "the connection ended")
	require.NotErrorIs(t, err, errWire, "what became of the request is unknown")
	_, err = c.exchange(wireRequest)
	require.ErrorIs(t, err, errWire, "more than was asked for")
	says("ok")
	_, err = c.exchange(wireRequest)
	require.ErrorIs(t, err, errWire, "no answer")
	c.close()
	require.Equal(t, 4, accepted())
}

// A connection that was idle for long is not used: the server may be closing it.
func TestAnIdleConnectionIsNotUsed(t *testing.T) {
	const good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	address, accepted := wireServer(t, good, good, good)
	c := &wireConnection{address: address}
	defer c.close()
	for _, idle := range []time.Duration{0, wireIdleMax + time.Second, 0} {
		c.used = c.used.Add(-idle)
		_, err := c.exchange(wireRequest)
		require.NoError(t, err)
	}
	require.Equal(t, 2, accepted())
}
