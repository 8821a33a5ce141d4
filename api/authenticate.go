package api

import (
	"bytes"
	"errors"
	"time"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

var bearerScheme = []byte("bearer ")

// credential returns what follows "Bearer " in Authorization.
func (x *exchange) credential() []byte {
	value := x.ctx.Request.Header.Peek("Authorization")
	if len(value) <= len(bearerScheme) || !bytes.EqualFold(value[:len(bearerScheme)], bearerScheme) {
		return nil
	}
	return value[len(bearerScheme):]
}

// authenticate verifies the credential, or refuses. A credential that was
// verified before costs one look-up.
func (x *exchange) authenticate() bool {
	credential := x.credential()
	if len(credential) == 0 || len(credential) > token.BytesMax {
		x.failCredential()
		return false
	}
	if token.LooksLikeKey(textOf(credential)) {
		return x.authenticateKey(credential)
	}
	s := x.server
	if principal, known := s.tokens.Get(credential, x.now); known {
		x.principal = principal
		return true
	}
	principal, expires, err := s.signer.Verify(string(credential))
	if err != nil {
		x.failCredential()
		return false
	}
	s.tokens.Put(credential, principal, expires)
	x.principal = principal
	return true
}

// authenticateKey verifies an API key. The cache knows it by its hash, so that
// no key that is valid for years lies in memory.
func (x *exchange) authenticateKey(key []byte) bool {
	s, hash := x.server, token.HashKey(key)
	if principal, known := s.keys.Get(hash[:], x.now); known {
		x.principal = principal
		return true
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	found, err := s.store.APIKeyByHash(ctx, hash)
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		x.failCredential()
		return false
	case err != nil:
		x.failStore("looking up an API key", err)
		return false
	case !token.KnownRole(found.Role):
		x.failCredential()
		return false
	}
	x.principal = token.Principal{ID: found.ID, Role: found.Role}
	s.keys.Put(hash[:], x.principal, x.now.Add(inventory.Instant(keyCacheLifetime/time.Nanosecond)))
	return true
}

// failCredential says the same whatever is wrong.
func (x *exchange) failCredential() {
	x.fail(codeUnauthorized, "Send a valid access token or API key as Authorization: Bearer.")
}
