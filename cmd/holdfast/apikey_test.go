package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// createKey makes an API key; it is printed alone, so that a script can keep it.
func createKey(t *testing.T, data, name, role string) string {
	t.Helper()
	o := run(t, "apikey", "create", "--name", name, "--role", role, "--data-dir", data)
	require.Equal(t, exitOK, o.code, o.stderr)
	require.Regexp(t, regexp.MustCompile(`\Ahfk_[A-Za-z0-9_-]{43}\n\z`), o.stdout)
	key := o.stdout[:len(o.stdout)-1]
	assert.NotContains(t, o.stderr, key)
	return key
}

// A key may do what its role may, and no more.
func TestAnAPIKeyWorksForItsRole(t *testing.T) {
	data := freshDirectory(t)
	admin, service := createKey(t, data, "shop", "admin"), createKey(t, data, "payments", "service")
	assert.NotEqual(t, admin, service)
	customer := seed(t, data, 1)[0].AccessToken
	s := serve(t, data, "--demo", "--no-owner-confirm")
	assert.Equal(t, 403, s.post("/api/products", service, someProduct("A")).status)
	assert.Equal(t, 201, s.post("/api/products", admin, someProduct("A")).status)
	order := s.order(customer)
	require.Equal(t, 201, order.status, order.text)
	confirm := "/api/orders/" + order.body["id"].(string) + "/confirm"
	assert.Equal(t, 403, s.post(confirm, customer, "{}").status)
	assert.Equal(t, 200, s.post(confirm, service, "{}").status)
	assert.Equal(t, 401, s.post(confirm, service[:len(service)-1]+"~", "{}").status, "a key that was never made")
}

// Only its hash is kept.
func TestAnAPIKeyIsNotStored(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "a", "admin")
	entries, err := os.ReadDir(data)
	require.NoError(t, err)
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(data, entry.Name()))
		require.NoError(t, err)
		assert.NotContains(t, string(content), key)
	}
}

func TestNamesOfAPIKeysAreUnique(t *testing.T) {
	data := freshDirectory(t)
	first := createKey(t, data, "a", "service")
	o := run(t, "apikey", "create", "--name", " a ", "--role", "admin", "--data-dir", data)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, `there is an API key named "a"`)
	assert.Empty(t, o.stdout)
	createKey(t, data, "b", "service")
	s := serve(t, data)
	assert.Equal(t, 403, s.post("/api/products", first, someProduct("A")).status, "the first key keeps its role")
}

// Keys are listed without what they are, and revoked by their name. Both, and their making,
// are on record.
func TestAPIKeysAreListedAndRevoked(t *testing.T) {
	data := freshDirectory(t)
	key := createKey(t, data, "payments", "service")
	createKey(t, data, "a shop", "admin")
	listed := succeed(t, "apikey", "list", "--data-dir", data)
	assert.Regexp(t, `(?s)name.*a shop +admin.*payments +service`, listed)
	assert.NotContains(t, listed, key)
	succeed(t, "apikey", "revoke", "--name", "payments", "--data-dir", data)
	assert.NotContains(t, succeed(t, "apikey", "list", "--data-dir", data), "payments")
	o := run(t, "apikey", "revoke", "--name", "payments", "--data-dir", data)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, `there is no API key named "payments"`)
	s := serve(t, data, "--demo")
	assert.Equal(t, 401, s.post("/api/products", key, someProduct("A")).status)
	s.stop(t)
	assert.Contains(t, succeed(t, "audit", "verify", "--data-dir", data), "has 3 entries")
}
