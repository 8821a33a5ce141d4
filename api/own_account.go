package api

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/password"
	"holdfast/inventory"
	"holdfast/persistence"
)

// reauthenticate returns the caller's account when the password is right, or refuses: what
// changes how one logs in needs more than a session, which somebody may have found open.
// Tries are bounded as those of a login are.
func (x *exchange) reauthenticate(secret string) (persistence.User, bool) {
	if !x.hasSession() {
		return persistence.User{}, false
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := x.server.store.UserByID(ctx, x.principal.ID)
	if err != nil {
		x.failStore("reading an account", err)
		return user, false
	}
	attempt, wait := x.server.logins.begin(user.Email, x.address(), x.now)
	if wait > 0 {
		x.failLimited("Too many passwords were wrong. Try again later.", wait)
		return user, false
	}
	matches, err := x.server.hasher.Verify(x.server.living, secret, user.PasswordHash)
	switch {
	case err != nil:
		attempt.undo()
		x.failHashing(err)
		return user, false
	case !matches:
		x.fail(codeForbidden, "The password is wrong.")
		return user, false
	}
	attempt.succeed(x.now)
	return user, true
}

// changeOwn changes the caller's account, and lets answer say so. Sessions and access tokens
// that end with the change are refused before.
func (x *exchange) changeOwn(action string, edit func(*persistence.User) error, answer func(*persistence.User)) {
	ctx, cancel := x.storeContext()
	defer cancel()
	entry := x.entry(action, x.principal.ID.String(), "")
	user, err := x.server.changeUser(ctx, x.principal.ID, persistence.UserChange{At: x.now, Audit: &entry,
		Forget: action == persistence.AuditUserErase, Edit: func(user *persistence.User) error {
			if err := x.unchanged(user); err != nil {
				return err
			}
			return edit(user)
		}})
	switch {
	case errors.Is(err, errAccountChanged):
		x.failChanged()
	case err != nil:
		x.failWrite("changing an account", err, "Log in again to see.")
	default:
		answer(&user)
	}
}

// errAccountChanged is why an account is not changed by somebody who was recognised, or has
// shown a password, before somebody else has changed it.
var errAccountChanged = errors.New("the account was changed at the same time")

// unchanged returns errAccountChanged unless the caller's account is as it was when the
// access token was issued.
func (x *exchange) unchanged(user *persistence.User) error {
	if user.Version != x.principal.Version || user.Disabled {
		return errAccountChanged
	}
	return nil
}

// changeUser changes an account, and refuses at once what has ended with it. When it is not
// known whether that was done, the account is read until that is known.
func (s *Server) changeUser(ctx context.Context, id inventory.ID, change persistence.UserChange) (persistence.User, error) {
	edited, edit := false, change.Edit
	change.Edit = func(user *persistence.User) error {
		err := edit(user)
		edited = err == nil
		return err
	}
	user, ended, err := s.store.ChangeUser(ctx, id, change)
	switch {
	case err == nil:
		s.revokeSessions(ended, change.At)
		s.endVersions(&user, change.At)
	case edited && !errors.Is(err, persistence.ErrExists):
		s.rereadLater(id)
	}
	return user, err
}

// endVersions refuses the access tokens of older versions of an account.
func (s *Server) endVersions(user *persistence.User, now inventory.Instant) {
	if user.Version > 1 {
		s.revocations.EndVersions(user.ID, user.Version, now)
		s.endSockets()
	}
}

// rereadPause is the pause before an account is read again, rereadsMax how often it is tried,
// and rereadAccountsMax of how many accounts at a time: of a change that nobody hears of, the
// tokens of before end by themselves.
const (
	rereadPause       = time.Second
	rereadsMax        = 600
	rereadAccountsMax = 1_024
)

// rereadLater lets an account be read again, once at a time.
func (s *Server) rereadLater(id inventory.ID) {
	s.rereadLock.Lock()
	defer s.rereadLock.Unlock()
	if s.rereading[id] || len(s.rereading) >= rereadAccountsMax {
		return
	}
	s.rereading[id] = true
	s.rereaders.Go(func() {
		s.reread(id)
		s.rereadLock.Lock()
		defer s.rereadLock.Unlock()
		delete(s.rereading, id)
	})
}

// reread reads an account, once its row is free, until the store answers.
func (s *Server) reread(id inventory.ID) {
	for range rereadsMax {
		if !s.pause(rereadPause) {
			return
		}
		ctx, cancel := s.storeContext()
		user, _, err := s.store.ChangeUser(ctx, id, persistence.UserChange{Edit: func(*persistence.User) error { return nil }})
		cancel()
		if err == nil {
			s.endVersions(&user, s.clock.Now())
		}
		if err == nil || errors.Is(err, persistence.ErrNotFound) {
			return
		}
	}
}

// changePassword gives the caller another password. All other sessions end.
func changePassword(x *exchange) {
	var body passwordBody
	if !x.decode(&body) {
		return
	}
	user, ok := x.reauthenticate(body.Password)
	if !ok || !x.showCode(&user, body.Code) {
		return
	}
	hash, ok := x.hashNew("#/new_password", body.NewPassword, &user)
	if !ok {
		return
	}
	strong := user.Factor.Active
	x.changeOwn(persistence.AuditPassword, func(user *persistence.User) error {
		user.PasswordHash = hash
		user.Version++
		return nil
	}, func(user *persistence.User) { x.openSession(200, user, strong) })
}

// hashNew checks and hashes a new password, or refuses.
func (x *exchange) hashNew(pointer, secret string, user *persistence.User) (string, bool) {
	if reason := password.Check(secret, user.Name, user.Email); reason != "" {
		x.failFields(fieldError{pointer: pointer, code: fieldInvalid, detail: string(reason)})
		return "", false
	}
	hash, err := x.server.hasher.Hash(x.server.living, secret)
	if err != nil {
		x.failHashing(err)
		return "", false
	}
	return hash, true
}

// eraseAccount ends the caller's account. What tells of the person is removed; orders stay,
// under an ID that means nobody any more, because books have to be kept.
func eraseAccount(x *exchange) {
	var body eraseBody
	if !x.decode(&body) {
		return
	}
	user, ok := x.reauthenticate(body.Password)
	if !ok || !x.showCode(&user, body.Code) {
		return
	}
	if user.Role != persistence.RoleCustomer {
		x.fail(inventory.CodeInvalidTransition, "An account of staff is ended by making it one of a customer first.")
		return
	}
	x.changeOwn(persistence.AuditUserErase, func(user *persistence.User) error {
		*user = persistence.User{ID: user.ID, Email: "erased-" + user.ID.String() + unreachableDomain, Role: persistence.RoleCustomer,
			Disabled: true, CreatedAt: user.CreatedAt, Version: user.Version + 1}
		return nil
	}, func(*persistence.User) {
		x.dropCookies()
		x.answerNothing()
	})
}
