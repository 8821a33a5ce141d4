package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever has lost device and recovery codes comes in again, as a customer.
func TestRemoveFactor(t *testing.T) {
	data := freshDirectory(t)
	s := serve(t, data)
	s.register("ada@example.com", lanternPassword)
	s.stop(t)
	succeed(t, "user", "set-role", "--email", "ada@example.com", "--role", "admin", "--data-dir", data)
	s = serve(t, data)
	users := func(token string) int { return s.do(call{method: "GET", path: "/api/users", token: token}).status }
	_, weak := s.login("ada@example.com", lanternPassword)
	strong := s.withFactor(weak, lanternPassword)
	require.Equal(t, 200, users(strong))
	s.stop(t)
	succeed(t, "user", "remove-factor", "--email", "Ada@Example.com", "--data-dir", data)
	s = serve(t, data)
	require.Equal(t, 401, users(strong), "its sessions have ended")
	_, weak = s.login("ada@example.com", lanternPassword)
	require.Equal(t, 403, users(weak), "staff without a second factor")
	s.stop(t)
	o := run(t, "user", "remove-factor", "--email", "ada@example.com", "--data-dir", data)
	require.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "it has no second factor")
}
