package api

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/actors"
	"holdfast/internal/clock"
	"holdfast/internal/token"
	"holdfast/persistence"
)

// Options configure a [Server]. Store, SigningKey, Clock, Log and Registry are
// required; a zero limit is its default.
type Options struct {
	// Engine may be nil while it recovers: see [Server.SetEngine].
	Engine actors.Facade
	Store  persistence.Store
	// SigningKey signs access tokens and cursors: at least 32 random bytes.
	SigningKey []byte
	Clock      clock.Clock
	Log        *slog.Logger
	// Registry receives the metrics of the front end, and is what /metrics shows.
	Registry *prometheus.Registry
	// Version is the program's, for /openapi.json.
	Version string

	// OwnerConfirmOff forbids customers to confirm their own orders: then only a
	// payment system (service) or staff can.
	OwnerConfirmOff bool

	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// ConnectionsMax bounds all connections; ConnectionsPerAddressMax those of one
	// address, and zero is no bound: many shoppers share an address.
	ConnectionsMax, ConnectionsPerAddressMax int
	// TokenCacheEntries bounds the cache of verified credentials.
	TokenCacheEntries int
	// PasswordsParallel bounds the passwords hashed at a time; zero is half of the
	// processors, and one at least.
	PasswordsParallel int
}

// complete checks what is required and fills in the defaults.
func (o Options) complete() (Options, error) {
	switch {
	case o.Store == nil:
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
