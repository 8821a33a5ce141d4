package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof" // the harness asks for a collection, as it does of Holdfast
	"strconv"
	"time"
)

// shutdownMax bounds the end.
const shutdownMax = 5 * time.Second

// serve serves until ctx ends.
func serve(ctx context.Context, log *slog.Logger, o options) error {
	listener, err := net.Listen("tcp4", o.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return serveOn(ctx, log, o, listener)
}

func serveOn(ctx context.Context, log *slog.Logger, o options, listener net.Listener) error {
	node, err := newNode(log, &o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s := newStock(o.product, o.stock)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	published := make(chan struct{})
	go func() {
		defer close(published)
		cancel(publish(ctx, node, s, o.hertz))
	}()
	server := &http.Server{Handler: routes(s, sockets(node)), ReadHeaderTimeout: shutdownMax}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		if err = context.Cause(ctx); errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	cancel(nil)
	<-published
	bounded, end := context.WithTimeout(context.Background(), shutdownMax)
	defer end()
	return errors.Join(err, node.Shutdown(bounded), server.Close())
}

// routes are what the driver needs of Holdfast's API.
func routes(s *stock, sockets http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /connection/websocket", sockets)
	mux.Handle("GET /debug/pprof/", http.DefaultServeMux)
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /api/products/{product}/stock", func(w http.ResponseWriter, _ *http.Request) {
		available, reserved, version := s.figures()
		say(w, http.StatusOK, fmt.Appendf(nil, `{"on_hand":%d,"reserved":%d,"committed":0,"safety":0,"available":%d,"version":%d}`,
			available+reserved, reserved, available, version))
	})
	mux.HandleFunc("POST /api/orders", func(w http.ResponseWriter, _ *http.Request) {
		version, taken := s.take()
		if !taken {
			say(w, http.StatusConflict, []byte(`{"code":"sold_out"}`))
			return
		}
		say(w, http.StatusCreated, fmt.Appendf(nil, `{"id":"00000000-0000-7000-8000-%012x","status":"reserved","items":[{"product_id":%q,"quantity":1,"stock_version":%d}]}`,
			version, s.product, version))
	})
	return mux
}

// say answers.
func say(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever has gone needs no answer
}
