package api

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"holdfast/actors"
	"holdfast/api/pages"
	"holdfast/api/ticker"
	"holdfast/internal/clock"
	"holdfast/internal/password"
	"holdfast/internal/secondfactor"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// Server is the front end. It may listen before there is an engine: until
// [Server.SetEngine] every request that needs one is answered with starting.
type Server struct {
	options   Options
	store     persistence.Store
	catalogue catalogue
	clock     clock.Clock
	log       *slog.Logger
	signer    *token.Signer
	refresher *token.Refresher
	// secondSteps and resets make what is good for one step of its own.
	secondSteps, resets *token.Pender
	vault               *secondfactor.Vault
	codeTries           codeTries
	mails               *mails
	setup               setup
	// rereaders read accounts again of which it is not known whether they were changed.
	rereaders  sync.WaitGroup
	rereadLock sync.Mutex
	rereading  map[inventory.ID]bool
	// revocations are asked about every access token; recalled says that they are complete.
	revocations *token.Revocations
	recalled    atomic.Bool
	// tokens and keys are two caches, so that neither crowds out the other.
	tokens, keys *token.Cache
	hasher       *password.Hasher
	// hashFailureAt is when the log told last that passwords cannot be hashed.
	hashFailureAt atomic.Int64
	cursors       cursorSealer
	metrics       *metrics
	// pulse counts what orders do, for [Server.SystemFigures].
	pulse *pulse

	engine   atomic.Pointer[actors.Facade]
	stopping atomic.Bool
	inFlight atomic.Int64
	// versionWaiters are the reads that wait for a stock version, connections those
	// that are open.
	versionWaiters, connections *tally
	// exports are those under way.
	exports *tally
	logins  *throttle
	limits  limits
	// ticker serves the WebSockets, which tickets open for those who are known.
	ticker  *ticker.Hub
	tickets *tickets
	pings   pings
	// redisPings are the same for Redis, which not every server has.
	redisPings pings
	origins    map[string]bool
	// draining ends when Shutdown begins, and with it every wait for something that
	// may never come. living ends when Shutdown has ended, for work in hand.
	draining, living context.Context
	drain, end       context.CancelFunc

	mux    *router.Router
	routes []*boundRoute
	// unreadable and refused count what never became a request.
	unreadable, refused *boundRoute
	document            []byte
	socketDocument      []byte
	// pages are what browsers show, board the newest copy of the board.
	pages *pages.Pages
	board boardCopy
	front *fasthttp.Server
	admin *fasthttp.Server

	// listening guards listeners and ended.
	listening sync.Mutex
	listeners []net.Listener
	ended     bool
}

// New returns a server that does not listen yet.
func New(options Options) (*Server, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{options: options, pulse: newPulse(), store: options.Store, clock: options.Clock, log: options.Log,
		catalogue: catalogue{store: options.Store, cache: options.Cache, clock: options.Clock, editing: map[inventory.ID]chan struct{}{}, settling: map[inventory.ID]bool{}, categories: map[string]bool{}},
		tokens:    token.NewCache(options.TokenCacheEntries), keys: token.NewCache(keyCacheEntries),
		revocations: token.NewRevocations(), rereading: map[inventory.ID]bool{},
		hasher: options.Hasher, logins: newThrottle(), limits: newLimits(options.RateLimits),
		versionWaiters: newTally(versionWaitersMax, versionWaitersPerAddressMax),
		exports:        newTally(exportsMax, 0),
		connections:    newTally(options.ConnectionsMax, options.ConnectionsPerAddressMax)}
	if s.signer, err = token.NewSigner(options.SigningKey, options.Clock); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if err := s.deriveKeys(options.SigningKey); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s.openTicker()
	if s.metrics, err = newMetrics(options.Registry, func() float64 { return float64(s.inFlight.Load()) }); err == nil {
		err = s.metrics.followTicker(options.Registry, s.ticker)
	}
	if err != nil {
		return nil, fmt.Errorf("api: registering metrics: %w", err)
	}
	s.living, s.end = context.WithCancel(context.Background())
	s.draining, s.drain = context.WithCancel(s.living)
	s.catalogue.living = s.living
	s.mails = s.startMails()
	if s.pages, err = pages.Load(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	table, unknown := routeTable(), answerUnknown
	if options.Showcase != nil {
		s.openShowcase()
		table, unknown = showcaseRoutes(), answerElsewhere
	}
	handler, err := s.buildRouter(table, unknown)
	if err != nil {
		return nil, err
	}
	if s.document, err = s.buildDocument(); err != nil {
		return nil, err
	}
	if s.socketDocument, err = s.buildSocketDocument(); err != nil {
		return nil, err
	}
	s.front, s.admin = s.newFront(handler), s.newAdmin()
	if options.Engine != nil {
		s.SetEngine(options.Engine)
	}
	s.startSharing()
	return s, nil
}

// deriveKeys makes the keys of what else is sealed from that of access tokens.
func (s *Server) deriveKeys(signingKey []byte) error {
	cursorKey, err := hkdf.Key(sha256.New, signingKey, nil, "holdfast cursor v1", sha256.Size)
	if err != nil {
		return fmt.Errorf("deriving the key of cursors: %w", err)
	}
	s.cursors = cursorSealer{key: cursorKey}
	refreshKey, err := hkdf.Key(sha256.New, signingKey, nil, "holdfast refresh v1", sha256.Size)
	if err != nil {
		return fmt.Errorf("deriving the key of refresh tokens: %w", err)
	}
	if s.refresher, err = token.NewRefresher(refreshKey); err != nil {
		return err
	}
	for prefix, pender := range map[string]**token.Pender{"hfm_": &s.secondSteps, "hfp_": &s.resets} {
		key, err := hkdf.Key(sha256.New, signingKey, nil, "holdfast pending "+prefix+" v1", sha256.Size)
		if err == nil {
			*pender, err = token.NewPender(prefix, key)
		}
		if err != nil {
			return fmt.Errorf("deriving the key of tokens %s: %w", prefix, err)
		}
	}
	factorKey, err := hkdf.Key(sha256.New, signingKey, nil, "holdfast second factor v1", sha256.Size)
	if err != nil {
		return fmt.Errorf("deriving the key of second factors: %w", err)
	}
	s.vault, err = secondfactor.NewVault(factorKey)
	return err
}

// buildRouter binds the table and makes the router from it, which has unknown answer for
// all other paths.
func (s *Server) buildRouter(table []route, unknown func(*exchange)) (fasthttp.RequestHandler, error) {
	mux := router.New()
	s.mux = mux
	// A request is served on exactly the path that it names, or not at all.
	mux.RedirectTrailingSlash, mux.RedirectFixedPath = false, false
	mux.HandleOPTIONS = false
	mux.HandleMethodNotAllowed = true
	for _, row := range table {
		bound, err := s.bind(row)
		if err != nil {
			return nil, err
		}
		s.routes = append(s.routes, bound)
		mux.Handle(row.method, row.path, bound.serve)
		if row.method == fasthttp.MethodGet {
			mux.Handle(fasthttp.MethodHead, row.path, bound.serve)
		}
	}
	mux.NotFound = s.bindPseudo("unknown_path", unknown).serve
	mux.MethodNotAllowed = s.bindPseudo("wrong_method", answerWrongMethod).serve
	s.unreadable, s.refused = s.bindPseudo("unreadable", nil), s.bindPseudo("refused_connection", nil)
	return mux.Handler, nil
}

// workersPerConnection keeps fasthttp from refusing connections, in plain text: a
// worker outlives its connection by a moment. The gate bounds them.
const workersPerConnection = 2

func (s *Server) newFront(handler fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      handler,
		ErrorHandler:                 s.answerBroken,
		HeaderReceived:               s.received,
		ExpectHandler:                s.expected,
		Concurrency:                  workersPerConnection * s.options.ConnectionsMax,
		MaxRequestBodySize:           strangerBodyBytesMax,
		ReadBufferSize:               headerBytesMax,
		ReadTimeout:                  s.options.ReadTimeout,
		WriteTimeout:                 s.options.WriteTimeout,
		IdleTimeout:                  s.options.IdleTimeout,
		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		LazyRequestTime:              true,
		KeepHijackedConns:            true,
		Logger:                       connectionLog{s.log},
	}
}

