package token

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/internal/identifier"
	"holdfast/inventory"
)

func newRefresher(t testing.TB) *Refresher {
	r, err := NewRefresher(signingKey)
	require.NoError(t, err)
	return r
}

func TestARefreshTokenNamesItsSession(t *testing.T) {
	r, session := newRefresher(t), identifier.Unsharded(start)
	for _, generation := range []int64{1, 2, math.MaxInt64} {
		text := r.Token(session, generation)
		require.Equal(t, text, r.Token(session, generation), "who lost it is given the same again")
		found, of, err := r.Read(text)
		require.NoError(t, err)
		require.Equal(t, session, found)
		require.Equal(t, generation, of)
	}
}

func TestForgedRefreshTokensAreRefused(t *testing.T) {
	r, session := newRefresher(t), identifier.Unsharded(start)
	good := r.Token(session, 1)
	other, err := NewRefresher([]byte("another key of thirty-two bytes!"))
	require.NoError(t, err)
	key, _ := NewKey()
	s, _ := newSigner(t)
	access, err := s.Issue(somebody(), AccessLifetime)
	require.NoError(t, err)
	forged := []string{"", RefreshPrefix, other.Token(session, 1), good[:len(good)-1], good + "A", " " + good, good + "\n", good + "=",
		strings.TrimPrefix(good, RefreshPrefix), KeyPrefix + strings.TrimPrefix(good, RefreshPrefix), strings.ToUpper(good), key, access,
		RefreshPrefix + strings.Repeat("A", len(good)-len(RefreshPrefix)), strings.Repeat(".", 1<<20)}
	sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, RefreshPrefix))
	require.NoError(t, err)
	for at := range sealed {
		changed := append([]byte(nil), sealed...)
		changed[at] ^= 1
		forged = append(forged, RefreshPrefix+base64.RawURLEncoding.EncodeToString(changed))
	}
	for _, text := range forged {
		_, _, err := r.Read(text)
		require.ErrorIs(t, err, ErrInvalid, "%.80q", text)
	}
	_, err = NewRefresher([]byte("short"))
	require.Error(t, err)
}

func FuzzReadRefreshToken(f *testing.F) {
	r := newRefresher(f)
	f.Add(r.Token(inventory.ID{1}, 1))
	f.Add(RefreshPrefix)
	f.Fuzz(func(t *testing.T, text string) {
		if session, generation, err := r.Read(text); err == nil && r.Token(session, generation) != text {
			t.Fatalf("%q is accepted and was never made", text)
		}
	})
}
