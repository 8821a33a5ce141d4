// Package token proves who a caller is: access tokens, refresh tokens, API keys, and
// the cache in front of what comes with every request.
//
// # Access tokens
//
// An access token is a JWT signed with HMAC-SHA-256 under one random key of at
// least 256 bits. Clients of a flash sale come with very many different tokens,
// each seen for the first time once, and verifying an EdDSA signature costs ten
// times as much; nobody but this program verifies the tokens, so a shared secret
// loses nothing.
//
// # API keys
//
// An API key is "hfk_" and 32 random bytes in base64url. Only its SHA-256 is
// stored, so a stolen database opens nothing. A fast hash is enough: 256 random
// bits cannot be guessed.
//
// # Invariants
//
//	T1  A token is accepted only with algorithm HS256, type at+jwt, our issuer and
//	    audience, and with sub, role, sid, ver, iat, exp and jti present.
//	T2  Every refusal wraps [ErrInvalid]. Its reason is for our logs and tests; who
//	    sent the credential learns nothing but that it was refused.
//	T3  A cached credential is checked against its end at every look-up.
//	T4  Once [Revocations] have a session, or a version of an account, none of its tokens
//	    is accepted: it is asked at every request, whether the token was known or not.
package token

import (
	"errors"
	"fmt"

	"holdfast/inventory"
	"holdfast/persistence"
)

// ErrInvalid is wrapped by every refusal of a credential.
var ErrInvalid = errors.New("the credential is not valid")

// ErrExpired is wrapped by the refusal of an access token of ours whose time is over. It
// wraps ErrInvalid.
var ErrExpired = fmt.Errorf("%w: its time is over", ErrInvalid)

// Principal is a caller whose credential was verified.
type Principal struct {
	// ID is the account, or the API key of a machine account.
	ID   inventory.ID
	Role persistence.Role
	// Session and Version are of a person: the login, and the version that the account
	// had then. Both are zero of a machine.
	Session inventory.ID
	Version int64
}

// KnownRole reports whether role is one that may be granted.
func KnownRole(role persistence.Role) bool {
	switch role {
	case persistence.RoleCustomer, persistence.RoleService, persistence.RoleAdmin:
		return true
	}
	return false
}
