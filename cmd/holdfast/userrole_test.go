package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// setRole changes a role and returns that of the next login.
func setRole(t *testing.T, data, role string) (found, token string) {
	t.Helper()
	succeed(t, "user", "set-role", "--email", "Ada@Example.com", "--role", role, "--data-dir", data)
	s := serve(t, data, "--no-staff-second-factor")
	defer s.stop(t)
	found, token = s.login("ada@example.com", lanternPassword)
	status := s.post("/api/products", token, someProduct("P-"+role)).status
	assert.Equal(t, role == "admin", status == 201, "%s: %d", role, status)
	return found, token
}

func TestSetRole(t *testing.T) {
	data := freshDirectory(t)
	s := serve(t, data)
	s.register("ada@example.com", lanternPassword)
	s.register("bob@example.com", lanternPassword)
	s.stop(t)
	for _, role := range []string{"admin", "service", "customer"} {
		found, _ := setRole(t, data, role)
		assert.Equal(t, role, found)
	}
	s = serve(t, data)
	role, _ := s.login("bob@example.com", lanternPassword)
	assert.Equal(t, "customer", role, "the role of another account was changed")
}

func TestSetRoleOfNobody(t *testing.T) {
	data := freshDirectory(t)
	serve(t, data).stop(t)
	o := run(t, "user", "set-role", "--email", "nobody@example.com", "--role", "admin", "--data-dir", data)
	require.Equal(t, exitError, o.code)
	assert.Contains(t, o.stderr, "there is no account with the address nobody@example.com")
}
