package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/actors"
	"holdfast/api"
	"holdfast/internal/password"
	"holdfast/persistence"
	"holdfast/persistence/journal"
)

// server is a running Holdfast. Its parts stand in the order in which they start;
// they stop in the opposite order, from the front door inwards.
type server struct {
	log       *slog.Logger
	directory *dataDirectory
	store     *database
	// signingKey is that of access tokens.
	signingKey []byte
	hints      *hints
	// showcase is there in a server that shows what others sell, and has no data.
	showcase *showcase
	// hasher works in processes of its own, and ends them.
	hasher *password.Hasher
	front  *api.Server
	// listener and admin are where the front listens.
	listener, admin net.Listener
	journal         *journal.Journal
	engine          *actors.Engine
	metrics         *engineMetrics
	// buyers are made up; nil is none.
	buyers *demoBuyers
	// ended gets the errors that the server cannot go on after.
	ended chan error
}

// stage is a part of the start.
type stage func(context.Context, *program, *serverOptions) error

// startServer brings a server up. It listens early, answers that it is starting,
// and is ready when startServer returns. After an error nothing is left running.
func startServer(ctx context.Context, p *program, options *serverOptions) (*server, error) {
	s := &server{log: p.log, ended: make(chan error, 8)}
	for _, begin := range s.stages(options.Role) {
		if err := begin(ctx, p, options); err != nil {
			return nil, errors.Join(err, s.abandon())
		}
	}
	s.log.Info("ready", "url", options.scheme()+"://"+s.listener.Addr().String(), "admin", s.admin.Addr().String(), "version", versionText())
	if options.Role == roleAll && options.OwnerConfirm {
		s.log.Warn("customers may confirm their own orders: set HOLDFAST_OWNER_CONFIRM=false once a payment system does it")
	}
	return s, nil
}

// stages are those of a role, in their order.
func (s *server) stages(role string) []stage {
	if role == roleTicker {
		return []stage{s.openShowcase, s.listenToShow, s.awaitKeyframe}
	}
	return []stage{s.openData, s.openHints, s.listen, s.awaitDatabase, s.withDatabase(s.recallRevocations), s.withDatabase(s.offerSetup),
		s.withDatabase(s.openJournal), s.withDatabase(s.openDemo), s.withDatabase(s.startEngine), s.openFront,
		s.withDatabase(s.startDemoBuyers)}
}

// openFront lets the front take orders.
func (s *server) openFront(context.Context, *program, *serverOptions) error {
	s.front.SetEngine(s.engine)
	return nil
}

// openData takes the data directory and opens its database.
func (s *server) openData(ctx context.Context, p *program, _ *serverOptions) (err error) {
	if s.directory, err = p.openDataDirectory(); err != nil {
		return err
	}
	s.store, err = p.newDatabase(ctx, s.directory)
	return err
}

// openHints opens cache and bus, of which what is in Redis is sealed by the signing key.
func (s *server) openHints(_ context.Context, p *program, options *serverOptions) (err error) {
	if s.signingKey, err = loadSigningKey(options.signingKeyOptions, s.directory); err != nil {
		return err
	}
	database, err := p.options.databaseURL()
	if err != nil {
		return err
	}
	s.hints, err = newHints(p, &options.redisOptions, s.signingKey, database != "")
	return err
}

// listen opens both listeners and serves on them.
func (s *server) listen(ctx context.Context, p *program, options *serverOptions) (err error) {
	registry := prometheus.NewRegistry()
	if s.metrics, err = newEngineMetrics(registry); err == nil {
		err = s.hints.register(registry)
	}
	if err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	proxies, err := options.trustedProxies()
	if err != nil {
		return err
	}
	encryption, err := options.tlsConfig(s.directory, p.clock, p.log)
	if err != nil {
		return err
	}
	s.hasher = newHasher(ctx, p.log, options.PasswordsParallel)
	connections, sockets := connectionsMax(options.ConnectionsMax, options.WSConnectionsMax, encryption != nil)
	if s.front, err = api.New(api.Options{Store: s.store.Store, Cache: s.hints.cache, PingRedis: s.hints.ping(), Usages: s.hints.usages, SigningKey: s.signingKey, Clock: p.clock, Log: p.log, Registry: registry,
		Version: versionText(), StrictTransport: options.TLSCertificateFile != "", StaffFactorOff: !options.StaffSecondFactor, SendMail: mailer(options.MailCommand), OwnerConfirmOff: !options.OwnerConfirm, ConnectionsMax: connections,
		ConnectionsPerAddressMax: options.ConnectionsPerAddressMax, Hasher: s.hasher,
		SocketsMax: sockets, SocketsPerAddressMax: options.WSConnectionsPerAddressMax,
		SocketsPerUserMax: options.WSConnectionsPerUserMax, SocketsPoll: options.WSMode == wsModeEpoll, Origins: options.WSOrigins, PageOrigins: options.CORSOrigins, TrustedProxies: proxies,
		RateLimits: api.RateLimits{OrdersPerCustomer: options.RateCustomerOrders, UnitsPerCustomer: options.RateCustomerUnits, UnitsPerAddress: options.RateAddressUnits}}); err != nil {
		return err
	}
	return s.open(options, encryption)
}

