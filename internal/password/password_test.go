package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

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

func TestWeakHashes(t *testing.T) {
	phc, err := NewHasher(1).Hash(context.Background(), "seventeen lobsters")
	require.NoError(t, err)
	for hash, want := range map[string]bool{
		phc: false, strings.Replace(phc, "m=19456", "m=65536", 1): false, "": false, "sealed": false,
		strings.Replace(phc, "m=19456", "m=19455", 1): true, strings.Replace(phc, "t=2", "t=1", 1): true,
		phc[:len(phc)-3]: true,
	} {
		require.Equal(t, want, Weak(hash), hash)
	}
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
	turn := <-h.idle
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.Hash(ctx, "anything")
	require.ErrorIs(t, err, ErrBusy)
	h.inside.Store(1 + waitersPerTurn)
	_, err = h.VerifyFound(context.Background(), "anything", func() (string, error) { panic("nobody may look") })
	require.ErrorIs(t, err, ErrBusy)
	_, err = h.Hash(context.Background(), "anything")
	require.ErrorIs(t, err, ErrBusy)
	h.inside.Store(0)
	h.leave(turn)
	_, err = h.Hash(context.Background(), "anything")
	require.NoError(t, err)
	gone := errors.New("the database is away")
	_, err = h.VerifyFound(context.Background(), "anything", func() (string, error) { return "", gone })
	require.ErrorIs(t, err, gone)
	require.Zero(t, h.inside.Load())
}

func TestParallelHashesAreBounded(t *testing.T) {
	h := NewHasher(2)
	nobodyWaits, cancel := context.WithCancel(context.Background())
	cancel()
	var turns [2]deriver
	for n := range turns {
		var err error
		turns[n], err = h.takeTurn(nobodyWaits)
		require.NoError(t, err)
	}
	_, err := h.takeTurn(nobodyWaits)
	require.ErrorIs(t, err, ErrBusy, "a third does not begin")
	h.leave(turns[0])
	turns[0], err = h.takeTurn(nobodyWaits)
	require.NoError(t, err, "before one of them has ended")

	var group sync.WaitGroup
	for range 4 { // some wait, and one of two turns is enough for all
		group.Go(func() {
			turn, err := h.takeTurn(context.Background())
			if assert.NoError(t, err) {
				h.leave(turn)
			}
		})
	}
	h.leave(turns[0])
	group.Wait()
	h.leave(turns[1])
	require.Len(t, h.idle, 2)
}

// What the program asks Go for must not count: serve asks for twice the processors.
func TestHashesLeaveHalfOfTheProcessors(t *testing.T) {
	for _, c := range []struct{ machine, golang, want int }{
		{1, 1, 1}, {1, 2, 1}, {2, 2, 1}, {2, 4, 1}, {3, 6, 1}, {4, 8, 2}, {8, 16, 4}, {64, 2, 1}, {64, 4, 2},
	} {
		require.Equal(t, c.want, parallelDefault(c.machine, c.golang), "%+v", c)
	}
	require.LessOrEqual(t, cap(NewHasher(0).idle), max(1, runtime.NumCPU()/2))
}

// The same password comes composed from one keyboard and decomposed from another.
func TestPasswordsAreComparedInOneForm(t *testing.T) {
	const composed, decomposed = "zw\u00f6lf Lobster \u00fcben", "zwo\u0308lf Lobster u\u0308ben"
	h := NewHasher(1)
	for _, pair := range [][2]string{{composed, decomposed}, {decomposed, composed}} {
		phc, err := h.Hash(context.Background(), pair[0])
		require.NoError(t, err)
		got, err := h.Verify(context.Background(), pair[1], phc)
		require.NoError(t, err)
		require.True(t, got)
	}
	accents := strings.Repeat("e\u0301 ", 7)
	require.GreaterOrEqual(t, utf8.RuneCountInString(accents), CharactersMin)
	require.NotEmpty(t, Check(accents, "", ""), "an accent is no character of its own")
	require.NotEmpty(t, Check("ma\u0301rgare\u0301the12345", "M\u00e1rgar\u00e9the", ""), "a name is found in either form")
}

func TestSequencesAreRefused(t *testing.T) {
	for candidate, accepted := range map[string]bool{
		"abcdefghijklmno": false, "onmlkjihgfedcba": false, "qwertyuiopasdfg": false, "poiuytrewqlkjhg": false,
		"QwErTyUiOpAsDfG": false, "qwertzuiopasdfg": false, "azertyuiopqsdfg": false, "йцукенгшщзхъфыв": false,
		"123456789012345": false, "987654321098765": false, "abc123def456ghi7": false, "1qaz2wsx3edc4rfv": false,
		"aaaaabbbbbccccc": false, "abcdefg1234567!!": false, "qwerty12345asdfg": false, "xyzabcqweasdzxc1": false,
		"!@#$%^&*()_+!@#$": false, "qwertyuiop my ox": false,
		"seventeen lobsters": true, "first student canopy": true, "we were in a desert": true, "hijack the defender": true,
		"736281940275619": true, "my abc has 26 cats": true, "зимняя вишня цветёт": true, "correct staple 9 velvet": true,
	} {
		reason := Check(candidate, "", "")
		require.Equal(t, accepted, reason == "", "%q: %s", candidate, reason)
	}
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
