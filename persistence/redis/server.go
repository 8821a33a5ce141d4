package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"holdfast/internal/clock"
)

const (
	// callTimeMax is how long a call may take, with connecting and waiting for a connection;
	// lookTimeMax is the same for a call that a reader waits for.
	callTimeMax = 100 * time.Millisecond
	lookTimeMax = 50 * time.Millisecond
	// connectionsMax and idleMax are how many connections there are, and how many without
	// anything to do.
	connectionsMax = 64
	idleMax        = 8
	// prefix is how the names of keys and channels begin.
	prefix = "holdfast:"
)

// ErrAddress is returned by [Open] for an address that is none. It does not show it, since
// there may be a password in it.
var ErrAddress = errors.New("not an address of the form redis://user:password@host:port/number or rediss://…")

// ErrNamespace is returned by [Open] for a namespace that is none.
var ErrNamespace = errors.New("a namespace has 1 to 64 characters of a-z, 0-9, dot, dash and underscore")

var namespaces = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// Options configure a [Server]. URL, Clock and Log are required.
type Options struct {
	// URL is redis://user:password@host:port/number, or rediss:// for TLS.
	URL string
	// Namespace parts installations that share a server; empty is "default".
	Namespace string
	// Secret is the same in all processes that share a namespace, and nobody else's. Without
	// it whoever can write to the server can make up values.
	Secret []byte
	Clock  clock.Clock
	Log    *slog.Logger
}

// Server is a Redis server that may be away.
type Server struct {
	client  *redis.Client
	names   string
	seal    sealer
	clock   clock.Clock
	log     *slog.Logger
	breaker breaker
}

// quiet lets the driver keep its own logs to itself: failures are counted here.
var quiet sync.Once

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// namespaceDefault is the namespace of who names none.
const namespaceDefault = "default"

// CheckAddress returns [ErrAddress] for an address that [Open] would not take.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func parseAddress(address string) (*redis.Options, error) {
	parsed, err := redis.ParseURL(address)
	if err != nil {
		return nil, ErrAddress // err quotes the address
	}
	return parsed, nil
}

// CheckNamespace returns [ErrNamespace] for a namespace that [Open] would not take.
func CheckNamespace(namespace string) error {
	if !namespaces.MatchString(namespace) {
		return fmt.Errorf("%w: %q", ErrNamespace, namespace)
	}
	return nil
}

// Open returns a server, without asking whether it is there. It returns [ErrAddress] or
// [ErrNamespace].
func Open(options Options) (*Server, error) {
	quiet.Do(func() { redis.SetLogger(silence{}) })
	parsed, err := parseAddress(options.URL)
	if err != nil {
		return nil, err
	}
	namespace := options.Namespace
	if namespace == "" {
		namespace = namespaceDefault
	}
	if err := CheckNamespace(namespace); err != nil {
		return nil, err
	}
	return &Server{
		client:  redis.NewClient(bounded(parsed)),
		names:   prefix + namespace + ":",
		seal:    sealer{secret: options.Secret},
		clock:   options.Clock,
		log:     options.Log,
		breaker: breaker{clock: options.Clock},
	}, nil
}

// bounded sets what an address may not decide.
func bounded(o *redis.Options) *redis.Options {
	o.DisableIdentity = true // its time-out once mixed up replies
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.MaxRetries = -1
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = callTimeMax, callTimeMax, callTimeMax, callTimeMax
	o.ContextTimeoutEnabled = true
	o.PoolSize = min(10*runtime.GOMAXPROCS(0), connectionsMax)
	o.MaxActiveConns = connectionsMax
	o.MinIdleConns, o.MaxIdleConns = 0, idleMax
	return o
}

// Close closes the connections. Caches and buses of the server are closed before it.
func (s *Server) Close() error {
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}

// Ping returns an error when the server does not answer, as soon as a reader would have
// given it up, or does not let us in. It asks whatever the breaker says.
func (s *Server) Ping(ctx context.Context) error {
	if err := call(ctx, lookTimeMax, func(ctx context.Context) error {
		return s.client.Exists(ctx, s.names+"ping").Err()
	}); err != nil {
		return fmt.Errorf("ask Redis: %w", err)
	}
	return nil
}

// Resting reports whether calls of readers fail, so that only one a second is tried.
func (s *Server) Resting() bool { return s.breaker.rests() }

// call runs work with a context that ends in time.
func call(ctx context.Context, timeMax time.Duration, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeMax)
	defer cancel()
	return work(ctx)
}
