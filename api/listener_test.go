package api

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

const plainGet = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// faultyListener fails with what is in faults before it accepts.
type faultyListener struct {
	net.Listener
	faults chan error
}

func (l *faultyListener) Accept() (net.Conn, error) {
	select {
	case err := <-l.faults:
		return nil, err
	default:
		return l.Listener.Accept()
	}
}

func acceptError(number syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", number)}
}

func TestShortageDoesNotEndTheServer(t *testing.T) {
	s := newStand(t)
	for name, serve := range map[string]func(net.Listener) error{"front": s.server.Serve, "admin": s.server.ServeAdmin} {
		memory := newMemoryListener()
		faulty := &faultyListener{memory, make(chan error, 8)}
		shortages := []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED}
		for _, number := range shortages {
			faulty.faults <- acceptError(number)
		}
		ended := make(chan error, 1)
		before := strings.Count(s.log.String(), "cannot be accepted")
		go func() { ended <- serve(faulty) }()
		for range shortages {
			<-s.clock.armed
			s.clock.advance(acceptPauseMax)
		}
		client := clientOf(memory)
		get := func() {
			response, err := client.Get("http://holdfast/metrics")
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
		get()
		require.Equal(t, before+1, strings.Count(s.log.String(), "cannot be accepted"), "one line of a burst")
		client.CloseIdleConnections()

		s.clock.advance(acceptQuiet)
		faulty.faults <- acceptError(syscall.EMFILE)
		get()
		<-s.clock.armed
		require.Equal(t, before+2, strings.Count(s.log.String(), "cannot be accepted"), "and one of the next")
		faulty.faults <- errors.New("gone for good")
		s.clock.advance(acceptPauseMin)
		require.ErrorContains(t, <-ended, "gone for good", name)
		client.CloseIdleConnections()
	}
}

// countOf is how many places are taken.
func countOf(places *tally) int {
	places.lock.Lock()
	defer places.lock.Unlock()
	return places.all
}

// isProblem checks an answer of raw.
func (s *stand) isProblem(response *http.Response, status int, code string) {
	s.t.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, status, response.StatusCode, "%s", body)
	got := result{status: status, header: response.Header, body: body}
	require.NoError(s.t, json.Unmarshal(body, &got.json), "%s", body)
	require.Equal(s.t, code, got.text("code"))
	s.conforms(call{path: "/none"}, got)
	schema := s.document.Components.Schemas["ProblemReply"].Value
	require.NoError(s.t, schema.VisitJSON(got.json, openapi3.EnableJSONSchema2020()))
	require.True(s.t, response.Close)
	require.NotEmpty(s.t, response.Header.Get("Date"))
}

// idle opens a connection and leaves it alone.
func (s *stand) idle(address string) net.Conn {
	s.t.Helper()
	connection, err := s.listener.DialWithLocalAddr(peer(address))
	require.NoError(s.t, err)
	return connection
}

func TestConnectionsBeyondTheBoundGetAProblem(t *testing.T) {
	s := newStand(t, func(o *Options) { o.ConnectionsMax = 2 })
	first, second := s.idle("192.0.2.1"), s.idle("192.0.2.2")
	defer second.Close()
	response := s.raw(plainGet)
	require.Equal(t, "1", response.Header.Get("Retry-After"))
	s.isProblem(response, 503, "overloaded")
	require.EqualValues(t, 1, s.answers("refused_connection"))

	require.NoError(t, first.Close())
	for s.raw(plainGet).StatusCode != 200 { // until its place was given back
	}
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	s := newStand(t, func(o *Options) { o.ConnectionsPerAddressMax = 1 })
	defer s.idle("192.0.2.7").Close()
	defer s.idle("2001:db8::1").Close()
	for address, served := range map[string]bool{"192.0.2.7": false, "::ffff:192.0.2.7": false, "192.0.2.8": true,
		"2001:db8::2:1": false, "2001:db8:0:1::1": true} {
		response := s.rawFrom(address, plainGet)
		if served {
			require.Equal(t, 200, response.StatusCode, address)
			continue
		}
		require.NotEmpty(t, response.Header.Get("Retry-After"))
		s.isProblem(response, 429, "rate_limited")
	}
	require.LessOrEqual(t, countOf(s.server.connections), 4, "whoever was refused has no place")
}

