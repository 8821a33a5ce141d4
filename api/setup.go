package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"sync"

	"holdfast/internal/identifier"
	"holdfast/inventory"
	"holdfast/persistence"
)

// setup lets whoever has started the program make the first administrator, once.
type setup struct {
	lock  sync.Mutex
	hash  [sha256.Size]byte
	until inventory.Instant
}

// OfferSetup returns a token with which the first administrator can be made within a
// quarter of an hour. One that was offered before is worth nothing from then on.
func (s *Server) OfferSetup() string {
	text := rand.Text()
	s.setup.lock.Lock()
	defer s.setup.lock.Unlock()
	s.setup.hash, s.setup.until = sha256.Sum256([]byte(text)), s.clock.Now().Add(instant(setupMax))
	return text
}

// opens reports whether a token is the one, and still good.
func (s *setup) opens(text string, now inventory.Instant) bool {
	hash := sha256.Sum256([]byte(text))
	s.lock.Lock()
	defer s.lock.Unlock()
	return subtle.ConstantTimeCompare(hash[:], s.hash[:]) == 1 && now < s.until
}

// end makes the token worthless.
func (s *setup) end() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.until = 0
}

// makeFirstAdmin makes the first administrator. That there is none yet is decided by the
// database: of two who try it at once, one is told that somebody else was faster.
func makeFirstAdmin(x *exchange) {
	var body setupBody
	if !x.decode(&body) || !x.takeCookies(body.Cookies) {
		return
	}
	s := x.server
	if !s.setup.opens(body.Token, x.now) {
		x.fail(codeUnauthorized, "The link is not valid, was used, or has ended. Start the server again to get another one.")
		return
	}
	user, fields := customerOf(&registerBody{Email: body.Email, Password: body.Password, Name: body.Name})
	if len(fields) > 0 {
		x.failFields(fields...)
		return
	}
	hash, err := s.hasher.Hash(s.living, body.Password)
	if err != nil {
		x.failHashing(err)
		return
	}
	user.ID, user.PasswordHash, user.CreatedAt, user.Version, user.Role = identifier.Unsharded(x.now), hash, x.now, 1, persistence.RoleAdmin
	ctx, cancel := x.storeContext()
	defer cancel()
	switch err := s.store.CreateFirstAdmin(ctx, user, x.entryOf(persistence.AuditFirstAdmin, user.ID, "")); {
	case errors.Is(err, persistence.ErrVersion):
		s.setup.end()
		x.fail(inventory.CodeInvalidTransition, "There is an administrator already.")
	case errors.Is(err, persistence.ErrExists):
		x.fail(codeEmailTaken, "There is an account with this address. Choose another one.")
	case err != nil:
		x.failWrite("making the first administrator", err, "Log in; if that is refused, repeat the request.")
	default:
		s.setup.end()
		x.openSession(201, &user, false)
	}
}
