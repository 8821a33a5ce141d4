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

// credentialOf returns what follows "Bearer " in the one Authorization.
func credentialOf(header *fasthttp.RequestHeader) []byte {
	values := header.PeekAll(headerAuthorization)
	if len(values) != 1 {
		return nil
	}
	value := values[0]
	if len(value) <= len(bearerScheme) || !bytes.EqualFold(value[:len(bearerScheme)], bearerScheme) {
		return nil
	}
	return value[len(bearerScheme):]
}

// authenticate verifies the credential, or refuses.
func (x *exchange) authenticate() bool {
	principal, err := x.server.recognise(credentialOf(&x.ctx.Request.Header), x.now)
	switch {
	case err == nil:
		x.principal = principal
		return true
	case errors.Is(err, token.ErrInvalid):
		x.failCredential()
	default:
		x.failStore("looking up an API key", err)
	}
	return false
}

// recognise returns whose credential it is. The error wraps [token.ErrInvalid], or
// is the store's. A credential that was verified before costs one look-up.
func (s *Server) recognise(credential []byte, now inventory.Instant) (token.Principal, error) {
	if len(credential) == 0 || len(credential) > token.BytesMax {
		return token.Principal{}, token.ErrInvalid
	}
	if token.LooksLikeKey(textOf(credential)) {
		return s.recogniseKey(credential, now)
	}
	if principal, known := s.tokens.Get(credential, now); known {
		return principal, nil
	}
	principal, refused, err := s.signer.Verify(string(credential))
	if err != nil {
		return token.Principal{}, err
	}
	s.tokens.Put(credential, principal, refused)
	return principal, nil
}

// recogniseKey verifies an API key. The cache knows it by its hash, so that no key
// that is valid for years lies in memory.
func (s *Server) recogniseKey(key []byte, now inventory.Instant) (token.Principal, error) {
	hash := token.HashKey(key)
	if principal, known := s.keys.Get(hash[:], now); known {
		return principal, nil
	}
	ctx, cancel := s.storeContext()
	defer cancel()
	found, err := s.store.APIKeyByHash(ctx, hash)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		return token.Principal{}, token.ErrInvalid
	case err != nil:
		return token.Principal{}, err
	case !token.KnownRole(found.Role):
		return token.Principal{}, token.ErrInvalid
	}
	principal := token.Principal{ID: found.ID, Role: found.Role}
	s.keys.Put(hash[:], principal, now.Add(inventory.Instant(keyCacheLifetime/time.Nanosecond)))
	return principal, nil
}

// failCredential says the same whatever is wrong.
func (x *exchange) failCredential() {
	x.fail(codeUnauthorized, "Send a valid access token or API key as Authorization: Bearer.")
}
