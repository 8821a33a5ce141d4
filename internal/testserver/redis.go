package testserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// RedisVariable names a server to use for [SharedRedis].
const RedisVariable = "TEST_REDIS_URL"

// Redis is a Redis server without persistence.
type Redis struct {
	bin, folder string
	arguments   []string
	port        int
	process     *process
	address     string
}

// StartRedis starts a server for one test, with more arguments of redis-server.
func StartRedis(t testing.TB, arguments ...string) *Redis {
	t.Helper()
	r, err := NewRedis(arguments...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// NewRedis starts a server with more arguments of redis-server for whoever is no test. It
// is there until [Redis.Close].
func NewRedis(arguments ...string) (*Redis, error) {
	bin, err := redisProgram.locate()
	if err != nil {
		return nil, err
	}
	folder, err := newFolder(nil)
	if err != nil {
		return nil, err
	}
	r := &Redis{bin: bin, folder: folder, arguments: arguments}
	for try := 1; ; try++ {
		if r.port, err = freePort(); err == nil {
			err = r.start()
		}
		if err == nil || try == startsMax {
			return r, err
		}
	}
}

func (r *Redis) log() string { return filepath.Join(r.folder, "log") }

func (r *Redis) start() (err error) {
	arguments := append([]string{"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--dir", r.folder}, r.arguments...)
	if r.process, err = run(nil, syscall.SIGKILL, r.log(), filepath.Join(r.bin, "redis-server"), arguments...); err != nil {
		return err
	}
	r.address = fmt.Sprintf("redis://127.0.0.1:%d/0", r.port)
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", r.port), DisableIdentity: true, MaxRetries: -1,
		DialTimeout: time.Second})
	defer client.Close()
	return r.process.awaitReady(r.log(), func(ctx context.Context) error {
		err := client.Ping(ctx).Err()
		if _, answered := errors.AsType[redis.Error](err); answered {
			return nil // it wants a password
		}
		return err
	})
}

// URL returns the server's address.
func (r *Redis) URL() string { return r.address }

// Client returns a client that does whatever a test wants.
func (r *Redis) Client(t testing.TB) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(r.address)
	require.NoError(t, err)
	options.DisableIdentity = true
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Kill ends the server as kill -9 does.
func (r *Redis) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, r.End())
}

// End is [Redis.Kill] for whoever is no test.
func (r *Redis) End() error {
	if err := r.process.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill Redis: %w", err)
	}
	<-r.process.done
	return nil
}

// Pause stops the server from running, and returns what lets it go on.
func (r *Redis) Pause(t testing.TB) (resume func()) {
	t.Helper()
	require.NoError(t, r.process.signal(syscall.SIGSTOP))
	return func() { _ = r.process.signal(syscall.SIGCONT) }
}

// Start starts a server that was killed, on its port and empty.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, r.Restart())
}

// Restart is [Redis.Start] for whoever is no test.
func (r *Redis) Restart() error { return r.start() }

// Clients returns how many connections others have to the server.
func (r *Redis) Clients() (int, error) {
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", r.port), DisableIdentity: true, PoolSize: 1})
	defer client.Close()
	list, err := client.ClientList(context.Background()).Result()
	if err != nil {
		return 0, fmt.Errorf("list the clients of Redis: %w", err)
	}
	return strings.Count(list, "\n") - 1, nil // but for this one
}

// Close ends the server at once and removes what it has.
func (r *Redis) Close() error {
	_ = r.process.signal(syscall.SIGKILL) // it may have ended
	<-r.process.done
	return os.RemoveAll(r.folder)
}
