package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readyMax is how long a start on an empty data directory may take; it takes a small
// part of it.
const readyMax = 5 * time.Second

func TestAServerIsSoonReady(t *testing.T) {
	_, err := builtBinary() // is not part of the start
	require.NoError(t, err)
	started := time.Now()
	_, site := launchServer(t, freshDirectory(t))
	answer := site.get("/readyz")
	took := time.Since(started)
	require.Equal(t, 200, answer.status, answer.text)
	t.Logf("ready after %s", took)
	assert.Less(t, took, readyMax)
}

// halfSent is a request whose head has arrived and whose body has not.
type halfSent struct {
	t          *testing.T
	connection net.Conn
	answer     *bufio.Reader
	body       string
}

// sendHalf sends the head and returns once the server asks for the body: from then
// on the request is in flight.
func sendHalf(t *testing.T, s site, path, body string) *halfSent {
	t.Helper()
	address := strings.TrimPrefix(s.url, "http://")
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { connection.Close() })
	require.NoError(t, connection.SetDeadline(time.Now().Add(patience)))
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"+
		"Expect: 100-continue\r\n\r\n", path, address, len(body))
	h := &halfSent{t: t, connection: connection, answer: bufio.NewReader(connection), body: body}
	line, err := h.answer.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = h.answer.ReadString('\n')
	require.NoError(t, err)
	return h
}

// finish sends the body and returns the status of the answer.
func (h *halfSent) finish() int {
	h.t.Helper()
	_, err := io.WriteString(h.connection, h.body)
	require.NoError(h.t, err)
	answer, err := http.ReadResponse(h.answer, nil)
	require.NoError(h.t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(h.t, err)
	return answer.StatusCode
}

const adaRegisters = `{"email":"ada@example.com","password":"` + lanternPassword + `","name":"Ada"}`

// A signal stops the server in order: what is in flight is answered and kept, new
// connections are refused, and the exit code is 0.
func TestASignalDrains(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			data := freshDirectory(t)
			p, site := launchServer(t, data)
			request := sendHalf(t, site, "/api/register", adaRegisters)
			p.signal(t, signal)
			p.log.await(t, "stopping", p.ended)
			require.Eventually(t, func() bool { return isRefused(site) }, patience, time.Millisecond,
				"new connections are still accepted")
			assert.Equal(t, 201, request.finish())
			assert.Equal(t, exitOK, p.wait(t).ExitCode(), p.log)
			assert.NotNil(t, p.log.entry("stopped"), p.log)
			assert.True(t, reported(t, data).ClosedInOrder)
			serve(t, data).login("ada@example.com", lanternPassword)
		})
	}
}

// isRefused reports whether nobody listens.
func isRefused(s site) bool {
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err == nil {
		connection.Close()
	}
	return err != nil
}

// While balancers look elsewhere /readyz says no and requests are served. Nobody
// has to wait for that: a second signal ends the process at once.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	data := freshDirectory(t)
	p, site := launchServer(t, data, "--shutdown-delay", "1h", "--demo")
	p.signal(t, syscall.SIGTERM)
	p.log.await(t, "stopping", p.ended)
	require.Eventually(t, func() bool { return site.get("/readyz").status == 503 }, patience, time.Millisecond)
	token := site.register("ada@example.com", lanternPassword)
	require.Equal(t, 201, site.order(token).status)
	o := run(t, "healthcheck", "--url", site.url+"/readyz?verbose")
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "stopping")
	p.signal(t, syscall.SIGTERM)
	status := p.wait(t).Sys().(syscall.WaitStatus)
	assert.True(t, status.Signaled() && status.Signal() == syscall.SIGTERM, "%s\n%s", p.command.ProcessState, p.log)
	s := serve(t, data)
	assert.Equal(t, 200, s.do(call{method: "GET", path: "/api/orders/by-key/a-key-for-one-order", token: token}).status,
		"what was acknowledged is there")
}

// A request that does not end holds a stop up only for so long, and that is told.
func TestAStopThatTakesTooLongFails(t *testing.T) {
	data := freshDirectory(t)
	s := begin(t, data, "--shutdown-timeout", "50ms")
	s.site = site{t: t, url: s.log.await(t, "ready", s.ended)["url"].(string)}
	sendHalf(t, s.site, "/api/register", adaRegisters)
	s.cancel()
	assert.Equal(t, exitError, s.wait(t))
	assert.Contains(t, s.log.String(), "stop the server: ")
	serve(t, data)
}

// A signal during the start is obeyed too, and is no failure.
func TestASignalDuringTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := runWith(ctx, untouched{t}, serveArguments(freshDirectory(t))...)
	assert.Equal(t, exitOK, o.code, o.stderr)
	assert.Contains(t, o.stderr, "stopped while starting")
	assert.NotContains(t, o.stderr, "ready")
}
