package testserver

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared are the servers of all tests of a package.
var shared struct {
	mutex    sync.Mutex
	postgres *Postgres
	redis    *Redis
}

// SharedPostgres returns the server that all tests of a package use, or the one of
// TEST_DATABASE_URL, whose account must be allowed to make databases. The package's
// TestMain has to run [Main].
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	shared.mutex.Lock()
	defer shared.mutex.Unlock()
	if address := os.Getenv(PostgresVariable); address != "" {
		return &Postgres{address: address}
	}
	if shared.postgres == nil {
		p, err := NewPostgres(Careless...)
		require.NoError(t, err)
		shared.postgres = p
	}
	return shared.postgres
}

// SharedRedis returns the server that all tests of a package use, or the one of
// TEST_REDIS_URL. Tests have to use keys of their own. The package's TestMain has to run
// [Main].
func SharedRedis(t testing.TB) *Redis {
	t.Helper()
	shared.mutex.Lock()
	defer shared.mutex.Unlock()
	if address := os.Getenv(RedisVariable); address != "" {
		return &Redis{address: address}
	}
	if shared.redis == nil {
		r, err := NewRedis()
		require.NoError(t, err)
		shared.redis = r
	}
	return shared.redis
}

// Main is a package's tests, after which the shared servers stop. It is what TestMain
// runs: goleak.VerifyTestMain(testserver.Main{M: m}).
type Main struct{ M interface{ Run() int } }

// Run runs the tests and returns their exit code.
func (m Main) Run() int {
	code := m.M.Run()
	shared.mutex.Lock()
	defer shared.mutex.Unlock()
	var err error
	if shared.postgres != nil {
		err = shared.postgres.Close()
	}
	if shared.redis != nil {
		err = errors.Join(err, shared.redis.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stop the test servers:", err)
		return max(code, 1)
	}
	return code
}

// splitFields yields the numbers in a text.
func splitFields(text []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for field := range strings.FieldsSeq(string(text)) {
			if number, err := strconv.Atoi(field); err == nil && !yield(number) {
				return
			}
		}
	}
}
