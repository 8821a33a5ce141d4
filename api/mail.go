package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"holdfast/internal/token"
	"holdfast/inventory"
	"holdfast/persistence"
)

const (
	// mailsWaitingMax bounds the mails that wait to be sent; one more is dropped, and logged.
	mailsWaitingMax = 256
	// mailTriesMax is how often a mail is handed over, mailMax how long one try may take, and
	// mailPause the pause between two.
	mailTriesMax = 3
	mailMax      = 30 * time.Second
	mailPause    = 2 * time.Second
	// mailEvery is the least time between two mails to an address; then: rate_limited.
	// mailAddressesMax bounds the addresses of which that is known: beyond it those go whose
	// time is over, and others at random.
	mailEvery        = 5 * time.Minute
	mailAddressesMax = 65_536
)

// MailPasswordReset is the kind of a mail with which somebody gets a new password.
const MailPasswordReset = "password_reset"

// Mail is what a person is told outside of the shop. Token is good for one step: whoever
// delivers it puts it into a link to a page of the shop, after a #, and logs nothing.
type Mail struct {
	Kind, To, Name, Token string
	ExpiresAt             inventory.Instant
}

// mails are the addresses that asked for a new password. One after the other is looked up
// and written to, so that who asks cannot tell from the time whether there is an account.
type mails struct {
	waiting chan string
	sending sync.WaitGroup
	asked   mailThrottle
}

// mailThrottle lets one mail to an address be asked for in a time, whether there is such an
// account or not.
type mailThrottle struct {
	lock  sync.Mutex
	asked map[string]inventory.Instant
}

// enter returns how long to wait, or zero when a mail may be asked for now.
func (m *mailThrottle) enter(email string, now inventory.Instant) inventory.Instant {
	m.lock.Lock()
	defer m.lock.Unlock()
	if last, known := m.asked[email]; known && now-last < instant(mailEvery) {
		return last + instant(mailEvery) - now
	}
	if len(m.asked) >= mailAddressesMax {
		for other, last := range m.asked {
			if now-last >= instant(mailEvery) || len(m.asked) >= mailAddressesMax {
				delete(m.asked, other)
			}
		}
	}
	m.asked[email] = now
	return 0
}

func (s *Server) startMails() *mails {
	m := &mails{waiting: make(chan string, mailsWaitingMax), asked: mailThrottle{asked: map[string]inventory.Instant{}}}
	if s.options.SendMail == nil {
		return m
	}
	m.sending.Go(func() {
		for {
			select {
			case email := <-m.waiting:
				s.mailReset(email)
			case <-s.living.Done():
				return
			}
		}
	})
	return m
}

// mailReset writes to an address, when it has an account that a password may open.
func (s *Server) mailReset(email string) {
	ctx, cancel := s.storeContext()
	defer cancel()
	user, err := s.store.UserByEmail(ctx, email)
	switch {
	case errors.Is(err, persistence.ErrNotFound), err == nil && (user.Disabled || user.PasswordHash == ""):
		return
	case err != nil:
		s.log.Error("a mail for a new password is not sent", "error", err)
		return
	}
	until := s.clock.Now().Add(instant(resetMax))
	s.deliver(Mail{Kind: MailPasswordReset, To: user.Email, Name: user.Name, ExpiresAt: until,
		Token: s.resets.Token(token.Pending{Account: user.ID, Version: user.Version, Until: until})})
}

// deliver hands a mail over, again when that fails.
func (s *Server) deliver(mail Mail) {
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(s.living, mailMax)
		err := s.options.SendMail(ctx, mail)
		cancel()
		if err == nil {
			return
		}
		s.log.Error("a mail was not handed over", "kind", mail.Kind, "try", try, "error", err)
		if try == mailTriesMax || !s.pause(mailPause) {
			return
		}
	}
}

// pause waits, and reports whether the server goes on.
func (s *Server) pause(length time.Duration) bool {
	woken := make(chan struct{}, 1)
	timer := s.clock.AfterFunc(length, func() { woken <- struct{}{} })
	defer timer.Stop()
	select {
	case <-woken:
		return true
	case <-s.living.Done():
		return false
	}
}

// forgotPassword sends a mail with which the owner of an account gets a new password. The
// answer is the same whether there is such an account or not.
func forgotPassword(x *exchange) {
	var body forgottenBody
	if !x.decode(&body) {
		return
	}
	s := x.server
	if s.options.SendMail == nil {
		x.fail(codeMailUnavailable, "This shop sends no mail. Ask its staff.")
		return
	}
	email, valid := normaliseEmail(body.Email)
	if !valid {
		x.failFields(fieldError{pointer: "#/email", code: fieldInvalid, detail: "It must be a plain email address."})
		return
	}
	if wait := s.mails.asked.enter(email, x.now); wait > 0 {
		x.failLimited("A mail to this address was asked for a moment ago. Look there, or try again later.", wait)
		return
	}
	select {
	case s.mails.waiting <- email:
	default: // the answer is the same: whether it is full may depend on which accounts there are
		s.log.Warn("a mail is not sent: too many are waiting", "waiting", mailsWaitingMax)
	}
	x.ctx.Response.SetStatusCode(202)
}

// resetPassword gives an account another password, to whoever has got the mail. All sessions
// end. A second factor is asked for at the next login as before.
func resetPassword(x *exchange) {
	var body resetBody
	if !x.decode(&body) {
		return
	}
	s := x.server
	pending, err := s.resets.Read(body.Token, x.now)
	if err != nil {
		x.failReset()
		return
	}
	ctx, cancel := x.storeContext()
	defer cancel()
	user, err := s.store.UserByID(ctx, pending.Account)
	switch {
	case errors.Is(err, persistence.ErrNotFound), err == nil && (user.Version != pending.Version || user.Disabled):
		x.failReset()
		return
	case err != nil:
		x.failStore("reading an account", err)
		return
	}
	hash, ok := x.hashNew("#/new_password", body.NewPassword, &user)
	if !ok {
		return
	}
	ctx, renewed := x.storeContext() // hashing may have used up the other
	defer renewed()
	entry := x.entryOf(persistence.AuditPassword, user.ID, "by mail")
	_, err = s.changeUser(ctx, user.ID, persistence.UserChange{At: x.now, Audit: &entry, Edit: func(user *persistence.User) error {
		if user.Version != pending.Version || user.Disabled {
			return errPendingGone
		}
		user.PasswordHash = hash
		user.Version++
		return nil
	}})
	switch {
	case errors.Is(err, errPendingGone):
		x.failReset()
	case err != nil:
		x.failWrite("changing a password", err, "Try to log in with it.")
	default:
		x.answerNothing()
	}
}

func (x *exchange) failReset() {
	x.fail(codeUnauthorized, "The link is not valid, was used, or has ended. Ask for another mail.")
}
