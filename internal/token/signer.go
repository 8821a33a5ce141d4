package token

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"holdfast/internal/clock"
	"holdfast/inventory"
	"holdfast/persistence"
)

// Bounds of access tokens.
const (
	// SigningKeyBytesMin is the least length of a signing key.
	SigningKeyBytesMin = 32
	// AccessLifetime is how long an access token of a login is valid.
	AccessLifetime = 10 * time.Minute
	// LifetimeMax is the longest that any access token may be valid: those for load tests,
	// that "holdfast user seed" makes.
	LifetimeMax = 30 * 24 * time.Hour
	// BytesMax bounds a credential; a longer one is refused unread.
	BytesMax = 4 << 10
	// leeway is the difference between clocks that verification forgives.
	leeway = 30 * time.Second
)

const (
	issuer    = "holdfast"
	audience  = "holdfast-api"
	tokenType = "at+jwt"
)

// claims is the payload of an access token.
type claims struct {
	Role    persistence.Role `json:"role"`
	Session string           `json:"sid"`
	Version int64            `json:"ver"`
	jwt.RegisteredClaims
}

// Signer issues and verifies access tokens. It is safe for concurrent use.
type Signer struct {
	key    []byte
	clock  clock.Clock
	parser *jwt.Parser
}

// NewSigner returns a signer with a copy of key.
func NewSigner(key []byte, source clock.Clock) (*Signer, error) {
	if len(key) < SigningKeyBytesMin {
		return nil, fmt.Errorf("the signing key has %d bytes and needs at least %d", len(key), SigningKeyBytesMin)
	}
	s := &Signer{key: append([]byte(nil), key...), clock: source}
	s.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(s.now),
	)
	return s, nil
}

func (s *Signer) now() time.Time { return time.Unix(0, int64(s.clock.Now())) }

// Issue returns a token for principal that is valid for lifetime.
func (s *Signer) Issue(principal Principal, lifetime time.Duration) (string, error) {
	switch {
	case principal.ID.IsZero() || principal.Session.IsZero() || principal.Version < 1 || !KnownRole(principal.Role):
		return "", errors.New("a token needs an account with its version, a session and a known role")
	case lifetime > LifetimeMax:
		return "", fmt.Errorf("a token cannot be valid for longer than %s", LifetimeMax)
	}
	now := s.now()
	unsigned := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Role:    principal.Role,
		Session: principal.Session.String(),
		Version: principal.Version,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   principal.ID.String(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
			ID:        rand.Text(),
		},
	})
	unsigned.Header["typ"] = tokenType
	signed, err := unsigned.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return signed, nil
}

// Verify returns whose token it is and the first moment at which it is refused,
// or an error that wraps [ErrInvalid]. That moment is a leeway after its end: a
// cache that forgot the token at its end would verify it anew at every request
// from then on.
func (s *Signer) Verify(text string) (Principal, inventory.Instant, error) {
	if len(text) > BytesMax {
		return Principal{}, 0, fmt.Errorf("%w: longer than %d bytes", ErrInvalid, BytesMax)
	}
	var payload claims
	parsed, err := s.parser.ParseWithClaims(text, &payload, func(*jwt.Token) (any, error) { return s.key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Principal{}, 0, fmt.Errorf("%w: %w", ErrExpired, err)
	case err != nil:
		return Principal{}, 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	id, err := inventory.ParseID(payload.Subject)
	session, sessionErr := inventory.ParseID(payload.Session)
	switch {
	case err != nil || id.IsZero():
		return Principal{}, 0, fmt.Errorf("%w: sub is not an account", ErrInvalid)
	case sessionErr != nil || session.IsZero() || payload.Version < 1:
		return Principal{}, 0, fmt.Errorf("%w: sid and ver are required", ErrInvalid)
	case parsed.Header["typ"] != tokenType:
		return Principal{}, 0, fmt.Errorf("%w: typ is not %s", ErrInvalid, tokenType)
	case parsed.Header["crit"] != nil:
		return Principal{}, 0, fmt.Errorf("%w: critical extensions are not understood", ErrInvalid)
	case !KnownRole(payload.Role):
		return Principal{}, 0, fmt.Errorf("%w: role is not known", ErrInvalid)
	case payload.IssuedAt == nil || payload.ID == "":
		return Principal{}, 0, fmt.Errorf("%w: iat and jti are required", ErrInvalid)
	}
	refused := payload.ExpiresAt.Add(leeway)
	return Principal{ID: id, Role: payload.Role, Session: session, Version: payload.Version}, inventory.Instant(refused.UnixNano()), nil
}
