package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/actors"
	"holdfast/api"
	"holdfast/persistence/journal"
	"holdfast/persistence/sqlite"
)

// server is a running Holdfast. Its parts stand in the order in which they start;
// they stop in the opposite order, from the front door inwards.
type server struct {
	log       *slog.Logger
	directory *dataDirectory
	store     *sqlite.Store
	front     *api.Server
	// listener and admin are where the front listens.
	listener, admin net.Listener
	journal         *journal.Journal
	engine          *actors.Engine
	metrics         *engineMetrics
	// ended gets the errors that the server cannot go on after.
	ended chan error
}

// startServer brings a server up. It listens early, answers that it is starting,
// and is ready when startServer returns. After an error nothing is left running.
func startServer(ctx context.Context, p *program, options *serverOptions) (*server, error) {
	s := &server{log: p.log, ended: make(chan error, 8)}
	for _, begin := range []func(context.Context, *program, *serverOptions) error{
		s.openData, s.listen, s.openJournal, s.openDemo, s.startEngine,
	} {
		if err := begin(ctx, p, options); err != nil {
			return nil, errors.Join(err, s.abandon())
		}
	}
	s.front.SetEngine(s.engine)
	s.log.Info("ready", "url", "http://"+s.listener.Addr().String(), "admin", s.admin.Addr().String(), "version", versionText())
	if options.OwnerConfirm {
		s.log.Warn("customers may confirm their own orders: set HOLDFAST_OWNER_CONFIRM=false once a payment system does it")
	}
	return s, nil
}

// openData takes the data directory and opens its database.
func (s *server) openData(ctx context.Context, p *program, _ *serverOptions) (err error) {
	if s.directory, err = p.openDataDirectory(); err != nil {
		return err
	}
	s.store, err = sqlite.Open(ctx, s.directory.database())
	return err
}

// listen opens both listeners and serves on them.
func (s *server) listen(_ context.Context, p *program, options *serverOptions) error {
	key, err := loadSigningKey(options.signingKeyOptions, s.directory)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if s.metrics, err = newEngineMetrics(registry); err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	if s.front, err = api.New(api.Options{Store: s.store, SigningKey: key, Clock: p.clock, Log: p.log, Registry: registry,
		Version: versionText(), OwnerConfirmOff: !options.OwnerConfirm, ConnectionsMax: connectionsMax(options.ConnectionsMax),
		ConnectionsPerAddressMax: options.ConnectionsPerAddressMax, PasswordsParallel: options.PasswordsParallel}); err != nil {
		return err
	}
	if s.listener, err = listenOn(options.Listen); err != nil {
		return fmt.Errorf("listen for the API (--listen): %w", err)
	}
	if s.admin, err = listenOn(options.AdminListen); err != nil {
		return fmt.Errorf("listen for the admin pages (--admin-listen): %w", err)
	}
	go func() { s.ended <- s.front.Serve(s.listener) }()
	go func() { s.ended <- s.front.ServeAdmin(s.admin) }()
	return nil
}

// listenOn listens on one address, or on all when there is no host. Of 0.0.0.0 Go
// would make all IPv6 addresses too, past a firewall that knows only IPv4.
func listenOn(address string) (net.Listener, error) {
	network := "tcp"
	if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).To4() != nil {
		network = "tcp4"
	}
	return net.Listen(network, address)
}

// openJournal opens the journal against what the database has.
func (s *server) openJournal(ctx context.Context, p *program, options *serverOptions) error {
	position, err := s.store.Position(ctx)
	if err != nil {
		return fmt.Errorf("read the projection's position: %w", err)
	}
	s.journal, err = journal.Open(journal.Options{
		Directory: s.directory.journal(), Clock: p.clock, Log: p.log,
		SegmentBytes: options.JournalSegmentBytes, PendingBytesMax: options.JournalPendingBytes,
		RetainBytes: options.JournalRetainBytes, Projected: position,
		// Nothing is appended, and so nothing published, before there is an engine.
		Published: func(sequence uint64) { s.engine.Published(sequence) },
		Observe:   s.metrics.observeSync, Failed: s.fail,
	})
	return err
}

// startEngine builds the engine and recovers its state.
func (s *server) startEngine(ctx context.Context, p *program, options *serverOptions) (err error) {
	if s.engine, err = actors.New(actors.Options{Store: s.store, Journal: s.journal, Clock: p.clock, Log: p.log,
		InFlightMax: options.InFlightMax, RequestTimeout: options.RequestTimeout,
		BacklogRecordsMax: options.BacklogRecordsMax, BacklogBytesMax: options.BacklogBytesMax, Failed: s.fail}); err != nil {
		return err
	}
	s.metrics.follow(s.engine, s.journal)
	return s.engine.Recover(ctx)
}

// fail ends the server: it must not go on after err.
func (s *server) fail(err error) {
	select {
	case s.ended <- err:
	default: // enough reasons are known
	}
}

// stop ends gracefully: no new connections, requests finish, the database catches
// up, the journal is closed.
func (s *server) stop(options *serverOptions) error {
	s.front.SetStopping()
	if options.ShutdownDelay > 0 {
		<-time.After(options.ShutdownDelay)
	}
	ctx, cancel := context.WithTimeout(context.Background(), options.ShutdownTimeout)
	defer cancel()
	return s.close(ctx)
}

// abandon ends at once what runs: nothing that was acknowledged needs more.
func (s *server) abandon() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// close ends the parts that were started. What does not end before ctx is left
// to the end of the process; what was acknowledged is durable all the same.
func (s *server) close(ctx context.Context) error {
	var failures []error
	if s.front != nil {
		failures = append(failures, s.front.Shutdown(ctx))
	}
	if s.engine != nil {
		failures = append(failures, s.engine.Stop(ctx))
	}
	if s.journal != nil {
		failures = append(failures, s.journal.Close())
	}
	if s.store != nil {
		failures = append(failures, s.store.Close())
	}
	if s.directory != nil {
		failures = append(failures, s.directory.Close())
	}
	return errors.Join(failures...)
}
