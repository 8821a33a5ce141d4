package main

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"holdfast/internal/testserver"
)

// canaryPassword is what accounts of the tests have: nothing but a request may have it.
const canaryPassword = lanternPassword

// secretShapes are access tokens, API keys, refresh tokens, and those of second steps and
// mails.
var secretShapes = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{16,}\.eyJ|hf[krmp]_[A-Za-z0-9_-]{20,}`)

// expectNoSecret finds what must not be in a text.
func expectNoSecret(t testing.TB, where, text string, others ...string) {
	t.Helper()
	for _, secret := range append(others, canaryPassword) {
		assert.NotContains(t, text, secret, "%s has a secret", where)
	}
	assert.Empty(t, secretShapes.FindString(text), "%s has a token", where)
}

// expectNoSecretOnDisk looks into journal and database of a data directory.
func expectNoSecretOnDisk(t testing.TB, data string, others ...string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) == "keys" {
			return err
		}
		content, err := os.ReadFile(path)
		expectNoSecret(t, path, string(content), others...)
		if strings.HasSuffix(path, ".journal") {
			assert.NotContains(t, string(content), "@example", "the journal has no addresses")
		}
		return err
	}))
}

// copiesIn is what a Redis has.
func copiesIn(t *testing.T, server *testserver.Redis) string {
	t.Helper()
	client := server.Client(t)
	keys, err := client.Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	var all strings.Builder
	for _, key := range keys {
		value, err := client.Get(t.Context(), key).Result()
		require.NoError(t, err)
		all.WriteString(key + "\n" + value + "\n")
	}
	return all.String()
}

// Nothing that is secret is in a log, the journal, the database, Redis, the metrics or an
// error, whatever goes wrong. The log of every server of the other tests is looked at too.
func TestRow45CanarySecrets(t *testing.T) {
	postgres, redis := testserver.StartPostgres(t), testserver.StartRedis(t)
	database := postgres.NewDatabase(t)
	data := freshDirectory(t)
	key := strings.TrimSpace(succeed(t, "apikey", "create", "--name", "canary", "--role", "admin", "--data-dir", data, "--database-url", database))
	s := serve(t, data, "--database-url", database, "--redis-url", redis.URL(), "--log-level", "debug")
	var errorsSeen strings.Builder
	fails := func(c call) {
		r := s.do(c)
		require.GreaterOrEqual(t, r.status, 400, r.text)
		errorsSeen.WriteString(r.text)
	}
	weak := s.register("ada@example.com", canaryPassword)
	login := s.post("/api/login", "", `{"email":"ada@example.com","password":"`+canaryPassword+`"}`)
	refresh := login.body["refresh_token"].(string)
	enrolled := s.post("/api/2fa/enroll", weak, `{"password":"`+canaryPassword+`"}`)
	secret := enrolled.body["secret"].(string)
	require.NotEmpty(t, secret)
	for _, c := range []call{
		{path: "/api/login", body: `{"email":"ada@example.com","password":"` + canaryPassword + `!"}`},
		{path: "/api/login", body: `{"email":"` + canaryPassword + `","password":"` + canaryPassword + `","password":"x"}`},
		{path: "/api/register", body: `{"email":"ada@example.com","password":"` + canaryPassword + `","name":"Ada"}`},
		{path: "/api/register", body: `{"email":"eve@example.com","password":"` + canaryPassword + `","name":"` + canaryPassword[:8]},
		{path: "/api/refresh", body: `{"refresh_token":"` + refresh + `x"}`},
		{path: "/api/login/2fa", body: `{"mfa_token":"hfm_` + refresh + `","code":"` + secret + `"}`},
		{path: "/api/password/reset", body: `{"token":"hfp_` + refresh + `","new_password":"` + canaryPassword + `"}`},
		{path: "/api/2fa/activate", token: weak, body: `{"code":"` + secret + `"}`},
		{path: "/api/orders", token: refresh, body: `{"items":[]}`},
		{path: "/api/orders", token: weak + "x", body: `{"items":[]}`},
		{path: "/api/me/password", token: weak, body: `{"password":"no","new_password":"` + canaryPassword + ` again"}`},
	} {
		c.method = "POST"
		fails(c)
	}
	product := s.post("/api/products", key, someProduct("CANARY"))
	require.Equal(t, 201, product.status, product.text)
	var copies string
	// A read that a change overtakes leaves no copy, and neither does one that Redis answers
	// too late: the next one does.
	require.Eventually(t, func() bool {
		require.Equal(t, 200, s.get("/api/products/"+product.body["id"].(string)).status)
		copies = copiesIn(t, redis)
		return strings.Contains(copies, "CANARY")
	}, patience, 10*time.Millisecond)
	expectNoSecret(t, "Redis", copies, secret, refresh)
	postgres.Stop(t, "immediate")
	fails(call{method: "POST", path: "/api/login", body: `{"email":"ada@example.com","password":"` + canaryPassword + `"}`})
	postgres.Start(t)
	metrics, err := s.send(client, call{method: "GET", path: "/readyz?verbose"})
	require.NoError(t, err)
	admin := site{t: t, url: s.admin}
	expectNoSecret(t, "a metric", admin.get("/metrics").text+metrics.text, secret, refresh)
	expectNoSecret(t, "an error", errorsSeen.String(), secret)
	s.stop(t)
	expectNoSecret(t, "the log", s.log.String(), secret, refresh)
	expectNoSecretOnDisk(t, data, secret)
	dump, err := postgres.Tool("", "pg_dump", "--dbname", database)
	require.NoError(t, err)
	require.Contains(t, dump, "ada@example.com")
	expectNoSecret(t, "the database", dump, secret, hex.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(canaryPassword)))
}
