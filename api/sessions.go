package api

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/identifier"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// lifetimesOf returns how long a session of the role lives after it was last used, and
// at the longest. Staff has more to lose, and logs in every day.
func lifetimesOf(role persistence.Role) (idleMax, longest inventory.Instant) {
	if role == persistence.RoleCustomer {
		return instant(customerIdleMax), instant(customerSessionMax)
	}
	return instant(staffIdleMax), instant(staffSessionMax)
}

// instant is the distance of a duration.
func instant(d time.Duration) inventory.Instant { return inventory.Instant(d / time.Nanosecond) }

// openSession begins a session of the user and answers with its tokens. strong says that a
// second factor was shown.
func (x *exchange) openSession(status int, user *persistence.User, strong bool) {
	if reply, ok := x.newSession(user, strong); ok {
		x.answerJSON(status, reply)
	}
}

// newSession begins a session of the user, or refuses.
func (x *exchange) newSession(user *persistence.User, strong bool) (sessionReply, bool) {
	session := persistence.Session{ID: identifier.Unsharded(x.now), User: user.ID, AccountVersion: user.Version, Generation: 1, Strong: strong,
		CreatedAt: x.now, UsedAt: x.now,
		Address: x.peer().String(), Agent: agentOf(x.ctx.UserAgent())}
	idleMax, longest := lifetimesOf(user.Role)
	session.IdleMax, session.EndsAt = idleMax, x.now.Add(longest)
	ctx, cancel := x.storeContext()
	defer cancel()
	ended, err := x.server.store.CreateSession(ctx, session)
	if errors.Is(err, persistence.ErrVersion) {
		x.failChanged()
		return sessionReply{}, false
	}
	if err != nil {
		x.failWrite("opening a session", err, "Log in again.")
		return sessionReply{}, false
	}
	x.server.revokeSessions(ended, x.now)
	return x.sessionReplyOf(user, &session), true
}

