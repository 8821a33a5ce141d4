package api

import (
	"context"
	"encoding/base64"
	"errors"

	"holdfast/internal/secondfactor"
	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

// Who has a second factor logs in in two steps: the password gives a token that is good for
// the second step alone, and that gives the session. Staff has to have one: a session
// without it has the rights of a customer, which are enough to set one up.

// Reasons why a second step is refused.
var (
	errPendingGone  = errors.New("the login is not pending any more")
	errCodeWrong    = errors.New("the code is wrong")
	errTooManyCodes = errors.New("too many wrong codes")
)

// roleIn is the role of a user in a session.
func (s *Server) roleIn(user *persistence.User, session *persistence.Session) persistence.Role {
	if user.Role != persistence.RoleCustomer && !session.Strong && !s.options.StaffFactorOff {
		return persistence.RoleCustomer
	}
	return user.Role
}

// askForCode answers a login whose password was right with what the second step needs.
func (x *exchange) askForCode(user *persistence.User) {
	pending := token.Pending{Account: user.ID, Version: user.Version, Until: x.now.Add(instant(secondStepMax))}
	x.answerJSON(200, secondStepReply{MFARequired: true, MFAToken: x.server.secondSteps.Token(pending), ExpiresIn: int64(secondStepMax.Seconds())})
}

// loginSecondStep opens the session of somebody who has shown the password before.
func loginSecondStep(x *exchange) {
	var body secondStepBody
	if !x.decode(&body) || !x.takeCookies(body.Cookies) {
		return
	}
	s := x.server
	pending, err := s.secondSteps.Read(body.MFAToken, x.now)
	if err != nil {
		x.failSecondStep(errPendingGone)
		return
	}
	if !s.codeTries.enter(body.MFAToken) {
		x.failLimited("Too many codes were tried for this login. Log in again.", instant(secondStepMax))
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := x.takeCode(ctx, pending.Account, body.Code, func(user *persistence.User) error {
		if user.Version != pending.Version || user.Disabled || !user.Factor.Active || !token.KnownRole(user.Role) {
			return errPendingGone
		}
		return nil
	})
	if err != nil {
		x.failSecondStep(err)
		return
	}
	x.openSession(200, &user, true)
}

// takeCode uses up a code of an account: one of the device, or one of those on paper. check
// looks at the account before. The error is that of check, errCodeWrong, errTooManyCodes,
// or the store's.
func (x *exchange) takeCode(ctx context.Context, account inventory.ID, code string, check func(*persistence.User) error) (persistence.User, error) {
	var wrong error
	var recovered bool
	user, _, err := x.server.store.ChangeUser(ctx, account, persistence.UserChange{At: x.now, Edit: func(user *persistence.User) error {
		if err := check(user); err != nil {
			return err
		}
		recovered, wrong = x.spendCode(user, code)
		if errors.Is(wrong, errCodeWrong) {
			return nil // that it was wrong is kept
		}
		return wrong
	}})
	switch {
	case err != nil:
		return user, err
	case wrong != nil:
		return user, wrong
	case recovered:
		x.server.log.Warn("a recovery code was used", "user_id", account.String(), "left", len(user.Factor.RecoveryCodes),
			"address", x.peer().String(), "request_id", string(x.requestID))
		x.note(ctx, persistence.AuditRecoveryUsed, account, "")
	}
	return user, nil
}

// spendCode changes the second factor of an account as the code does. Wrong codes of the
// device are counted until a day has passed since the last, whatever happens meanwhile: of a
// million codes three are right, and nobody may try many. Codes on paper cannot be guessed, and are not counted.
func (x *exchange) spendCode(user *persistence.User, code string) (recovered bool, wrong error) {
	factor := &user.Factor
	if len(code) > secondfactor.CodeDigits {
		left, ok := secondfactor.Spend(code, factor.RecoveryCodes)
		if !ok {
			return false, errCodeWrong
		}
		factor.RecoveryCodes = left
		return true, nil
	}
	if x.now-factor.FailedAt > instant(codeFailuresPeriod) {
		factor.Failures = 0
	}
	if factor.Failures >= codeFailuresMax {
		return false, errTooManyCodes
	}
	step, ok, err := x.server.vault.Accept(user.ID, factor.Secret, code, x.now, factor.Step)
	switch {
	case err != nil:
		return false, err
	case !ok:
		factor.Failures, factor.FailedAt = factor.Failures+1, x.now
		return false, errCodeWrong
	}
	factor.Step = step
	return false, nil
}

// failSecondStep answers for a second step that was refused.
func (x *exchange) failSecondStep(err error) {
	switch {
	case errors.Is(err, errPendingGone), errors.Is(err, persistence.ErrNotFound):
		x.fail(codeUnauthorized, "The login is not pending any more. Log in again.")
	case errors.Is(err, errCodeWrong):
		x.fail(codeUnauthorized, "The code is wrong, was used, or has ended.")
	case errors.Is(err, errTooManyCodes):
		x.failLimited("Too many codes were wrong today. Use a recovery code, or try again tomorrow.", instant(codeFailuresPeriod))
	case errors.Is(err, secondfactor.ErrSealed):
		x.server.log.Error("a second factor cannot be checked", "error", err, "request_id", string(x.requestID))
		x.fail(codeInternal, "The second factor cannot be checked. Use a recovery code.")
	default:
		x.failWrite("checking a code", err, "Log in again.")
	}
}

// enrollFactor gives a person the secret for a device. It counts once activated.
func enrollFactor(x *exchange) {
	var body enrollBody
	if !x.decode(&body) {
		return
	}
	user, ok := x.reauthenticate(body.Password)
	if !ok {
		return
	}
	if user.Factor.Active {
		x.fail(inventory.CodeInvalidTransition, "There is a second factor. Disable it first.")
		return
	}
	sealed, text := x.server.vault.New(user.ID)
	ctx, cancel := x.storeContext()
	defer cancel()
	_, _, err := x.server.store.ChangeUser(ctx, user.ID, persistence.UserChange{At: x.now, Edit: func(user *persistence.User) error {
		if user.Factor.Active {
			return errAccountChanged
		}
		user.Factor.Secret = sealed
		return x.unchanged(user)
	}})
	if errors.Is(err, errAccountChanged) {
		x.failChanged()
		return
	}
	if err != nil {
		x.failWrite("setting up a second factor", err, repeatAdvice)
		return
	}
	address := secondfactor.Address("Holdfast", user.Email, text)
	picture, err := secondfactor.Picture(address)
	if err != nil {
		x.server.log.Error("a QR code could not be drawn", "error", err, "request_id", string(x.requestID))
	}
	x.answerJSON(200, enrollReply{Secret: text, Address: address, Picture: "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)})
}

// activateFactor puts the second factor in force, once the device has shown that it has the
// secret. All sessions end, and a new one begins.
func activateFactor(x *exchange) {
	var body codeBody
	if !x.decode(&body) || !x.hasSession() {
		return
	}
	codes, hashes := secondfactor.NewRecoveryCodes()
	entry := x.entry("", x.principal.ID.String(), "")
	var wrong error
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := x.server.changeUser(ctx, x.principal.ID, persistence.UserChange{At: x.now, Audit: &entry, Edit: func(user *persistence.User) error {
		factor := &user.Factor
		entry.Action = "" // nothing has happened yet
		if err := x.unchanged(user); err != nil {
			return err
		}
		if factor.Active || len(factor.Secret) == 0 {
			return errPendingGone
		}
		if _, wrong = x.spendCode(user, body.Code); errors.Is(wrong, errCodeWrong) {
			return nil // that it was wrong is kept
		}
		if wrong != nil {
			return wrong
		}
		factor.Active, factor.RecoveryCodes = true, hashes
		user.Version++
		entry.Action = persistence.AuditFactorOn
		return nil
	}})
	switch {
	case errors.Is(err, errPendingGone):
		x.fail(inventory.CodeInvalidTransition, "No second factor is being set up, or it was activated already.")
	case errors.Is(err, errAccountChanged):
		x.failChanged()
	case err == nil && wrong != nil:
		x.fail(codeForbidden, "The code is wrong. Look at the clock of the device, and send the code that it shows now.")
	case err != nil:
		x.failSecondStep(err)
	default:
		reply := activateReply{RecoveryCodes: codes}
		if session, ok := x.newSession(&user, true); ok {
			reply.Session = &session
		}
		x.answerJSON(200, reply) // without a session too: the codes are not shown again
	}
}

// ownerWithFactor reads the request of somebody who has a second factor, and has shown the
// password; the code is the caller's to look at.
func (x *exchange) ownerWithFactor(body *bothFactorsBody) (persistence.User, bool) {
	if !x.decode(body) {
		return persistence.User{}, false
	}
	user, ok := x.reauthenticate(body.Password)
	if ok && !user.Factor.Active {
		x.fail(inventory.CodeInvalidTransition, "There is no second factor.")
		return persistence.User{}, false
	}
	return user, ok
}

// disableFactor removes the second factor of somebody who shows both.
func disableFactor(x *exchange) {
	var body bothFactorsBody
	user, ok := x.ownerWithFactor(&body)
	if !ok {
		return
	}
	if !x.showCode(&user, body.Code) {
		return
	}
	x.changeOwn(persistence.AuditFactorOff, func(user *persistence.User) error {
		user.Factor = persistence.SecondFactor{Failures: user.Factor.Failures, FailedAt: user.Factor.FailedAt}
		user.Version++
		return nil
	}, func(user *persistence.User) { x.openSession(200, user, false) })
}

// renewRecoveryCodes gives new codes on paper to somebody who shows both factors; the old
// ones are worth nothing from then on. The code is used up in the same step: of two renewals
// the later one counts, and none costs a code without giving others.
func renewRecoveryCodes(x *exchange) {
	var body bothFactorsBody
	user, ok := x.ownerWithFactor(&body)
	if !ok {
		return
	}
	codes, hashes := secondfactor.NewRecoveryCodes()
	entry := x.entry("", user.ID.String(), "")
	var wrong error
	ctx, cancel := x.storeContext()
	defer cancel()
	_, err := x.server.changeUser(ctx, user.ID, persistence.UserChange{At: x.now, Audit: &entry, Edit: func(user *persistence.User) error {
		entry.Action = "" // nothing has happened yet
		if err := x.unchanged(user); err != nil {
			return err
		}
		if _, wrong = x.spendCode(user, body.Code); errors.Is(wrong, errCodeWrong) {
			return nil // that it was wrong is kept
		}
		if wrong != nil {
			return wrong
		}
		user.Factor.RecoveryCodes, entry.Action = hashes, persistence.AuditRecoveryNew
		return nil
	}})
	switch {
	case errors.Is(err, errAccountChanged):
		x.failChanged()
	case err == nil && wrong != nil:
		x.fail(codeForbidden, "The code is wrong, was used, or has ended.")
	case errors.Is(err, errTooManyCodes), errors.Is(err, secondfactor.ErrSealed):
		x.failSecondStep(err)
	case err != nil:
		x.failWrite("renewing recovery codes", err, "Renew them again, with another code.")
	default:
		x.answerJSON(200, recoveryReply{RecoveryCodes: codes})
	}
}

// showCode uses up a code of somebody who has a second factor, or refuses.
func (x *exchange) showCode(user *persistence.User, code string) bool {
	if !user.Factor.Active {
		return true
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	_, err := x.takeCode(ctx, user.ID, code, x.unchanged)
	switch {
	case err == nil:
		return true
	case errors.Is(err, errCodeWrong):
		x.fail(codeForbidden, "The code is wrong, was used, or has ended.")
	case errors.Is(err, errAccountChanged):
		x.failChanged()
	default:
		x.failSecondStep(err)
	}
	return false
}
