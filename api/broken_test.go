package api

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A connection that was idle for longer than an answer may take is told of a request
// that cannot be read.
func TestABrokenRequestAfterAPauseIsAnswered(t *testing.T) {
	const writeTimeout = 200 * time.Millisecond
	s := newStand(t, func(o *Options) { o.WriteTimeout = writeTimeout })
	connection := s.connect()
	reader := bufio.NewReader(connection)
	ask := func(text string) int {
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
		_, err := io.WriteString(connection, text)
		require.NoError(t, err)
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		return response.StatusCode
	}
	require.Equal(t, 200, ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"))
	// Nothing comes until the deadline of that answer is over.
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(2*writeTimeout)))
	_, err := reader.Peek(1)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, 400, ask("NONSENSE\r\n\r\n"))
}
