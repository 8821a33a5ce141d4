package testserver

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(Main{M: m}) }

func scalar(t *testing.T, address, statement string) (value string) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	defer connection.Close(context.Background())
	require.NoError(t, connection.QueryRow(t.Context(), statement).Scan(&value))
	return value
}

func TestAStoppedPostgresStartsWithWhatItHad(t *testing.T) {
	server := StartPostgres(t)
	database := server.NewDatabase(t)
	require.Equal(t, "on", scalar(t, database, "SHOW fsync"))
	connection, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	_, err = connection.Exec(t.Context(), "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')")
	require.NoError(t, err)
	server.Stop(t, "immediate")
	require.Error(t, connection.Ping(t.Context()))
	server.Start(t)
	require.Equal(t, "still here", scalar(t, database, "SELECT word FROM kept"))
}

func TestDatabasesAreApart(t *testing.T) {
	server := SharedPostgres(t)
	first, second := server.NewDatabase(t), server.NewDatabase(t)
	require.NotEqual(t, scalar(t, first, "SELECT current_database()"), scalar(t, second, "SELECT current_database()"))
	require.Same(t, server, SharedPostgres(t))
}

// A server that is paused answers nobody until it goes on.
func TestPause(t *testing.T) {
	server := StartPostgres(t, Careless...)
	connection, err := pgx.Connect(t.Context(), server.NewDatabase(t))
	require.NoError(t, err)
	defer connection.Close(context.Background())
	resume := server.Pause(t)
	answered := make(chan error, 1)
	go func() { answered <- connection.Ping(t.Context()) }()
	select {
	case err := <-answered:
		t.Fatalf("a paused server answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	resume()
	require.NoError(t, <-answered)
}

func TestAKilledRedisStartsEmpty(t *testing.T) {
	server := StartRedis(t)
	options, err := redis.ParseURL(server.URL())
	require.NoError(t, err)
	options.DisableIdentity = true
	client := redis.NewClient(options)
	defer client.Close()
	require.NoError(t, client.Set(t.Context(), "word", "gone", 0).Err())
	server.Kill(t)
	require.Error(t, client.Ping(t.Context()).Err())
	server.Start(t)
	require.ErrorIs(t, client.Get(t.Context(), "word").Err(), redis.Nil)
	require.Same(t, SharedRedis(t), SharedRedis(t))
}

// What cannot be found and not be installed is an error that says what to do.
func TestWhatIsMissingIsNamed(t *testing.T) {
	missing := program{"no-such-program", "no-such-package", []string{"/nowhere/*/bin"}}
	_, err := missing.locate()
	require.ErrorContains(t, err, "no-such-program is neither in $"+binVariable)
	require.ErrorContains(t, err, "install the package no-such-package")
}

// echo answers each line with itself.
func echo(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				chunk := make([]byte, 100)
				for {
					n, err := connection.Read(chunk)
					if err != nil {
						return
					}
					if _, err := connection.Write(chunk[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func TestProxy(t *testing.T) {
	proxy := StartProxy(t, echo(t))
	dial := func() net.Conn {
		connection, err := net.Dial("tcp", proxy.Address())
		require.NoError(t, err)
		t.Cleanup(func() { _ = connection.Close() })
		return connection
	}
	answer := func(connection net.Conn, word string) (string, error) {
		if _, err := connection.Write([]byte(word)); err != nil {
			return "", err
		}
		chunk := make([]byte, 100)
		n, err := connection.Read(chunk)
		return string(chunk[:n]), err
	}
	connection := dial()
	got, err := answer(connection, "hello")
	require.NoError(t, err)
	require.Equal(t, "hello", got)

	proxy.Stall(true)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = answer(connection, "late")
	require.ErrorContains(t, err, "timeout")
	proxy.Stall(false)
	require.NoError(t, connection.SetReadDeadline(time.Time{}))
	chunk := make([]byte, 100)
	n, err := connection.Read(chunk)
	require.NoError(t, err)
	require.Equal(t, "late", string(chunk[:n]))

	for _, fromClient := range []bool{true, false} {
		proxy.Filter(func(client bool, chunk []byte) bool {
			return client != fromClient || !strings.Contains(string(chunk), "bad")
		})
		connection = dial()
		got, err = answer(connection, "good")
		require.NoError(t, err)
		require.Equal(t, "good", got)
		_, err = answer(connection, "bad")
		require.Error(t, err)
	}

	proxy.Filter(nil)

	connection = dial()
	proxy.Lose(func(_ bool, chunk []byte) bool { return !strings.Contains(string(chunk), "lost") })
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = answer(connection, "lost")
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, connection.SetReadDeadline(time.Time{}))
	got, err = answer(connection, "kept")
	require.NoError(t, err)
	require.Equal(t, "kept", got)
	proxy.Lose(nil)

	proxy.Refuse(true)
	_, err = answer(dial(), "hello")
	require.Error(t, err)
	proxy.Refuse(false)
	_, err = answer(dial(), "hello")
	require.NoError(t, err)
}