// A refusal waits for the request, but not for ever and not for everybody.
func TestRefusalsWaitForTheRequest(t *testing.T) {
	s := newStand(t, func(o *Options) { o.ConnectionsMax = 1 })
	defer s.idle("192.0.2.1").Close()
	silent := make([]net.Conn, refusalsMax)
	for i := range silent {
		silent[i] = s.idle("192.0.2.2")
		<-s.clock.armed
	}
	defer func() {
		for _, connection := range silent {
			require.NoError(t, connection.Close())
		}
	}()
	hasty := s.idle("192.0.2.3")
	defer hasty.Close()
	response, err := http.ReadResponse(bufio.NewReader(hasty), nil)
	require.NoError(t, err)
	require.Equal(t, 503, response.StatusCode, "one more than may wait is answered at once")

	require.NoError(t, silent[0].SetReadDeadline(longAgo))
	_, err = silent[0].Read(make([]byte, 1))
	require.Error(t, err, "nothing is said before there is a request")
	require.NoError(t, silent[0].SetReadDeadline(time.Time{}))
	s.clock.advance(lingerMax)
	for _, connection := range silent {
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err)
		require.Equal(t, 503, response.StatusCode)
	}
}

// Whoever is answered early may finish what they send, and finds the answer. If the
// connection were just closed, a reset would meet them.
func TestEarlyAnswersLetThePeerFinish(t *testing.T) {
	s := newStand(t, func(o *Options) { o.ConnectionsMax = 2 })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.server.Serve(listener) }() // ends with the server
	send := func() *http.Response {
		connection, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		defer connection.Close()
		const pieces, piece = 60, 4 << 10
		_, err = io.WriteString(connection, announce("POST /api/login", "", pieces*piece))
		require.NoError(t, err)
		reader := bufio.NewReader(connection)
		_, err = reader.Peek(1)
		require.NoError(t, err)
		for range pieces {
			_, err = io.WriteString(connection, strings.Repeat("x", piece))
			require.NoError(t, err)
		}
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body = io.NopCloser(strings.NewReader(string(content)))
		return response
	}
	for range 5 {
		s.isProblem(send(), 413, "payload_too_large")
		for countOf(s.server.connections) > 0 { // the next must not find it
		}
	}
	defer s.idle("192.0.2.1").Close()
	defer s.idle("192.0.2.2").Close()
	for range 5 {
		s.isProblem(send(), 503, "overloaded")
	}
}

func TestTallyForgetsWhoLeft(t *testing.T) {
	places := newTally(3, 2)
	one, other := addressOf(peer("192.0.2.1")), addressOf(peer("192.0.2.2"))
	for i, want := range []room{roomLeft, roomLeft, roomFullForOne} {
		require.Equal(t, want, places.enter(one), i)
	}
	require.Equal(t, roomLeft, places.enter(other))
	require.Equal(t, roomFull, places.enter(other))
	for range 2 {
		places.leave(one)
	}
	places.leave(other)
	require.Zero(t, countOf(places))
	require.Empty(t, places.each)
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::"} {
		require.Equal(t, want, addressOf(peer(text)).String())
	}
	require.False(t, addressOf(&net.UnixAddr{Name: "socket"}).IsValid())
	for text, want := range map[string]bool{"8.8.8.8": true, "2a00::1": true, "127.0.0.1": false, "10.1.2.3": false,
		"192.168.0.1": false, "169.254.1.1": false, "::1": false, "fd00::1": false, "fe80::1": false} {
		require.Equal(t, want, isForeign(addressOf(peer(text))), text)
	}
}