// connectionLog takes what fasthttp says about connections.
type connectionLog struct{ log *slog.Logger }

// Printf logs at debug level: what a peer does wrong is no trouble of ours.
func (l connectionLog) Printf(format string, arguments ...any) {
	l.log.Debug("connection", "message", fmt.Sprintf(format, arguments...))
}

// SetEngine gives the front end its engine, once it has recovered.
func (s *Server) SetEngine(engine actors.Facade) {
	s.ticker.Follow(engineBoard{engine})
	s.engine.Store(&engine)
}

// SetStopping makes /readyz say no, so that balancers look elsewhere, while
// requests are still served. Call it some time before Shutdown.
func (s *Server) SetStopping() { s.stopping.Store(true) }

// Serve serves the API on listener until Shutdown, and then returns nil. It
// closes the listener.
func (s *Server) Serve(listener net.Listener) error {
	return s.serve(s.front, newGate(s, listener, s.connections), "the API")
}

// ServeTLS is [Server.Serve] with TLS. config says with which certificate.
func (s *Server) ServeTLS(listener net.Listener, config *tls.Config) error {
	guarded := newGate(s, listener, s.connections)
	guarded.encryption = config
	return s.serve(s.front, guarded, "the API")
}

// ServeAdmin serves /metrics and /debug/pprof on listener until Shutdown, and
// then returns nil. It closes the listener. Whoever can connect to it may read
// both.
func (s *Server) ServeAdmin(listener net.Listener) error {
	return s.serve(s.admin, newGate(s, listener, nil), "the admin listener")
}

// serve remembers the listener, so that a Shutdown that comes before fasthttp
// knows it ends it too.
func (s *Server) serve(server *fasthttp.Server, listener *gate, what string) error {
	s.listening.Lock()
	if s.ended {
		s.listening.Unlock()
		return listener.Close()
	}
	s.listeners = append(s.listeners, listener)
	s.listening.Unlock()
	err := server.Serve(listener)
	s.listening.Lock()
	defer s.listening.Unlock()
	if err == nil || s.ended {
		return nil
	}
	return fmt.Errorf("serving %s: %w", what, err)
}

// awaitBackground waits for what goes on behind the requests, as long as ctx lets it.
func (s *Server) awaitBackground(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.mails.sending.Wait()
		s.catalogue.settlers.Wait()
		s.rereaders.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// Shutdown stops accepting, closes the WebSockets, lets what is being served end, and
// returns when it has, or with the context's error. Serve does nothing from then on.
func (s *Server) Shutdown(ctx context.Context) error {
	s.SetStopping()
	s.drain()
	defer func() {
		s.end()
		s.awaitBackground(ctx)
	}()
	var closed error
	s.listening.Lock()
	s.ended = true
	for _, listener := range s.listeners {
		closed = errors.Join(closed, listener.Close())
	}
	s.listening.Unlock()
	return errors.Join(closed, s.ticker.Stop(ctx), s.front.ShutdownWithContext(ctx), s.admin.ShutdownWithContext(ctx))
}
