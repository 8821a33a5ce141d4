package password

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHashIsVerifiedAndNothingElse(t *testing.T) {
	h := NewHasher(2)
	long := strings.Repeat("x", 78) + "ab"
	phc, err := h.Hash(context.Background(), long)
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, phc)
	for candidate, want := range map[string]bool{long: true, strings.Repeat("x", 78) + "bb": false, long + " ": false, "": false} {
		got, err := h.Verify(context.Background(), candidate, phc)
		require.NoError(t, err)
		require.Equal(t, want, got, candidate)
	}
	again, err := h.Hash(context.Background(), long)
	require.NoError(t, err)
	require.NotEqual(t, phc, again, "the salt must be fresh")
}

func TestNoPasswordOpensAnAccountWithoutOne(t *testing.T) {
	h := NewHasher(1)
	for _, candidate := range []string{"", "the password of nobody"} {
		got, err := h.Verify(context.Background(), candidate, "")
		require.NoError(t, err)
		require.False(t, got)
	}
}

func TestHashesBeyondTheCapsAreRefused(t *testing.T) {
	const salt, key = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	_, err := parse("$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key)
	require.NoError(t, err)
	for _, phc := range []string{
		"x", "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key, "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4194304,t=2,p=1$" + salt + "$" + key, "$argon2id$v=19$m=19456,t=1000,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2,p=255$" + salt + "$" + key, "$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=19456,t=2$" + salt + "$" + key, "$argon2id$v=19$t=2,m=19456,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=-1,t=2,p=1$" + salt + "$" + key, "$argon2id$v=19$m=19456,t=2,p=1$AA$" + key,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AA", "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 400),
		"$argon2id$v=19$m=19456,t=2,p=1$!!$" + key,
	} {
		_, err := NewHasher(1).Verify(context.Background(), "anything", phc)
		require.ErrorIs(t, err, ErrHash, phc)
	}
}

func TestFullHasherAnswersBusy(t *testing.T) {
	h := NewHasher(1)
	h.turns <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.Hash(ctx, "anything")
	require.ErrorIs(t, err, ErrBusy)
	h.waiters.Store(waitersPerTurn)
	_, err = h.Verify(context.Background(), "anything", "")
	require.ErrorIs(t, err, ErrBusy)
	h.waiters.Store(0)
	<-h.turns
	_, err = h.Hash(context.Background(), "anything")
	require.NoError(t, err)
}

func TestParallelHashesAreBounded(t *testing.T) {
	h := NewHasher(2)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			_, err := h.Hash(context.Background(), "anything")
			assert.NoError(t, err)
			assert.LessOrEqual(t, len(h.turns), 2)
		})
	}
	group.Wait()
	require.Empty(t, h.turns)
}

func TestRules(t *testing.T) {
	for candidate, accepted := range map[string]bool{
		"seventeen lobsters": true, "correct staple 9 velvet": true, strings.Repeat("ab cd ef gh ", 10): true,
		"пятнадцать букв": true, "🦀🦀🐙🐠🐡🐬🐳🐋🦈🐊🐅🐆🦓🦍🐘": true, "trailing space is kept ": true,
		"fourteen chars": false, strings.Repeat("y", 129): false, "aaaaaaaaaaaaaaaaaaa": false, "abcabcabcabcabcabc": false,
		"123456789012345": false, "987654321098765": false, "passwordpassword": false, "Password1234567!": false,
		"P@ssw0rd12345678": false, "qwertyuiop123456": false, "letmein123456789": false, "iloveyou1234567890": false,
		"holdfast12345678": false, "HoldFast-HoldFast": false, "flash-sale-2026-!!": false, "administrator!!!": false,
		"margarethe123456": false, "m.hamilton@example": false, "hamilton-hamilton": false, "thisismypassword1": false,
		"i like holdfast and lobsters": true,
	} {
		reason := Check(candidate, "Margarethe Hamilton", "m.hamilton@example.org")
		require.Equal(t, accepted, reason == "", "%q: %s", candidate, reason)
	}
}
