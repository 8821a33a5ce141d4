package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const lanternPassword = "a lantern in any wind"

// randomKey is a good signing key in text.
func randomKey(t *testing.T) string {
	t.Helper()
	var key [32]byte
	_, err := rand.Read(key[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(key[:])
}

func textKey(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

func TestWeakSigningKeysAreRefused(t *testing.T) {
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(200 + 3*i)
	}
	for _, c := range []struct{ name, key, says string }{
		{"not base64", "not base64 at all!", "is not base64"},
		{"hexadecimal with a stray character", "0123456789abcdef0123456789abcdef0", "is not base64"},
		{"too short", randomKey(t)[:40], "has 30 bytes and needs at least 32"},
		{"empty file", "", "has 0 bytes and needs at least 32"},
		{"zeros", textKey(make([]byte, 32)), "is not random enough"},
		{"few values", textKey(bytes.Repeat([]byte{1, 200, 7, 90}, 16)), "is not random enough"},
		{"text", textKey([]byte("correct horse battery staple 1234567890")), "is not random enough"},
		{"counting", textKey(counting), "is not random enough"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := writeFile(t, c.key+"\n", 0o600)
			expectWeakKey(t, file, c.key, c.says, run(t, append(serveArguments(freshDirectory(t)), "--signing-key-file", file)...))
			t.Run("in the data directory", func(t *testing.T) {
				data := freshDirectory(t)
				putSigningKey(t, data, c.key)
				expectWeakKey(t, filepath.Join(data, "keys", "signing.key"), c.key, c.says, run(t, serveArguments(data)...))
			})
			if c.key == "" {
				return // an empty variable is none
			}
			t.Setenv("HOLDFAST_SIGNING_KEY", c.key)
			expectWeakKey(t, "HOLDFAST_SIGNING_KEY", c.key, c.says, run(t, serveArguments(freshDirectory(t))...))
		})
	}
}

// expectWeakKey expects a refusal that names the place and does not show the key.
func expectWeakKey(t *testing.T, place, key, says string, o outcome) {
	t.Helper()
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, place)
	assert.Contains(t, o.stderr, says)
	assert.Contains(t, o.stderr, "openssl rand -base64 32")
	if key != "" {
		assert.NotContains(t, o.stderr, key)
	}
}

func putSigningKey(t *testing.T, data, key string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(data, "keys"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "keys", "signing.key"), []byte(key), 0o600))
}

func TestASigningKeyThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o602, 0o610} {
		data := freshDirectory(t)
		putSigningKey(t, data, randomKey(t))
		path := filepath.Join(data, "keys", "signing.key")
		require.NoError(t, os.Chmod(path, mode))
		o := run(t, serveArguments(data)...)
		assert.Equal(t, exitError, o.code)
		assert.Contains(t, o.stderr, "chmod 600 "+path)
		require.NoError(t, os.Chmod(path, 0o600))
		serve(t, data).stop(t)
	}
}

// Container platforms hand secrets over in files that all users may read.
func TestASigningKeyFromElsewhereMayBeReadable(t *testing.T) {
	s := serve(t, freshDirectory(t), "--signing-key-file", writeFile(t, "\n "+randomKey(t)+" \n", 0o644))
	assert.Equal(t, 200, s.get("/readyz").status)
}

func TestAMissingSigningKeyFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing")
	o := run(t, append(serveArguments(freshDirectory(t)), "--signing-key-file", path)...)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, path)
}

// The data directory's own key is made once and kept: sessions outlive a restart.
func TestTheSigningKeyIsMadeOnce(t *testing.T) {
	data := freshDirectory(t)
	path := filepath.Join(data, "keys", "signing.key")
	s := serve(t, data)
	made, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), modeOf(t, path))
	assert.Equal(t, os.FileMode(0o700), modeOf(t, filepath.Dir(path)))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing unfinished is left")
	token := s.register("ada@example.com", lanternPassword)
	s.stop(t)

	s = serve(t, data)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, made, kept)
	assert.Equal(t, 200, s.do(call{method: "GET", path: "/api/me", token: token}).status)
	s.stop(t)

	// Another key ends the sessions, and leaves the first alone.
	t.Setenv("HOLDFAST_SIGNING_KEY", randomKey(t))
	s = serve(t, data)
	assert.Equal(t, 401, s.do(call{method: "GET", path: "/api/me", token: token}).status)
	kept, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, made, kept)
}

// Two data directories never share a key.
func TestSigningKeysDiffer(t *testing.T) {
	first, err := makeSigningKey(filepath.Join(t.TempDir(), "keys", "signing.key"))
	require.NoError(t, err)
	second, err := makeSigningKey(filepath.Join(t.TempDir(), "keys", "signing.key"))
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
	assert.Len(t, first, 32)
}

// A configured key is used instead of one of the data directory, whichever way it
// is configured.
func TestConfiguredKeysLeaveTheDataDirectoryWithout(t *testing.T) {
	data, key := freshDirectory(t), randomKey(t)
	t.Setenv("HOLDFAST_SIGNING_KEY_FILE", writeFile(t, key, 0o600))
	s := serve(t, data)
	token := s.register("ada@example.com", lanternPassword)
	s.stop(t)
	assert.NoDirExists(t, filepath.Join(data, "keys"))
	t.Setenv("HOLDFAST_SIGNING_KEY_FILE", "")
	t.Setenv("HOLDFAST_SIGNING_KEY", key)
	s = serve(t, data)
	assert.Equal(t, 200, s.do(call{method: "GET", path: "/api/me", token: token}).status)
}
