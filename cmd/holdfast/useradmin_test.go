package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func createAdmin(t *testing.T, stdin io.Reader, arguments ...string) outcome {
	t.Helper()
	return runWith(t.Context(), stdin, append([]string{"user", "create-admin"}, arguments...)...)
}

// An administrator logs in and may do what only administrators may.
func TestCreateAdmin(t *testing.T) {
	for name, stdin := range map[string]string{
		"a line":            lanternPassword + "\n",
		"no newline":        lanternPassword,
		"a line of Windows": lanternPassword + "\r\n",
		"more lines":        lanternPassword + "\nanother line\n",
	} {
		t.Run(name, func(t *testing.T) {
			data := freshDirectory(t)
			o := createAdmin(t, strings.NewReader(stdin), "--email", " Ada@Example.com ", "--password-stdin", "--data-dir", data)
			require.Equal(t, exitOK, o.code, o.stderr)
			assert.Empty(t, o.stdout)
			assert.Contains(t, o.stderr, "ada@example.com")
			assert.NotContains(t, o.stderr, "lantern")
			s := serve(t, data)
			role, token := s.login("ada@example.com", lanternPassword)
			assert.Equal(t, "admin", role)
			assert.Equal(t, 403, s.post("/api/products", token, someProduct("A")).status, "without a second factor")
			assert.Equal(t, 201, s.post("/api/products", s.withFactor(token, lanternPassword), someProduct("A")).status)
		})
	}
}

func TestCreateAdminRefusesPasswords(t *testing.T) {
	for name, c := range map[string]struct{ stdin, says string }{
		"nothing":        {"", "stdin ended before a password"},
		"an empty line":  {"\n" + lanternPassword + "\n", "at least 15 characters"},
		"too short":      {"short\n", "at least 15 characters"},
		"too long":       {strings.Repeat("long ", 30) + "\n", "at most 128 characters"},
		"far too long":   {strings.Repeat("x", 5000) + "\n", "too long"},
		"not UTF-8":      {"a lantern \xff in any wind\n", "not UTF-8"},
		"easily guessed": {"ada@example.com1\n", "built from"},
	} {
		t.Run(name, func(t *testing.T) {
			data := freshDirectory(t)
			o := createAdmin(t, strings.NewReader(c.stdin), "--email", "ada@example.com", "--password-stdin", "--data-dir", data)
			assert.Equal(t, exitUsage, o.code)
			assert.Contains(t, o.stderr, c.says)
			if secret := strings.TrimSpace(c.stdin); secret != "" {
				assert.NotContains(t, o.stderr, secret)
			}
			o = createAdmin(t, stdinOf(lanternPassword), "--email", "ada@example.com", "--password-stdin", "--data-dir", data)
			assert.Equal(t, exitOK, o.code, "the refusal left an account: %s", o.stderr)
		})
	}
}

// An address that is taken is told before anybody is asked for a password, and the
// account stays as it is.
func TestCreateAdminLeavesOtherAccountsAlone(t *testing.T) {
	data := freshDirectory(t)
	s := serve(t, data)
	s.register("ada@example.com", lanternPassword)
	s.stop(t)
	o := createAdmin(t, untouched{t}, "--email", "ADA@example.com", "--password-stdin", "--data-dir", data)
	assert.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, `there is an account with the address ada@example.com: use "holdfast user set-role"`)
	s = serve(t, data)
	role, _ := s.login("ada@example.com", lanternPassword)
	assert.Equal(t, "customer", role)
}

// Where nobody can be asked, it says how to do without.
func TestCreateAdminWithoutATerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	file, err := os.Open(writeFile(t, lanternPassword, 0o600))
	require.NoError(t, err)
	defer file.Close()
	for name, stdin := range map[string]io.Reader{"a reader": untouched{t}, "the null device": null, "a file": file} {
		t.Run(name, func(t *testing.T) {
			o := createAdmin(t, stdin, "--email", "ada@example.com", "--data-dir", filepath.Join(t.TempDir(), "data"))
			assert.Equal(t, exitUsage, o.code)
			assert.Contains(t, o.stderr, "use --password-stdin")
		})
	}
}

// What a first start prints is a command that a shell understands, and makes the first
// administrator; the next start prints nothing.
func TestTheFirstAdminIsMadeAsTheStartSays(t *testing.T) {
	assert.Contains(t, setupText, "application/json' \\\n    -d ")
	assert.NotContains(t, setupText, `\\`)
	data := freshDirectory(t)
	s := serve(t, data)
	said := regexp.MustCompile(`"token":"([A-Z0-9]+)"`).FindStringSubmatch(s.stdout.String())
	require.Len(t, said, 2, s.stdout.String())
	made := s.post("/api/setup", "", `{"token":"`+said[1]+`","email":"ada@example.com","password":"`+lanternPassword+`","name":"Ada"}`)
	require.Equal(t, 201, made.status, made.text)
	assert.Equal(t, 201, s.post("/api/products", s.withFactor(made.body["access_token"].(string), lanternPassword), someProduct("A")).status)
	s.stop(t)
	again := serve(t, data)
	assert.Empty(t, again.stdout.String())
}
