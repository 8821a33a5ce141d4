package persistence

import (
	"context"

	"holdfast/inventory"
)

// SessionsPerUserMax bounds the sessions that one user has at a time. One more ends the
// one that was not used for longest.
const SessionsPerUserMax = 20

// SessionMemory is how long a session is known after it has ended.
const SessionMemory = 30 * 24 * 3_600 * inventory.Second

// SessionsForgottenAtOnce bounds how many of those that are forgotten are deleted with a new
// one: more than one, so that they become fewer.
const SessionsForgottenAtOnce = 4

// Session is a login of a user, from its first tokens to its end.
type Session struct {
	ID, User inventory.ID
	// Generation counts the refresh tokens of the session from 1. Only the last is good.
	Generation int64
	// Strong says that a second factor was shown.
	Strong bool
	// CreatedAt is when it began, UsedAt when its last refresh token was issued, EndsAt when
	// it ends at the latest, and EndedAt when it was ended before: zero while it lives.
	CreatedAt, UsedAt, EndsAt, EndedAt inventory.Instant
	// IdleMax is how long it lives after UsedAt.
	IdleMax inventory.Instant
	// AccountVersion is the version that the account has to have when the session begins: of
	// an older one, a password or a second factor was asked for that is not good any more. It
	// is not kept.
	AccountVersion int64
	// Address and Agent are what the user may know it by: where it began, and the name
	// that the program there gave.
	Address, Agent string
}

// ExpiresAt returns when the session ends unless it is used again.
func (s *Session) ExpiresAt() inventory.Instant { return min(s.UsedAt.Add(s.IdleMax), s.EndsAt) }

// Sessions is the part of a [Store] that keeps sessions. A session lives until it is
// ended or expires.
type Sessions interface {
	// CreateSession inserts a session of a user that is there, or returns ErrVersion when the
	// account is disabled or has another version than AccountVersion. It ends what is more than
	// [SessionsPerUserMax] at its CreatedAt. It returns the IDs of those. With it some of
	// the sessions go that have ended for longer than [SessionMemory].
	CreateSession(ctx context.Context, session Session) (ended []inventory.ID, err error)
	// RotateSession gives a session that lives at a moment and has that generation the
	// next one and a new UsedAt, and returns it. It returns ErrNotFound when no such
	// session lives, and ErrVersion with the session when it lives and has another
	// generation. Of many calls at once, one succeeds.
	RotateSession(ctx context.Context, id inventory.ID, generation int64, at inventory.Instant) (Session, error)
	// EndSession ends a session of the user that lives at the moment, or returns
	// ErrNotFound.
	EndSession(ctx context.Context, user, id inventory.ID, at inventory.Instant) error
	// EndSessions ends all sessions of the user that live at the moment, but one, which
	// may be zero, and returns their IDs.
	EndSessions(ctx context.Context, user, but inventory.ID, at inventory.Instant) ([]inventory.ID, error)
	// LiveSessions returns the sessions of the user that live at a moment, the one that
	// was used last first.
	LiveSessions(ctx context.Context, user inventory.ID, at inventory.Instant) ([]Session, error)
	// EachEndedSession calls visit for every session that was ended at or after since.
	EachEndedSession(ctx context.Context, since inventory.Instant, visit func(id inventory.ID, at inventory.Instant) error) error
}
