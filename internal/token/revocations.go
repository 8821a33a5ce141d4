package token

import (
	"sync"
	"sync/atomic"

	"holdfast/inventory"
)

// Revocations are the sessions and accounts whose access tokens have ended before their
// time. What makes a session costs the hash of a password, so that few end in the
// lifetime of a token; and accounts are changed by administrators. A session is forgotten when its last token would have ended anyhow, an account
// after the longest lifetime that a token may have.
//
// Sessions are in two generations by time, so that forgetting costs nothing: the older
// one goes when the younger one has lasted for the lifetime of a token.
type Revocations struct {
	// some says that there are any: before the first, asking costs nothing.
	some         atomic.Bool
	lock         sync.RWMutex
	young, old   map[inventory.ID]struct{}
	youngSince   inventory.Instant
	accounts     map[inventory.ID]account
	accountsSeen int
	// keys are the API keys that were deleted since the start: a cache may still know them.
	keys map[inventory.ID]struct{}
}

// account is which of its access tokens are good.
type account struct {
	// version is the oldest that is; until is when all older ones have ended.
	version int64
	until   inventory.Instant
}

// NewRevocations returns an empty list.
func NewRevocations() *Revocations {
	return &Revocations{young: map[inventory.ID]struct{}{}, old: map[inventory.ID]struct{}{}, accounts: map[inventory.ID]account{}, keys: map[inventory.ID]struct{}{}}
}

// sessionLifetime is how long an access token of a session may be accepted after it was
// issued.
const sessionLifetime = inventory.Instant(AccessLifetime + leeway)

// EndSession revokes the tokens of a session that ended at a moment.
func (r *Revocations) EndSession(id inventory.ID, at inventory.Instant) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if at-r.youngSince > sessionLifetime {
		r.young, r.old = map[inventory.ID]struct{}{}, r.young
		r.youngSince = at
	}
	r.young[id] = struct{}{}
	r.some.Store(true)
}

// EndVersions revokes the tokens of an account with a version below the given one,
// which it has since a moment.
func (r *Revocations) EndVersions(id inventory.ID, version int64, at inventory.Instant) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if len(r.accounts) > 2*r.accountsSeen {
		for other, revoked := range r.accounts {
			if revoked.until <= at {
				delete(r.accounts, other)
			}
		}
		r.accountsSeen = len(r.accounts)
	}
	if version > r.accounts[id].version {
		r.accounts[id] = account{version: version, until: at.Add(inventory.Instant(LifetimeMax + leeway))}
	}
	r.some.Store(true)
}

// EndKey revokes an API key.
func (r *Revocations) EndKey(id inventory.ID) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.keys[id] = struct{}{}
	r.some.Store(true)
}

// Has reports whether the principal's token or key was revoked.
func (r *Revocations) Has(principal Principal) bool {
	if !r.some.Load() {
		return false
	}
	r.lock.RLock()
	defer r.lock.RUnlock()
	if principal.Session.IsZero() { // a machine
		_, ended := r.keys[principal.ID]
		return ended
	}
	if _, ended := r.young[principal.Session]; ended {
		return true
	}
	if _, ended := r.old[principal.Session]; ended {
		return true
	}
	return principal.Version < r.accounts[principal.ID].version
}

// RevokedSince returns from when on sessions and accounts have to be known that ended
// before now: what was earlier concerns no token that is still accepted.
func RevokedSince(now inventory.Instant) (sessions, accounts inventory.Instant) {
	return now - sessionLifetime, now - inventory.Instant(LifetimeMax+leeway)
}
