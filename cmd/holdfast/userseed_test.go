package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seed makes customers and returns what the file of tokens has.
func seed(t *testing.T, data string, count int, further ...string) []seededCustomer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	o := run(t, append([]string{"user", "seed", "--count", strconv.Itoa(count), "--tokens", path, "--valid-for", "1h", "--data-dir", data}, further...)...)
	require.Equal(t, exitOK, o.code, o.stderr)
	assert.Empty(t, o.stdout)
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing unfinished is left")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var customers []seededCustomer
	for line := range strings.Lines(string(text)) {
		var customer seededCustomer
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&customer))
		customers = append(customers, customer)
		assert.NotContains(t, o.stderr, customer.AccessToken)
	}
	return customers
}

// A server that is started afterwards knows the customers and accepts their tokens,
// for as long as was asked for.
func TestSeededCustomersCanOrder(t *testing.T) {
	data := freshDirectory(t)
	customers := append(seed(t, data, 3), seed(t, data, 2)...)
	require.Len(t, customers, 5)
	s := serve(t, data, "--demo")
	for _, customer := range customers {
		me := s.do(call{method: "GET", path: "/api/me", token: customer.AccessToken})
		require.Equal(t, 200, me.status, me.text)
		assert.Equal(t, customer.ID, me.body["id"])
		assert.Equal(t, customer.Email, me.body["email"])
		assert.Equal(t, "customer", me.body["role"])
		order := s.order(customer.AccessToken)
		assert.Equal(t, 201, order.status, order.text)
		assert.Equal(t, 403, s.post("/api/products", customer.AccessToken, someProduct("A")).status)
		assert.Equal(t, 3600., lifetime(t, customer.AccessToken))
		login := s.post("/api/login", "", `{"email":"`+customer.Email+`","password":"`+lanternPassword+`"}`)
		assert.Equal(t, 401, login.status, "no password opens the account")
	}
}

// lifetime is how long a token is valid, in seconds.
func lifetime(t *testing.T, token string) float64 {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims["exp"].(float64) - claims["iat"].(float64)
}

// Accounts are made by the thousand in a transaction; none is lost at the seam.
func TestSeedMakesAsManyAsAskedFor(t *testing.T) {
	data := freshDirectory(t)
	ids := make(map[string]bool)
	for _, customer := range seed(t, data, seedChunk+1) {
		ids[customer.ID] = true
	}
	assert.Len(t, ids, seedChunk+1)
}

// Tokens are for the servers that have the key.
func TestSeedSignsWithTheConfiguredKey(t *testing.T) {
	data := freshDirectory(t)
	t.Setenv("HOLDFAST_SIGNING_KEY", randomKey(t))
	customer := seed(t, data, 1)[0]
	s := serve(t, data)
	assert.Equal(t, 200, s.do(call{method: "GET", path: "/api/me", token: customer.AccessToken}).status)
	s.stop(t)
	t.Setenv("HOLDFAST_SIGNING_KEY", "")
	s = serve(t, data)
	assert.Equal(t, 401, s.do(call{method: "GET", path: "/api/me", token: customer.AccessToken}).status)
}

// Nobody could make the tokens in the file again.
func TestSeedKeepsAnExistingFile(t *testing.T) {
	data, file := freshDirectory(t), writeFile(t, "precious\n", 0o600)
	o := run(t, "user", "seed", "--count", "1", "--tokens", file, "--valid-for", "1h", "--data-dir", data)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, file)
	assert.Contains(t, o.stderr, "choose another name for --tokens")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "precious\n", string(text))
	assert.NoDirExists(t, data, "customers were made all the same")
}

// Where no file can be written nobody is made; a failure leaves no part of a file.
func TestSeedFailsWithoutATrace(t *testing.T) {
	folder := t.TempDir()
	o := run(t, "user", "seed", "--count", "1", "--tokens", filepath.Join(folder, "missing", "t"), "--valid-for", "1h",
		"--data-dir", freshDirectory(t))
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, filepath.Join(folder, "missing"))
	broken := errors.New("broken")
	c := seedCommand{Tokens: filepath.Join(folder, "tokens")}
	err := c.writeFile(func(encoder *json.Encoder) error { return errors.Join(encoder.Encode("half"), broken) })
	require.ErrorIs(t, err, broken)
	require.NoError(t, fs.WalkDir(os.DirFS(folder), ".", func(path string, _ fs.DirEntry, err error) error {
		assert.Equal(t, ".", path)
		return err
	}))
}