// agentOf returns what a client says it is, cut to what is kept and shown.
func agentOf(given []byte) string {
	text := strings.Map(func(c rune) rune {
		if c == utf8.RuneError || isInvisible(c) {
			return -1
		}
		return c
	}, string(given))
	for len(text) > agentBytesMax {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text
}

// failChanged answers for an account that was changed since its owner was asked for
// something: whoever that was may not be its owner any more.
func (x *exchange) failChanged() {
	x.fail(codeUnauthorized, "The account was changed at the same time. Log in again.")
}

// sessionReplyOf returns an account with fresh tokens of its session.
func (x *exchange) sessionReplyOf(user *persistence.User, session *persistence.Session) sessionReply {
	access, err := x.server.signer.Issue(token.Principal{ID: user.ID, Role: x.server.roleIn(user, session), Session: session.ID, Version: user.Version},
		token.AccessLifetime)
	if err != nil {
		panic(err) // only for an account without id or role, which is excluded before
	}
	reply := sessionReply{User: userReplyOf(user), ExpiresIn: int64(token.AccessLifetime.Seconds()),
		RefreshExpiresIn: int64((session.ExpiresAt() - x.now) / inventory.Second)}
	x.giveTokens(&reply, access, x.server.refresher.Token(session.ID, session.Generation))
	return reply
}

// refresh exchanges a refresh token for the next, and an access token. Who sends one that
// was used before is a thief, or was robbed: the session ends. Only just afterwards it is
// taken for a repeat of somebody who did not get the answer, and gets it again.
func refresh(x *exchange) {
	var body refreshBody
	if x.hasBody() && !x.decode(&body) {
		return
	}
	given, ok := x.refreshTokenOf(&body)
	if !ok {
		return
	}
	id, generation, err := x.server.refresher.Read(given)
	if err != nil {
		x.failRefresh()
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	session, err := x.server.store.RotateSession(ctx, id, generation, x.now)
	switch {
	case err == nil, errors.Is(err, persistence.ErrVersion) && isRepeat(&session, generation, x.now):
		x.renewSession(ctx, &session)
	case errors.Is(err, persistence.ErrVersion):
		if generation < session.Generation { // a higher one is from before the database was restored
			x.noteReuse(&session)
		}
		x.refuseSession(ctx, &session)
	case errors.Is(err, persistence.ErrNotFound):
		x.failRefresh()
	default:
		x.failWrite("refreshing a session", err, repeatAdvice)
	}
}

func (x *exchange) noteReuse(session *persistence.Session) {
	x.server.metrics.refreshReuses.Inc()
	x.server.log.Warn("a refresh token was used again: its session ends", "user_id", session.User.String(), "session_id", session.ID.String(),
		"address", x.peer().String(), "request_id", string(x.requestID))
	ctx, cancel := x.storeContext()
	defer cancel()
	x.note(ctx, persistence.AuditReuse, session.User, "session "+session.ID.String())
}

const repeatAdvice = "Repeat the request."

// isRepeat reports whether the token of a generation was replaced so recently that it is
// sent once more by somebody who did not get the answer.
func isRepeat(session *persistence.Session, generation int64, now inventory.Instant) bool {
	return generation == session.Generation-1 && now-session.UsedAt <= instant(refreshRepeatMax)
}

// renewSession answers with the tokens of a session, if its account is still open.
func (x *exchange) renewSession(ctx context.Context, session *persistence.Session) {
	user, err := x.server.store.UserByID(ctx, session.User)
	switch {
	case errors.Is(err, persistence.ErrNotFound), err == nil && (user.Disabled || !token.KnownRole(user.Role)):
		x.refuseSession(ctx, session)
	case err != nil:
		x.failWrite("refreshing a session", err, repeatAdvice)
	default:
		x.answerJSON(200, x.sessionReplyOf(&user, session))
	}
}

// refuseSession ends a session and says that its token is not valid.
func (x *exchange) refuseSession(ctx context.Context, session *persistence.Session) {
	if err := x.server.endSession(ctx, session.User, session.ID, x.now); err != nil {
		x.failWrite("ending a session", err, repeatAdvice)
		return
	}
	x.failRefresh()
}

// failRefresh says the same whatever is wrong.
func (x *exchange) failRefresh() {
	x.dropCookies()
	x.fail(codeUnauthorized, "The refresh token is not valid, was used, or its session has ended. Log in again.")
}

// endSession ends a session of the user, if it lives, and all that it has opened.
func (s *Server) endSession(ctx context.Context, user, id inventory.ID, now inventory.Instant) error {
	if err := s.store.EndSession(ctx, user, id, now); err != nil && !errors.Is(err, persistence.ErrNotFound) {
		return err
	}
	s.revokeSessions([]inventory.ID{id}, now)
	return nil
}

// revokeSessions refuses the access tokens of sessions that have ended, and closes their
// WebSockets.
func (s *Server) revokeSessions(ended []inventory.ID, now inventory.Instant) {
	for _, id := range ended {
		s.revocations.EndSession(id, now)
	}
	if len(ended) > 0 {
		s.endSockets()
	}
}

// hasSession refuses a machine, which has none.
func (x *exchange) hasSession() bool {
	if x.principal.Session.IsZero() {
		x.fail(inventory.CodeNotFound, "An API key has no sessions.")
		return false
	}
	return true
}

// logout ends the caller's session.
func logout(x *exchange) {
	if !x.hasSession() {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	if err := x.server.endSession(ctx, x.principal.ID, x.principal.Session, x.now); err != nil {
		x.failWrite("ending a session", err, repeatAdvice)
		return
	}
	x.dropCookies()
	x.answerNothing()
}

// listSessions lists where the caller is logged in.
func listSessions(x *exchange) {
	if !x.hasSession() {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	sessions, err := x.server.store.LiveSessions(ctx, x.principal.ID, x.now)
	if err != nil {
		x.failStore("listing sessions", err)
		return
	}
	list := sessionList{Items: make([]sessionItem, 0, len(sessions))}
	for i := range sessions {
		session := &sessions[i]
		list.Items = append(list.Items, sessionItem{ID: session.ID.String(), Current: session.ID == x.principal.Session,
			CreatedAt: instantText(session.CreatedAt), UsedAt: instantText(session.UsedAt), ExpiresAt: instantText(session.ExpiresAt()),
			Address: session.Address, Agent: session.Agent})
	}
	x.answerJSON(200, list)
}

// endOneSession ends a session of the caller by its id.
func endOneSession(x *exchange) {
	id, is := x.pathID("id")
	if !is || !x.hasSession() {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	switch err := x.server.store.EndSession(ctx, x.principal.ID, id, x.now); {
	case errors.Is(err, persistence.ErrNotFound):
		x.fail(inventory.CodeNotFound, "You have no session with this id.")
	case err != nil:
		x.failWrite("ending a session", err, repeatAdvice)
	default:
		x.server.revokeSessions([]inventory.ID{id}, x.now)
		x.answerNothing()
	}
}

// endOtherSessions ends all sessions of the caller but this one.
func endOtherSessions(x *exchange) {
	if !x.hasSession() {
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	ended, err := x.server.store.EndSessions(ctx, x.principal.ID, x.principal.Session, x.now)
	if err != nil {
		x.failWrite("ending sessions", err, repeatAdvice)
		return
	}
	x.server.revokeSessions(ended, x.now)
	x.answerNothing()
}

// RecallRevocations reads from the store which access tokens have ended before their
// time. Until it has, nobody is recognised.
func (s *Server) RecallRevocations(ctx context.Context) error {
	sessions, accounts := token.RevokedSince(s.clock.Now())
	err := s.store.EachEndedSession(ctx, sessions, func(id inventory.ID, at inventory.Instant) error {
		s.revocations.EndSession(id, at)
		return nil
	})
	if err == nil {
		err = s.store.EachChangedUser(ctx, accounts, func(id inventory.ID, version int64, at inventory.Instant) error {
			s.revocations.EndVersions(id, version, at)
			return nil
		})
	}
	if err == nil {
		s.recalled.Store(true)
	}
	return err
}
