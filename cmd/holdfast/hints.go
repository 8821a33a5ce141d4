package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"holdfast/persistence"
	"holdfast/persistence/local"
	"holdfast/persistence/redis"
)

// hints are the cache and the bus: what helps, and nothing depends on. With a Redis server
// other processes share both; without one the cache is this process's own, and there is no
// bus, because nobody else would hear it. The cache is its own too while the database is:
// see documentation/decisions/0010.
type hints struct {
	cache  persistence.Cache
	bus    persistence.Bus
	usages persistence.UsageExchange
	server *redis.Server
}

// redisOptions say which Redis server helps.
type redisOptions struct {
	RedisURL       secret `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Address of a Redis server, redis://user:password@host:port/number or rediss:// for TLS, that tells other processes the stock and, with DATABASE_URL, shares copies of the catalogue with them. Nothing depends on it: it may be away at any time. Other users of the machine can see a flag: use the file or the environment."`
	RedisURLFile   string `name:"redis-url-file" env:"REDIS_URL_FILE" placeholder:"FILE" help:"File with that address."`
	RedisNamespace string `env:"HOLDFAST_REDIS_NAMESPACE" default:"default" help:"What the names of keys and channels in Redis have after holdfast:, so that installations can share a server. Processes that share it must have the same signing key, or the same HOLDFAST_REDIS_SECRET."`

	RedisSecret     secret `name:"redis-secret" env:"HOLDFAST_REDIS_SECRET" placeholder:"BASE64" help:"What seals all that is in Redis: 32 random bytes or more in base64, the same in all processes that share a namespace. Who has it and may write to Redis can have wrong stock shown and callers slowed down, but makes no order and no token. Without it the secret follows from the signing key, which a server with HOLDFAST_ROLE=ticker then must have."`
	RedisSecretFile string `name:"redis-secret-file" env:"HOLDFAST_REDIS_SECRET_FILE" placeholder:"FILE" help:"File with that secret."`
}

// Validate refuses what is no address and no namespace.
func (o *redisOptions) Validate() error {
	if o.RedisURL != "" {
		if err := redis.CheckAddress(string(o.RedisURL)); err != nil {
			return usagef("REDIS_URL (--redis-url) is %v", err)
		}
	}
	if err := redis.CheckNamespace(o.RedisNamespace); err != nil {
		return usagef("--redis-namespace: %v", err)
	}
	if o.RedisSecret != "" && o.RedisSecretFile != "" {
		return usagef("--redis-secret and --redis-secret-file are both set: set one of them")
	}
	return nil
}

// secretGiven reports whether a secret of its own is configured.
func (o *redisOptions) secretGiven() bool { return o.RedisSecret != "" || o.RedisSecretFile != "" }

// seal returns what seals values in Redis: it follows from the secret, or without one from
// the signing key.
func (o *redisOptions) seal(signingKey []byte) ([]byte, error) {
	key, err := signingKey, error(nil)
	switch {
	case o.RedisSecret != "":
		key, err = decodeKey("secret", "HOLDFAST_REDIS_SECRET", string(o.RedisSecret))
	case o.RedisSecretFile != "":
		key, err = readKey("secret", o.RedisSecretFile, false)
	}
	if err != nil {
		return nil, err
	}
	return hintSecret(key)
}

// newHints opens cache and bus. shared says that other processes may have the database
// too. Redis is not asked whether it is there.
func newHints(p *program, options *redisOptions, signingKey []byte, shared bool) (*hints, error) {
	cache, err := local.NewCache(local.CacheOptions{Clock: p.clock})
	if err != nil {
		return nil, err
	}
	h := &hints{cache: cache}
	address, err := addressOf("REDIS_URL", options.RedisURL, options.RedisURLFile)
	if err != nil || address == "" {
		return h, err
	}
	seal, err := options.seal(signingKey)
	if err != nil {
		return nil, err
	}
	h.server, err = redis.Open(redis.Options{URL: address, Namespace: options.RedisNamespace, Secret: seal, Clock: p.clock, Log: p.log})
	if errors.Is(err, redis.ErrAddress) {
		return nil, usagef("what is in %s, of REDIS_URL_FILE, is %v", options.RedisURLFile, err)
	}
	if err != nil {
		return nil, err
	}
	h.bus, h.usages = h.server.NewBus(), h.server.NewUsageExchange()
	if shared {
		h.cache = h.server.NewCache()
	}
	return h, nil
}

// hintSecret is what seals values in Redis: the same in all processes that have the key,
// and of no use to make a token with.
func hintSecret(key []byte) ([]byte, error) {
	secret, err := hkdf.Key(sha256.New, key, nil, "holdfast redis v1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the secret for Redis: %w", err)
	}
	return secret, nil
}

// ping returns what asks the Redis server how it is, nil without one.
func (h *hints) ping() func(context.Context) error {
	if h.server == nil {
		return nil
	}
	return h.server.Ping
}

// close ends what was opened.
func (h *hints) close() error {
	if h.server == nil {
		return h.cache.Close()
	}
	return errors.Join(h.usages.Close(), h.bus.Close(), h.cache.Close(), h.server.Close())
}
