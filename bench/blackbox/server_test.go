package blackbox

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// program writes a stand-in for the server.
func program(t *testing.T, script string) *Server {
	path := filepath.Join(t.TempDir(), "holdfast")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	s := &Server{Binary: path, Data: t.TempDir()}
	t.Cleanup(s.abandon)
	require.NoError(t, s.start())
	return s
}

// A server that panicked a moment before it was killed has failed the test, and its
// last words are told.
func TestAServerThatEndedByItselfWasNotKilled(t *testing.T) {
	for _, end := range []string{"exit 2", "exit 0", "kill -SEGV $$"} {
		t.Run(end, func(t *testing.T) {
			s := program(t, "echo panic: last words\n"+end)
			<-s.ended
			err := s.kill()
			require.ErrorContains(t, err, "ended by itself")
			require.ErrorContains(t, err, "panic: last words")
		})
	}
}

func TestAKilledServerWasKilled(t *testing.T) {
	s := program(t, "exec sleep 1000")
	require.NoError(t, s.kill())
	require.True(t, isClosed(s.ended))
}

func TestAServerThatFailsToStopIsAnError(t *testing.T) {
	s := program(t, `trap 'exit 1' TERM; echo '"msg":"ready"'; while :; do sleep 0.01; done`)
	<-s.log.written[nowReady]
	require.ErrorContains(t, s.stop(), "ended badly")
}

func TestTroubleInTheLogIsSeen(t *testing.T) {
	for text, trouble := range map[string]string{
		`{"level":"INFO","msg":"ready"}`:                                    "",
		"{\"level\":\"WARN\"}\n{\"level\":\"ERROR\",\"msg\":\"gone\"}":      `{"level":"ERROR","msg":"gone"}`,
		"{\"level\":\"INFO\"}\npanic: BUG: it cannot be\n\ngoroutine 1 [r]": "panic: BUG: it cannot be\n\ngoroutine 1 [r]",
	} {
		log := newServerLog()
		_, err := log.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, trouble, log.trouble())
	}
}

// Without its database a server may say that it is missing, and nothing else.
func TestTroubleIsNotTheOutage(t *testing.T) {
	const missing, other = `{"level":"ERROR","msg":"the store failed"}`, `{"level":"ERROR","msg":"gone"}`
	log := newServerLog()
	_, err := log.Write([]byte(missing + "\n"))
	require.NoError(t, err)
	require.Equal(t, missing+"\n", log.trouble())
	log.expectOutage()
	require.Empty(t, log.trouble())
	_, err = log.Write([]byte(other))
	require.NoError(t, err)
	require.Equal(t, other, log.trouble())
}

// readiness serves /readyz: so often 503, then 200.
func readiness(t *testing.T, refusals int32) *world {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var asked atomic.Int32
	front := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		if asked.Add(1) <= refusals {
			ctx.SetStatusCode(503)
		}
	}}
	served := make(chan error, 1)
	go func() { served <- front.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, front.Shutdown())
		require.NoError(t, <-served)
	})
	return &world{Loop: Loop{Server: &Server{address: listener.Addr().String(), ended: make(chan struct{})}}}
}

// A kill counts as one during recovery only if the server has not become ready
// before it.
func TestAReadyServerIsNotRecovering(t *testing.T) {
	never, at := make(chan struct{}), make(chan struct{})
	close(at)
	aim := func(moment <-chan struct{}) func() <-chan struct{} { return func() <-chan struct{} { return moment } }
	require.Equal(t, 200, readiness(t, 3).approach(t.Context(), aim(never)), "it became ready before the moment came")
	require.Equal(t, 503, readiness(t, 1000).approach(t.Context(), aim(at)))
	require.Equal(t, 200, readiness(t, 0).approach(t.Context(), aim(at)), "it was ready when it was seen first")
	gone := readiness(t, 1000)
	close(gone.Server.ended)
	require.Zero(t, gone.approach(t.Context(), aim(never)), "it ended by itself")
}

// A server that has lost an order, shows an older stock than before, and holds units
// of nobody is found out.
func TestCheckFindsWhatWasLost(t *testing.T) {
	a := shownAs(statusReserved)
	a.outcome = acknowledged
	a.lines[0].product.show(3)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	front := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		if path := string(ctx.Path()); path == "/api/products/p/stock" || path == "/api/products/q/stock" {
			ctx.SetBodyString(`{"on_hand":100,"reserved":2,"committed":0,"safety":0,"available":98,"version":2}`)
			return
		}
		ctx.SetStatusCode(404)
	}}
	go func() { _ = front.Serve(listener) }()
	t.Cleanup(func() { require.NoError(t, front.Shutdown()) })
	w := &world{client: newClient(listener.Addr().String()), tokens: []string{"token"}, products: []*product{a.lines[0].product, {id: "q", name: "other", opening: 100}}}
	w.history, err = newHistory(filepath.Join(t.TempDir(), "history"))
	require.NoError(t, err)
	require.NoError(t, w.history.begin(a))
	w.history.end(a, acknowledged, nil)
	w.check(nil)
	found := fmt.Sprint(w.verdict.Violations)
	for _, expected := range []string{"BACK: product was shown at version 3", "LOST: order one", "SUMS: other shows"} {
		require.Contains(t, found, expected)
	}
}

// The history has a key before the key is sent, whatever happens then.
func TestTheHistoryKnowsAKeyBeforeItIsSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	h, err := newHistory(path)
	require.NoError(t, err)
	a := someAttempt()
	require.NoError(t, h.begin(a))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(data), "sent key ")
	h.end(a, acknowledged, nil)
	h.end(a, sent, nil)
	require.Equal(t, acknowledged, a.outcome, "a repeat without an answer takes nothing back")
	require.Equal(t, 1, h.acknowledged())
	require.NoError(t, h.close())
}
