package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/actors"
	"holdfast/api/ticker"
	"holdfast/internal/clock"
	"holdfast/internal/password"
	"holdfast/internal/token"
	"holdfast/persistence"
)

// Options configure a [Server]. Store, SigningKey, Clock, Log and Registry are
// required; a zero limit is its default.
type Options struct {
	// Showcase makes a server that shows the products of others and does nothing else;
	// Store is not required then, nor SigningKey, and Engine is not used.
	Showcase *Showcase
	// tokensUnknown says that the signing key is nobody's.
	tokensUnknown bool

	// Engine may be nil while it recovers: see [Server.SetEngine].
	Engine actors.Facade
	Store  persistence.Store
	// Cache keeps copies of rows of the catalogue; nil keeps none.
	Cache persistence.Cache
	// PingRedis returns an error when Redis does not help now; nil is a server that has
	// none.
	PingRedis func(ctx context.Context) error
	// SigningKey signs access tokens and cursors: at least 32 random bytes.
	SigningKey []byte
	Clock      clock.Clock
	Log        *slog.Logger
	// Registry receives the metrics of the front end, and is what /metrics shows.
	Registry *prometheus.Registry
	// Version is the program's, for /openapi.json.
	Version string

	// StrictTransport tells browsers to come by TLS alone for a year (RFC 6797).
	StrictTransport bool

	// StaffFactorOff lets staff do its work without a second factor.
	StaffFactorOff bool
	// SendMail hands a mail to whoever delivers it; nil is nobody.
	SendMail func(ctx context.Context, mail Mail) error

	// OwnerConfirmOff forbids customers to confirm their own orders: then only a
	// payment system (service) or staff can.
	OwnerConfirmOff bool

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// ConnectionsMax bounds all connections; ConnectionsPerAddressMax those of one
	// address, and zero is no bound: many shoppers share an address.
	ConnectionsMax, ConnectionsPerAddressMax int
	// SocketsMax bounds the WebSockets; zero is three quarters of ConnectionsMax, so that
	// requests always find a place. SocketsPerAddressMax bounds those of one address
	// from outside, and zero is no bound; SocketsPerUserMax those of one user.
	SocketsMax, SocketsPerAddressMax, SocketsPerUserMax int
	// RateLimits bound what each caller may ask for in a second.
	RateLimits RateLimits
	// Usages tells other processes what callers have used of these, and is told by them;
	// nil is a process that is alone.
	Usages persistence.UsageExchange
	// TrustedProxies are the networks of proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// SocketsPoll has one goroutine wait for all WebSockets, instead of one for each; see
	// ticker.CanPoll.
	SocketsPoll bool
	// Origins are those of pages that may open WebSockets, besides the server's own, such
	// as https://shop.example.
	Origins []string
	// PageOrigins are those of pages that may call the API from a browser (CORS), besides
	// the server's own.
	PageOrigins []string
	// TokenCacheEntries bounds the cache of verified credentials.
	TokenCacheEntries int
	// Hasher hashes passwords; nil is one that does so in this process.
	Hasher *password.Hasher
}

// complete checks what is required and fills in the defaults.
func (o Options) complete() (Options, error) {
	o.completeShowcase()
	switch {
	case o.Store == nil && o.Showcase == nil:
		return o, errors.New("api: Options.Store is required")
	case len(o.SigningKey) < token.SigningKeyBytesMin:
		return o, errors.New("api: Options.SigningKey needs at least 32 bytes")
	case o.Clock == nil || o.Log == nil || o.Registry == nil:
		return o, errors.New("api: Options.Clock, Log and Registry are required")
	}
	setDefault(&o.ReadTimeout, ReadTimeoutDefault)
	setDefault(&o.WriteTimeout, WriteTimeoutDefault)
	setDefault(&o.IdleTimeout, IdleTimeoutDefault)
	setDefault(&o.ConnectionsMax, ConnectionsMaxDefault)
	setDefault(&o.SocketsMax, max(o.ConnectionsMax*3/4, 1))
	setDefault(&o.SocketsPerUserMax, ticker.UserConnectionsMaxDefault)
	for _, origin := range slices.Concat(o.Origins, o.PageOrigins) {
		if err := CheckOrigin(origin); err != nil {
			return o, fmt.Errorf("api: Options.Origins or PageOrigins: %w", err)
		}
	}
	if o.Hasher == nil {
		o.Hasher = password.NewHasher(0)
	}
	setDefault(&o.TokenCacheEntries, token.CacheEntriesDefault)
	if o.Version == "" {
		o.Version = "unknown"
	}
	return o, nil
}

func setDefault[T int | time.Duration](value *T, standard T) {
	if *value == 0 {
		*value = standard
	}
}
