package bench

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const wireExample = "HTTP/1.1 201 Created\r\nDate: Tue, 24 Nov 2026 09:20:17 GMT\r\nContent-Type: application/json\r\n" +
	"Content-Length: 7\r\nIdempotent-Replayed: true\r\n\r\n{\"a\":1}"

func TestAnAnswerIsParsed(t *testing.T) {
	answer, size, err := parseAnswer([]byte(wireExample + "HTTP/1.1 2"))
	require.NoError(t, err)
	require.Equal(t, len(wireExample), size, "what follows is another answer")
	require.Equal(t, wireAnswer{status: 201, body: []byte(`{"a":1}`), replayed: true}, answer)

	answer, _, err = parseAnswer([]byte("HTTP/1.1 409\r\ncontent-length:\t0 \r\nCONNECTION: Close\r\n\r\n"))
	require.NoError(t, err)
	require.Equal(t, wireAnswer{status: 409, body: []byte{}, closes: true}, answer)
	for n := range len(wireExample) {
		_, size, err := parseAnswer([]byte(wireExample[:n]))
		require.NoError(t, err, "%d bytes of it", n)
		require.Zero(t, size, "%d bytes of it", n)
	}
}

// Whoever guesses where an answer ends takes a part of one for another.
func TestWhatIsNoAnswerIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"older":               "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"interim":             "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
		"no body by status":   "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
		"status of a word":    "HTTP/1.1 2x1 Created\r\nContent-Length: 0\r\n\r\n",
		"status of four":      "HTTP/1.1 2010 Created\r\nContent-Length: 0\r\n\r\n",
		"status too high":     "HTTP/1.1 600 Created\r\nContent-Length: 0\r\n\r\n",
		"not HTTP":            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
		"no length":           "HTTP/1.1 200 OK\r\nDate: today\r\n\r\n",
		"no head":             "HTTP/1.1 200 OK\r\n\r\n",
		"two lengths":         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
		"negative":            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"signed":              "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
		"empty length":        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
		"list of lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
		"too long":            "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
		"far too long":        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n",
		"chunks":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na",
		"folded line":         "HTTP/1.1 200 OK\r\nDate: a\r\n b\r\nContent-Length: 0\r\n\r\n",
		"space before colon":  "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
		"line feed alone":     "HTTP/1.1 200 OK\r\nDate: a\nContent-Length: 0\r\n\r\n",
		"head without an end": "HTTP/1.1 200 OK\r\nDate: " + strings.Repeat("a", wireHeadBytesMax),
		"head that is long":   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: " + strings.Repeat("a", wireHeadBytesMax) + "\r\n\r\n",
	} {
		_, size, err := parseAnswer([]byte(text))
		assert.ErrorIs(t, err, errWire, name)
		assert.Zero(t, size, name)
	}
}

// What is taken for an answer is the same one to net/http, and no part of it is taken
// for a whole one.
func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(wireExample))
	f.Add([]byte("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, size, err := parseAnswer(data)
		if err != nil || size == 0 {
			require.Zero(t, size)
			return
		}
		for n := range size {
			_, part, err := parseAnswer(data[:n])
			require.NoError(t, err)
			require.Zero(t, part)
		}
		response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data[:size])), nil)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, response.StatusCode, answer.status)
		require.Equal(t, string(body), string(answer.body))
	})
}
