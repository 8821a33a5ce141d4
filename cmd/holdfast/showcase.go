package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/api"
	"holdfast/api/ticker"
	"holdfast/internal/clock"
	"holdfast/persistence"
)

// The roles of a server. One with roleAll takes orders, and its data is its own; one with
// roleTicker shows what that one tells over Redis, and has no data.
const (
	roleAll    = "all"
	roleTicker = "ticker"
)

const (
	// keyframeAgeMax is how old the last keyframe may be; beyond it clients are better sent
	// elsewhere. The products are stale then.
	keyframeAgeMax = 3 * time.Second
	// keyframePause is the time between two looks whether the first one has come, and
	// keyframeWait how long until the log says that the start waits for it.
	keyframePause = 20 * time.Millisecond
	keyframeWait  = 3 * time.Second
)

// checkRole refuses a ticker that could show nothing, or would need a data directory.
func (o *serverOptions) checkRole() error {
	switch {
	case o.Role != roleTicker:
		return nil
	case o.RedisURL == "" && o.RedisURLFile == "":
		return usagef("HOLDFAST_ROLE=ticker (--role) shows what is told over Redis: set REDIS_URL or REDIS_URL_FILE")
	case !o.signingKeyOptions.given() && !o.redisOptions.secretGiven():
		return usagef("HOLDFAST_ROLE=ticker (--role) has no data directory with a key, and must know with what the process that takes orders seals what it tells: " +
			"set HOLDFAST_SIGNING_KEY_FILE to its keys/signing.key, or HOLDFAST_REDIS_SECRET_FILE at both")
	case o.TLSSelfSigned:
		return usagef("HOLDFAST_TLS_SELF_SIGNED keeps its certificate in the data directory, which HOLDFAST_ROLE=ticker (--role) does not have: " +
			"set HOLDFAST_TLS_CERTIFICATE_FILE and HOLDFAST_TLS_KEY_FILE")
	}
	return nil
}

// showcase follows the bus for a server that shows what others sell.
type showcase struct {
	clock        clock.Clock
	bus          persistence.Bus
	subscription persistence.Subscription
	board        *ticker.BusBoard
	stop         context.CancelFunc
	// ended is closed when nobody follows the bus any more.
	ended chan struct{}
}

// newShowcase begins to follow a bus.
func newShowcase(bus persistence.Bus, clock clock.Clock) (*showcase, error) {
	subscription, err := bus.Subscribe()
	if err != nil {
		return nil, fmt.Errorf("subscribe to the bus: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &showcase{clock: clock, bus: bus, subscription: subscription, board: ticker.NewBusBoard(subscription), stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		_ = s.board.Follow(ctx) // it ends with ctx, or with the bus after that
	}()
	return s, nil
}

// close ends following.
func (s *showcase) close() {
	s.stop()
	<-s.ended
	s.subscription.Close()
}

// keyframeAge returns how long ago all was known that others had published, false when it
// never was.
func (s *showcase) keyframeAge(statistics *persistence.BusStatistics) (time.Duration, bool) {
	if statistics.Keyframe == 0 {
		return 0, false
	}
	return time.Duration(max(s.clock.Now()-statistics.Keyframe, 0)), true
}

// unready returns why what is shown may not be so now.
func (s *showcase) unready() error {
	statistics := s.bus.Statistics()
	age, ever := s.keyframeAge(&statistics)
	if ever && age <= keyframeAgeMax {
		return nil
	}
	reason := "nobody has told of products yet"
	if ever {
		reason = fmt.Sprintf("all was known %.1f s ago for the last time, and the bound is %g s", age.Seconds(), keyframeAgeMax.Seconds())
	}
	switch {
	case statistics.Away:
		reason += "; Redis cannot be reached"
	case statistics.Refused > 0:
		reason += fmt.Sprintf("; %d messages were refused: are key, namespace and version those of the process that takes orders?", statistics.Refused)
	case statistics.Publishers == 1: // this process
		reason += "; Redis answers, and the process that takes orders is not heard"
	}
	return errors.New(reason)
}

// openShowcase opens the bus, and nothing on the disk.
func (s *server) openShowcase(_ context.Context, p *program, options *serverOptions) (err error) {
	if options.signingKeyOptions.given() {
		if s.signingKey, err = loadSigningKey(options.signingKeyOptions, nil); err != nil {
			return err
		}
	}
	if s.hints, err = newHints(p, &options.redisOptions, s.signingKey, false); err != nil {
		return err
	}
	s.showcase, err = newShowcase(s.hints.bus, p.clock)
	return err
}

// listenToShow opens both listeners and shows what is known.
func (s *server) listenToShow(_ context.Context, p *program, options *serverOptions) error {
	registry := prometheus.NewRegistry()
	if err := errors.Join(s.hints.register(registry), s.showcase.register(registry)); err != nil {
		return fmt.Errorf("register the metrics: %w", err)
	}
	proxies, err := options.trustedProxies()
	if err != nil {
		return err
	}
	encryption, err := options.tlsConfig(nil, p.clock, p.log)
	if err != nil {
		return err
	}
	connections, sockets := connectionsMax(options.ConnectionsMax, options.WSConnectionsMax, encryption != nil)
	if s.front, err = api.New(api.Options{Showcase: &api.Showcase{Board: s.showcase.board, Unready: s.showcase.unready},
		PingRedis: s.hints.ping(), Usages: s.hints.usages, SigningKey: s.signingKey, Clock: p.clock, Log: p.log, Registry: registry, Version: versionText(),
		StrictTransport: options.TLSCertificateFile != "", ConnectionsMax: connections, ConnectionsPerAddressMax: options.ConnectionsPerAddressMax,
		SocketsMax: sockets, SocketsPerAddressMax: options.WSConnectionsPerAddressMax, SocketsPerUserMax: options.WSConnectionsPerUserMax,
		SocketsPoll: options.WSMode == wsModeEpoll, Origins: options.WSOrigins, PageOrigins: options.CORSOrigins, TrustedProxies: proxies,
		RateLimits: api.RateLimits{UnitsPerAddress: options.RateAddressUnits}}); err != nil {
		return err
	}
	return s.open(options, encryption)
}

// awaitKeyframe waits until the products are known: a process that takes orders may come
// later than this one.
func (s *server) awaitKeyframe(ctx context.Context, p *program, _ *serverOptions) error {
	warning := time.After(keyframeWait)
	for !s.showcase.board.Begun() {
		select {
		case <-time.After(keyframePause):
		case <-warning:
			p.log.Warn("the products are not known yet; the start waits until they are", "reason", s.showcase.unready())
		case err := <-s.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
