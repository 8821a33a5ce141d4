package token

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"holdfast/internal/clock"
	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// fixedClock stands still unless it is set.
type fixedClock struct{ now inventory.Instant }

func (c *fixedClock) Now() inventory.Instant                          { return c.now }
func (c *fixedClock) AfterFunc(d time.Duration, f func()) clock.Timer { return time.AfterFunc(d, f) }

var signingKey = []byte("0123456789abcdef0123456789abcdef")

const start = 1_764_000_000 * inventory.Second

func newSigner(t testing.TB) (*Signer, *fixedClock) {
	c := &fixedClock{now: start}
	s, err := NewSigner(signingKey, c)
	require.NoError(t, err)
	return s, c
}

func somebody() Principal {
	return Principal{ID: identifier.Unsharded(start), Role: persistence.RoleCustomer, Session: identifier.Unsharded(start), Version: 1}
}

func TestIssuedTokenIsVerifiedUntilItEnds(t *testing.T) {
	s, c := newSigner(t)
	who := somebody()
	text, err := s.Issue(who, AccessLifetime)
	require.NoError(t, err)
	got, refused, err := s.Verify(text)
	require.NoError(t, err)
	require.Equal(t, who, got)
	require.Equal(t, start.Add(630*inventory.Second), refused, "the lifetime and the leeway")
	c.now = refused - 1
	_, _, err = s.Verify(text)
	require.NoError(t, err)
	c.now = refused
	_, _, err = s.Verify(text)
	require.ErrorIs(t, err, ErrInvalid)
}

// What the cache accepts and what the signer accepts is the same at every moment,
// the last seconds included.
func TestCacheKnowsATokenAsLongAsItIsAccepted(t *testing.T) {
	s, c := newSigner(t)
	text, err := s.Issue(somebody(), AccessLifetime)
	require.NoError(t, err)
	cache := NewCache(0)
	who, refused, err := s.Verify(text)
	require.NoError(t, err)
	cache.Put([]byte(text), who, refused)
	for second := range inventory.Instant(640) {
		c.now = start.Add(second * inventory.Second)
		_, _, err := s.Verify(text)
		_, known := cache.Get([]byte(text), c.now)
		require.Equal(t, err == nil, known, "after %d s", second)
	}
}

func TestSignerRefusesWeakKeysAndNobody(t *testing.T) {
	_, err := NewSigner(signingKey[:31], &fixedClock{})
	require.Error(t, err)
	s, _ := newSigner(t)
	_, err = s.Issue(Principal{Role: persistence.RoleAdmin}, time.Minute)
	require.Error(t, err)
	for name, change := range map[string]func(*Principal){
		"no role": func(p *Principal) { p.Role = "root" }, "no session": func(p *Principal) { p.Session = inventory.ID{} },
		"no version": func(p *Principal) { p.Version = 0 },
	} {
		who := somebody()
		change(&who)
		_, err = s.Issue(who, time.Minute)
		require.Error(t, err, name)
	}
	_, err = s.Issue(somebody(), LifetimeMax+1)
	require.Error(t, err)
}

// goodClaims are claims that are accepted; goodHeader is their header.
func goodClaims() jwt.MapClaims {
	return jwt.MapClaims{"iss": issuer, "aud": audience, "sub": identifier.Unsharded(start).String(), "role": "admin",
		"sid": identifier.Unsharded(start).String(), "ver": 1, "iat": int64(start / inventory.Second), "exp": int64(start/inventory.Second) + 600, "jti": "one"}
}

func forge(t testing.TB, method jwt.SigningMethod, key any, payload jwt.MapClaims, header map[string]any) string {
	unsigned := jwt.NewWithClaims(method, payload)
	unsigned.Header["typ"] = tokenType
	for name, value := range header {
		if value == nil {
			delete(unsigned.Header, name)
			continue
		}
		unsigned.Header[name] = value
	}
	text, err := unsigned.SignedString(key)
	require.NoError(t, err)
	return text
}

