package main

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever is asked of a server, its log at the finest level has no secret.
func TestNoSecretIsLogged(t *testing.T) {
	data, key := freshDirectory(t), randomKey(t)
	t.Setenv("HOLDFAST_SIGNING_KEY", key)
	apiKey := createKey(t, data, "shop", "admin")
	seeded := seed(t, data, 1)[0].AccessToken
	const redisPassword = "pa55word-of-redis"
	s := serve(t, data, "--log-level", "debug", "--demo", "--redis-url", "redis://shop:"+redisPassword+"@127.0.0.1:1/0")
	s.log.await(t, "redis: stock is not told to other processes", s.ended)
	secrets := []string{redisPassword, key, apiKey, seeded, lanternPassword, "a wrong lantern in any wind", "not.a.token", "hfk_" + strings.Repeat("x", 43)}
	secrets = append(secrets, s.register("ada@example.com", lanternPassword))
	_, token := s.login("ada@example.com", lanternPassword)
	secrets = append(secrets, token)
	assert.Equal(t, 401, s.post("/api/login", "", `{"email":"ada@example.com","password":"a wrong lantern in any wind"}`).status)
	assert.Equal(t, 422, s.post("/api/register", "", `{"email":"ada@example.com","pasword":"`+lanternPassword+`"}`).status)
	for _, token := range slices.Clone(secrets) {
		if !strings.Contains(token, " ") {
			s.do(call{method: "GET", path: "/api/me?token=" + token, token: token})
		}
	}
	s.order(token)
	metrics := site{t: t, url: s.admin}.get("/metrics")
	require.Equal(t, 200, metrics.status)
	s.stop(t)
	require.Contains(t, s.log.String(), "ready")
	for _, secret := range secrets {
		assert.NotContains(t, s.log.String()+metrics.text, secret)
	}
}

// The admin pages are on their own listener only.
func TestAdminPagesAreApart(t *testing.T) {
	s := serve(t, freshDirectory(t))
	assert.Equal(t, 404, s.get("/metrics").status)
	admin := site{t: t, url: s.admin}
	assert.Equal(t, 200, admin.get("/metrics").status)
	assert.Equal(t, 404, admin.get("/api/products").status)
}

// An address that is taken is named with its option, and the data directory is free
// again.
func TestATakenAddressIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	data := freshDirectory(t)
	for _, option := range []string{"--listen", "--admin-listen"} {
		o := run(t, append(serveArguments(data), option, taken.Addr().String())...)
		assert.Equal(t, exitError, o.code)
		assert.Contains(t, o.stderr, "("+option+")")
		assert.Contains(t, o.stderr, taken.Addr().String())
		assert.Contains(t, o.stderr, "address already in use")
	}
	serve(t, data)
}

// An IPv4 address is only that: 0.0.0.0 does not open the machine's IPv6 addresses.
func TestListenOn(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0", "localhost:0"} {
		listener, err := listenOn(address)
		require.NoError(t, err)
		bound := listener.Addr().(*net.TCPAddr)
		if address != "localhost:0" {
			assert.NotNil(t, bound.IP.To4(), "%s listens on %s", address, bound)
		}
		assert.NotZero(t, bound.Port)
		require.NoError(t, listener.Close())
	}
	listener, err := listenOn("[::1]:0")
	if !hasLoopbackIPv6(t) {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	require.NoError(t, listener.Close())
}

func hasLoopbackIPv6(t *testing.T) bool {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	return slices.ContainsFunc(addresses, func(address net.Addr) bool {
		return address.(*net.IPNet).IP.Equal(net.IPv6loopback)
	})
}

// With --ack=database orders are answered after the commit, and everybody who looks after
// the server can see that.
func TestOrdersAreAnsweredFromTheDatabase(t *testing.T) {
	for _, mode := range []string{"journal", "database"} {
		s := serve(t, freshDirectory(t), "--demo", "--ack", mode)
		s.register("ada@example.com", lanternPassword)
		_, token := s.login("ada@example.com", lanternPassword)
		s.order(token)
		assert.Contains(t, s.get("/readyz?verbose").text, "ack="+mode+"; ")
		metrics := site{t: t, url: s.admin}.get("/metrics").text
		expected := map[string]string{"journal": "0", "database": "1"}[mode]
		for _, line := range []string{"inventory_ack_database " + expected, "inventory_database_up 1",
			`inventory_projection_failing{class="timeout"} 0`, "inventory_projection_failures_total 0",
			"inventory_projection_backlog_bytes_max 2.147483648e+09"} {
			assert.Contains(t, metrics, line)
		}
		s.stop(t)
	}
}
