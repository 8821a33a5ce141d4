package api

import (
	"bytes"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

var bearerScheme = []byte("bearer ")

// credentialOf is [exchange.credential] of a request that is no exchange yet.
func credentialOf(header *fasthttp.RequestHeader) []byte {
	switch values := header.PeekAll(headerAuthorization); {
	case len(values) == 1:
		return bearer(values[0])
	case len(values) > 1:
		return nil
	}
	if access := accessTokenIn(header, true); len(access) > 0 {
		return access
	}
	return accessTokenIn(header, false)
}

// credential returns what follows "Bearer " in the one Authorization, or, when there is
// none, the access token of the cookie.
func (x *exchange) credential() []byte {
	switch x.given.authorization.count {
	case 0:
		access := accessTokenIn(&x.ctx.Request.Header, x.isSecure())
		x.intoCookies = len(access) > 0
		return access
	case 1:
		return bearer(x.given.authorization.value)
	}
	return nil
}

func bearer(value []byte) []byte {
	if len(value) <= len(bearerScheme) || !bytes.EqualFold(value[:len(bearerScheme)], bearerScheme) {
		return nil
	}
	return value[len(bearerScheme):]
}

// authenticate verifies the credential, or refuses.
func (x *exchange) authenticate() bool {
	credential := x.credential()
	if x.intoCookies && !x.isFromHere() {
		return false
	}
	principal, err := x.server.recognise(credential, x.now, x.withinAddressRate)
	switch {
	case err == nil:
		x.principal = principal
		return true
	case errors.Is(err, errTriedTooOften):
		return false // it was answered
	case errors.Is(err, token.ErrInvalid):
		x.failCredential()
	case errors.Is(err, errRecalling):
		x.fail(inventory.CodeStarting, "It is being read who may come in. Try again in a moment.")
	default:
		x.failStore("looking up an API key", err)
	}
	return false
}

// recognise returns whose credential it is. The error wraps [token.ErrInvalid], or
// is the store's. A credential that was verified before costs one look-up; before another one
// is looked at, mayTry is asked: what nobody has shown before may be a guess.
func (s *Server) recognise(credential []byte, now inventory.Instant, mayTry func() bool) (token.Principal, error) {
	if len(credential) == 0 || len(credential) > token.BytesMax {
		return token.Principal{}, token.ErrInvalid
	}
	if token.LooksLikeKey(textOf(credential)) {
		return s.recogniseKey(credential, now, mayTry)
	}
	principal, known := s.tokens.Get(credential, now)
	if !known {
		if !mayTry() {
			return token.Principal{}, errTriedTooOften
		}
		verified, refused, err := s.signer.Verify(string(credential))
		if err != nil {
			return token.Principal{}, err
		}
		s.tokens.Put(credential, verified, refused)
		principal = verified
	}
	if !s.recalled.Load() {
		return token.Principal{}, errRecalling
	}
	return s.unlessRevoked(principal)
}

// errTriedTooOften is why a credential was not looked at.
var errTriedTooOften = errors.New("too many credentials were tried")

// errRecalling is why nobody is recognised yet.
var errRecalling = errors.New("it is not known yet which access tokens have ended")

// recogniseKey verifies an API key.
func (s *Server) recogniseKey(key []byte, now inventory.Instant, mayTry func() bool) (token.Principal, error) {
	if principal, known := s.keys.Get(key, now); known {
		return s.unlessRevoked(principal)
	}
	if !mayTry() {
		return token.Principal{}, errTriedTooOften
	}
	ctx, cancel := s.storeContext()
	defer cancel()
	found, err := s.store.APIKeyByHash(ctx, token.HashKey(key))
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		return token.Principal{}, token.ErrInvalid
	case err != nil:
		return token.Principal{}, err
	case !token.KnownRole(found.Role):
		return token.Principal{}, token.ErrInvalid
	}
	principal := token.Principal{ID: found.ID, Role: found.Role}
	s.keys.Put(key, principal, now.Add(inventory.Instant(keyCacheLifetime/time.Nanosecond)))
	return s.unlessRevoked(principal)
}

func (s *Server) unlessRevoked(principal token.Principal) (token.Principal, error) {
	if s.revocations.Has(principal) {
		return token.Principal{}, token.ErrInvalid
	}
	return principal, nil
}

// failCredential says the same whatever is wrong.
func (x *exchange) failCredential() {
	x.fail(codeUnauthorized, "Send a valid access token or API key as Authorization: Bearer.")
}