func TestForgedTokensAreRefused(t *testing.T) {
	s, _ := newSigner(t)
	_, _, err := s.Verify(forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), nil))
	require.NoError(t, err, "the base of the forgeries must be good")
	encode := base64.RawURLEncoding.EncodeToString
	good := forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), nil)
	parts := strings.Split(good, ".")
	forged := map[string]string{
		"empty": "", "dots": "..", "many dots": strings.Repeat(".", 4000), "huge": strings.Repeat("a", 1<<20),
		"none":            forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, goodClaims(), nil),
		"nOnE":            encode([]byte(`{"alg":"nOnE","typ":"at+jwt"}`)) + "." + parts[1] + ".",
		"no signature":    parts[0] + "." + parts[1] + ".",
		"other key":       forge(t, jwt.SigningMethodHS256, []byte("another key another key another k"), goodClaims(), nil),
		"HS384":           forge(t, jwt.SigningMethodHS384, signingKey, goodClaims(), nil),
		"HS512":           forge(t, jwt.SigningMethodHS512, signingKey, goodClaims(), nil),
		"typ JWT":         forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), map[string]any{"typ": "JWT"}),
		"typ absent":      forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), map[string]any{"typ": nil}),
		"typ number":      forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), map[string]any{"typ": 1}),
		"crit":            forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), map[string]any{"crit": []string{"x"}}),
		"signature cut":   good[:len(good)-2],
		"payload changed": parts[0] + "." + encode([]byte(`{"role":"admin"}`)) + "." + parts[2],
		"four parts":      good + ".x", "space": good + " ", "padded": good + "=",
	}
	for name, value := range map[string]any{"iss": "other", "aud": "other", "sub": "me", "role": "root", "jti": "", "sid": "1", "ver": 0,
		"iat": int64(start/inventory.Second) + 120, "exp": int64(start/inventory.Second) - 120} {
		wrong, missing, null := goodClaims(), goodClaims(), goodClaims()
		wrong[name] = value
		delete(missing, name)
		null[name] = nil
		forged[name+" wrong"] = forge(t, jwt.SigningMethodHS256, signingKey, wrong, nil)
		forged[name+" missing"] = forge(t, jwt.SigningMethodHS256, signingKey, missing, nil)
		forged[name+" null"] = forge(t, jwt.SigningMethodHS256, signingKey, null, nil)
	}
	for name, text := range forged {
		who, _, err := s.Verify(text)
		require.ErrorIs(t, err, ErrInvalid, name)
		require.Zero(t, who, name)
	}
	// Header members that name keys are looked at by nobody.
	_, _, err = s.Verify(forge(t, jwt.SigningMethodHS256, signingKey, goodClaims(), map[string]any{"kid": "../../x", "jku": "http://evil"}))
	require.NoError(t, err)
}

func TestKeysAreRecognisedAndHashed(t *testing.T) {
	key, hash := NewKey()
	require.True(t, LooksLikeKey(key))
	require.Equal(t, hash, HashKey([]byte(key)))
	other, _ := NewKey()
	require.NotEqual(t, key, other)
	for _, text := range []string{"", KeyPrefix, key[1:], key + "x", "xfk_" + key[4:]} {
		require.False(t, LooksLikeKey(text), text)
	}
}

func FuzzToken(f *testing.F) {
	s, _ := newSigner(f)
	// The same in every process of the fuzzer.
	payload := goodClaims()
	payload["sub"] = inventory.ID{1}.String()
	good := forge(f, jwt.SigningMethodHS256, signingKey, payload, nil)
	f.Add(good)
	f.Add("..")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Fuzz(func(t *testing.T, text string) {
		who, _, err := s.Verify(text)
		if err == nil && text != good {
			t.Fatalf("%q was accepted as %v", text, who)
		}
	})
}