// open opens both listeners and has the front serve on them.
func (s *server) open(options *serverOptions, encryption *tls.Config) (err error) {
	if s.listener, err = listenOn(options.Listen); err != nil {
		return fmt.Errorf("listen for the API (--listen): %w", err)
	}
	if s.admin, err = listenOn(options.AdminListen); err != nil {
		return fmt.Errorf("listen for the admin pages (--admin-listen): %w", err)
	}
	go func() { s.ended <- s.serve(encryption) }()
	go func() { s.ended <- s.front.ServeAdmin(s.admin) }()
	return nil
}

// newHasher returns a hasher with processes of its own. Where the system lets none start,
// people can log in all the same.
func newHasher(ctx context.Context, log *slog.Logger, parallel int) *password.Hasher {
	hasher := password.NewWorkerHasher(parallel)
	if err := hasher.Check(ctx); err != nil {
		hasher.Close()
		log.Warn("the server hashes passwords itself, and orders wait longer for it", "error", err)
		return password.NewHasher(parallel)
	}
	return hasher
}

// serve serves the API, encrypted or not.
func (s *server) serve(encryption *tls.Config) error {
	if encryption == nil {
		return s.front.Serve(s.listener)
	}
	return s.front.ServeTLS(s.listener, encryption)
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

// recallRevocations makes the front know which access tokens have ended.
func (s *server) recallRevocations(ctx context.Context, _ *program, _ *serverOptions) error {
	if err := s.front.RecallRevocations(ctx); err != nil {
		return fmt.Errorf("read which access tokens have ended: %w", err)
	}
	return nil
}

// offerSetup says how to make the first administrator while there is none. What it prints
// is a secret, so it goes to stdout and not into the log.
func (s *server) offerSetup(ctx context.Context, p *program, options *serverOptions) error {
	has, err := s.store.HasAdmin(ctx)
	if err != nil || has {
		return err
	}
	address, token := options.scheme()+"://"+s.listener.Addr().String(), s.front.OfferSetup()
	_, err = fmt.Fprintf(p.stdout, setupText, address, token, options.trustingCurl(s.directory), address, token)
	return err
}

// The token of the link stands behind #: a browser sends that part to nobody.
const setupText = `There is no administrator yet. Within 15 minutes, whoever reads this can make one, in a browser:

  %s/setup#%s

or with a command:

  curl%s %s/api/setup -H 'Content-Type: application/json' \
    -d '{"token":"%s","email":"you@example.com","name":"Your name","password":"fifteen characters or more"}'

`

// startEngine builds the engine and recovers its state.
func (s *server) startEngine(ctx context.Context, p *program, options *serverOptions) (err error) {
	if s.engine, err = actors.New(actors.Options{Store: s.store.Store, Journal: s.journal, Clock: p.clock, Log: p.log,
		InFlightMax: options.InFlightMax, RequestTimeout: options.RequestTimeout,
		BacklogRecordsMax: options.BacklogRecordsMax, BacklogBytesMax: options.BacklogBytesMax,
		OrderRetention: options.OrderRetention, MovementRetention: options.MovementRetention,
		Acknowledge: options.acknowledgement(), Bus: s.bus(), OrderNews: s.front.TellOrder, Failed: s.fail}); err != nil {
		return err
	}
	s.metrics.follow(s.engine, s.journal)
	defer collectLess()()
	if err := s.engine.Recover(ctx); err != nil {
		return errors.Join(err, s.dropEngine())
	}
	// Reading a large catalogue has taken memory that nobody needs any more.
	go debug.FreeOSMemory()
	return nil
}

// startCollectorPercent is how much the heap may grow between two collections while a start
// reads what it keeps: nearly all of it is there to stay, and is looked at in vain. The
// bound of the heap (see takeMemory) holds all the same.
const startCollectorPercent = 400

// collectLess makes collections rarer and returns what undoes that. Who has made them
// rarer still, or none, keeps that.
func collectLess() func() {
	before := debug.SetGCPercent(startCollectorPercent)
	if before < 0 || before > startCollectorPercent {
		debug.SetGCPercent(before)
	}
	return func() { debug.SetGCPercent(before) }
}

// bus is where other processes are told of the stock, nil without Redis.
func (s *server) bus() persistence.Bus {
	if s.hints == nil {
		return nil
	}
	return s.hints.bus
}

// dropEngine ends an engine that has not got its state, which is worth nothing: a start that
// goes on takes another.
func (s *server) dropEngine() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.engine.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// fail ends the server: it must not go on after err.
func (s *server) fail(err error) {
	select {
	case s.ended <- err:
	default: // enough reasons are known
	}
}

// stop ends gracefully: no new connections, WebSockets are told when to come back,
// requests finish, the database catches up, the journal is closed.
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
	if s.hasher != nil {
		s.hasher.Close()
	}
	if s.buyers != nil {
		s.buyers.stop()
	}
	if s.engine != nil {
		failures = append(failures, s.engine.Stop(ctx))
	}
	if s.journal != nil {
		failures = append(failures, s.journal.Close())
	}
	if s.showcase != nil {
		s.showcase.close()
	}
	if s.hints != nil {
		failures = append(failures, s.hints.close())
	}
	if s.store != nil {
		failures = append(failures, s.store.Close())
	}
	if s.directory != nil {
		failures = append(failures, s.directory.Close())
	}
	return errors.Join(failures...)
}
