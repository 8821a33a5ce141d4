package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/password"
	"holdfast/persistence"
)

// weakHash is goodPassword, hashed with 64 KiB and one pass.
const weakHash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$uwx6eAuAoFWd6si66ui+FA9CuP722fpFXZ6DKUXr62g"

// Row 3: a login makes a weak hash anew, and only the owner's login does.
func TestRow3ALoginRenewsAWeakHash(t *testing.T) {
	s := newStand(t)
	access, _ := s.registered()
	hash := func() string {
		user, err := s.store.UserByEmail(t.Context(), "ada@example.org")
		require.NoError(t, err)
		return user.PasswordHash
	}
	user, err := s.store.UserByEmail(t.Context(), "ada@example.org")
	require.NoError(t, err)
	_, _, err = s.store.ChangeUser(t.Context(), user.ID, persistence.UserChange{Edit: func(user *persistence.User) error {
		user.PasswordHash = weakHash
		return nil
	}})
	require.NoError(t, err)
	require.Equal(t, 401, s.do(loginWith("ada@example.org", goodPassword+"!")).status)
	require.Equal(t, weakHash, hash())
	require.Equal(t, 200, s.do(loginWith("ada@example.org", goodPassword)).status)
	renewed := hash()
	require.False(t, password.Weak(renewed))
	require.Equal(t, 200, s.me(access), "no session ends")
	require.Equal(t, 200, s.do(loginWith("ada@example.org", goodPassword)).status)
	require.Equal(t, renewed, hash(), "a good hash stays")
}
