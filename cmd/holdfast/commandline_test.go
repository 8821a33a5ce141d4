package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUsageErrorsSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		arguments []string
		says      string
	}{
		{[]string{"bogus"}, "bogus"},
		{[]string{"serve", "--bogus"}, "--bogus"},
		{[]string{"serve", "bogus"}, "bogus"},
		{[]string{"journal"}, "verify"},
		{[]string{"user", "create-admin"}, "--email"},
		{[]string{"user", "create-admin", "--email", "Ada <ada@example.com>"}, "--email"},
		{[]string{"user", "create-admin", "--email", "ada@example.com", "--name", " "}, "--name"},
		{[]string{"user", "set-role", "--email", "ada@example.com", "--role", "owner"}, "--role"},
		{[]string{"user", "set-role", "--email", "nobody", "--role", "admin"}, "--email"},
		{[]string{"user", "seed", "--count", "0", "--tokens", "t", "--valid-for", "1h"}, "--count is 0"},
		{[]string{"user", "seed", "--count", "1", "--tokens", "t", "--valid-for", "0s"}, "--valid-for is 0s"},
		{[]string{"user", "seed", "--count", "1", "--valid-for", "1h"}, "--tokens"},
		{[]string{"apikey", "create", "--role", "admin"}, "--name"},
		{[]string{"apikey", "create", "--name", "a\nb", "--role", "admin"}, "--name"},
		{[]string{"apikey", "create", "--name", "a", "--role", "customer"}, "--role"},
		{[]string{"journal", "dump", "--from", "5", "--to", "3"}, "--to is 3"},
		{[]string{"journal", "dump", "--from", "x"}, "--from"},
		{[]string{"healthcheck", "--timeout", "0s"}, "--timeout is 0s"},
		{[]string{"healthcheck", "--listen", "127.0.0.1:0"}, "--listen"},
		{[]string{"healthcheck", "--url", "::"}, "--url"},
	} {
		t.Run(c.says, func(t *testing.T) {
			data := freshDirectory(t)
			o := run(t, append(c.arguments, "--data-dir", data)...)
			assert.Equal(t, exitUsage, o.code, o.stderr)
			assert.Contains(t, o.stderr, "holdfast: ")
			assert.Contains(t, o.stderr, c.says)
			assert.Empty(t, o.stdout)
			assert.NoDirExists(t, data, "it was refused after something was made")
		})
	}
}

func TestHelpGoesToStdout(t *testing.T) {
	o := run(t, "--help")
	require.Equal(t, exitOK, o.code)
	assert.Empty(t, o.stderr)
	for _, command := range []string{"serve", "journal verify", "journal dump", "user create-admin", "user set-role", "user remove-factor",
		"user seed", "apikey create", "healthcheck", "config print", "version"} {
		assert.Contains(t, o.stdout, "\n  "+command+" ")
	}
	o = run(t, "journal", "dump", "--help")
	require.Equal(t, exitOK, o.code)
	assert.Contains(t, o.stdout, "--from")
}
